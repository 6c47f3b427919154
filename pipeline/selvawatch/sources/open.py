"""The source that a text names: the one place where sources are opened."""

import re

from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.combined import ClosedSource, CombinedSource
from selvawatch.sources.catalogues.earth_engine import EarthEngineSource
from selvawatch.sources.catalogues.folder import FolderSource
from selvawatch.sources.catalogues.ordered import OrderedSource
from selvawatch.sources.catalogues.public_archives import ARCHIVES, collections_of, open_archive
from selvawatch.sources.catalogues.stac_api import StacSource
from selvawatch.sources.sensors.sensor_table import FAMILIES, STREAMS
from selvawatch.sources.source import Source

KNOWN = (
    "earth-search",
    "planetary-computer",
    "asf-opera",
    "copernicus",
    "earthengine",
    "earthengine-opera",
    "stac:URL",
    "folder:DIR",
    "SENSOR=SOURCE,SENSOR=SOURCE+SOURCE",
)
"""Forms of text that `open_source` knows."""

_NAMES = "|".join(map(re.escape, (*ARCHIVES, "earthengine", "earthengine-opera")))
_NEXT = re.compile(rf"\+(?=(?:{_NAMES})(?:\+|,|$)|stac:|folder:)")
"""Stands between the sources of one sensor."""
_PART = re.compile(rf"(?:^|,)({'|'.join(STREAMS)})=")


def open_source(text: str) -> Source:
    """The source that a text such as `earth-search`, `stac:URL` or `folder:DIR` names.

    A sensor of a combination whose source cannot be opened is told so when it is searched, as one that does
    not answer is: the others go on.

    Raises
    ------
    SourceError
        When the form is not known, the folder is missing, empty or no STAC catalogue, a part of a combination
        is empty, or a sensor or a source of a sensor is named twice.
    """
    if text in ARCHIVES:
        return _combined(text, [(family, text) for family in families_of(text)])
    if _PART.match(text):
        pieces = _PART.split(text)[1:]
        return _combined(text, list(zip(pieces[::2], pieces[1::2], strict=True)))
    kind, separator, rest = text.partition(":")
    if kind == "folder" and separator and rest:
        return FolderSource.open(rest)
    if kind == "stac" and separator and rest:
        return StacSource.open(rest)
    if text == "earthengine":
        return EarthEngineSource()
    if text == "earthengine-opera":
        return EarthEngineSource.of_opera()
    raise SourceError("the source is not known", where=f"source {text}", needed=" or ".join(KNOWN))


def families_of(text: str) -> tuple[str, ...]:
    """Sensors that a text names sources for; none of a folder or an API, which say so by their scenes."""
    if text in ARCHIVES:
        return tuple(family for family in collections_of(text) if family in FAMILIES)
    if _PART.match(text):
        return tuple(_PART.split(text)[1::2])
    if text == "earthengine-opera":
        return EarthEngineSource.of_opera().families
    return FAMILIES if text == "earthengine" else ()


def _combined(name: str, parts: list[tuple[str, str]]) -> CombinedSource:
    families = [family for family, _ in parts]
    if len(set(families)) != len(families) or not all(text for _, text in parts):
        raise SourceError(
            "every sensor needs one source", where=f"source {name}", needed="SENSOR=SOURCE,SENSOR=SOURCE"
        )
    return CombinedSource(name=name, parts=tuple((family, _part(family, text)) for family, text in parts))


def _part(family: str, text: str) -> Source:
    """The source of one sensor."""
    if len(texts := _NEXT.split(text)) > 1:
        if len(set(texts)) != len(texts) or not all(texts):
            raise SourceError(
                f"a source of {family} is named twice", where=f"source {text}", needed="each source once"
            )
        return OrderedSource(name=text, sources=tuple(_part(family, one) for one in texts))
    try:
        if text in ARCHIVES:
            return open_archive(text, family)
        if text == "earthengine":
            return EarthEngineSource(families=(family,))
        return open_source(text)
    except SourceError as error:
        return ClosedSource(name=text, why=error)
