"""Several sources as one: each sensor from its own; one that fails leaves the others standing."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError
from selvawatch.sources.archives import ARCHIVES, open_archive, url_of
from selvawatch.sources.guarded import trust
from selvawatch.sources.load import read_scene
from selvawatch.sources.sensors import sensor_of
from selvawatch.sources.source import FAMILIES, Problem, SearchResult, Source, Superseded, open_source

log = logging.getLogger(__name__)

_PART = re.compile(rf"(?:^|,)({'|'.join(FAMILIES)})=")


@dataclass(frozen=True, slots=True, kw_only=True)
class CombinedSource:
    """A source for each sensor."""

    name: str
    """Text that opens it, such as `sentinel-2=earth-search,landsat=planetary-computer`."""
    parts: tuple[tuple[str, str], ...]
    """Sensor and text of its source."""

    def __post_init__(self) -> None:
        """Let the hosts that a person named lie in the local network."""
        for _, text in self.parts:
            if text.startswith("stac:"):
                trust(urlsplit(text.removeprefix("stac:")).hostname or "")
            elif text in ARCHIVES:
                trust(urlsplit(url_of(ARCHIVES[text])).hostname or "")

    @classmethod
    def open(cls, text: str) -> "CombinedSource":
        """The combination that a text names: an archive, or `SENSOR=SOURCE,...`.

        Raises
        ------
        SourceError
            When a part is empty or a sensor is named twice.
        """
        if text in ARCHIVES:
            return cls(name=text, parts=tuple((family, text) for family in ARCHIVES[text].collections))
        pieces = _PART.split(text)[1:]
        parts = tuple(zip(pieces[::2], pieces[1::2], strict=True))
        families = [family for family, _ in parts]
        if len(set(families)) != len(families) or not all(source for _, source in parts):
            raise SourceError(
                "every sensor needs one source", where=f"source {text}", needed="SENSOR=SOURCE,SENSOR=SOURCE"
            )
        return cls(name=text, parts=parts)

    @staticmethod
    def is_one(text: str) -> bool:
        """Whether a text names a combination."""
        return text in ARCHIVES or _PART.match(text) is not None

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes of all sensors; those that could not be searched are named.

        Raises
        ------
        SourceError
            When no sensor can be searched.
        """
        scenes: list[Scene] = []
        older: list[Superseded] = []
        problems: set[Problem] = set()
        failed: dict[str, str] = {}
        for family, text in self.parts:
            try:
                found = _part(family, text).search(geometry, first_day, last_day)
            except SourceError as error:
                log.warning("%s was not searched: %s", family, error)
                failed[family] = str(error)
                continue
            scenes += [scene for scene in found.scenes if sensor_of(scene).stream == family]
            older += [one for one in found.superseded if sensor_of(one.scene).stream == family]
            problems |= set(found.problems)
        if len(failed) == len(self.parts):
            raise SourceError(
                "no sensor can be searched",
                where=f"source {self.name}",
                got="; ".join(f"{family}: {why}" for family, why in failed.items()),
            )
        return SearchResult(
            scenes=tuple(
                sorted(scenes, key=lambda scene: (scene.day, scene.sensor, scene.id, scene.collection))
            ),
            problems=tuple(
                sorted(problems, key=lambda problem: (problem.scene_id, problem.reason, problem.text))
            ),
            superseded=tuple(sorted(older, key=lambda one: (one.scene.day, one.scene.id, one.scene.digest))),
            unsearched=tuple(sorted(failed)),
        )

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels, from the source of its sensor (`sources.load.read_scene`)."""
        stream = sensor_of(scene).stream
        text = next((text for family, text in self.parts if family == stream), "")
        if text:
            return _part(stream, text).read(scene, tile, bands, halo_px)
        return read_scene(scene, tile, bands, halo_px)


def _part(family: str, text: str) -> Source:
    if text in ARCHIVES:
        return open_archive(text, family)
    if text == "earthengine":
        from selvawatch.sources.earthengine import EarthEngineSource

        return EarthEngineSource(families=(family,))
    return open_source(text)
