"""The public archives by name, and what reading them needs; the collections are in the table of sensors.

Earth Search keeps Sentinel-2 Collection 1 open to all (baseline 05.00 on, offset -0.1 always); its older
`sentinel-2-l2a` states offsets that are not true, and its Landsat and Sentinel-1 lie in buckets whose reader
pays. Planetary Computer's addresses are signed by their host when they are opened (`web.signing`); the key
of an account is sent where it is set, and nothing needs it. ASF keeps OPERA RTC-S1 in CMR-STAC
(https://cmr.earthdata.nasa.gov/stac/ASF/collections/OPERA_L2_RTC-S1_V1_1); anybody may search, files want a
token of Earthdata Login (`web.tokens`). Copernicus Data Space keeps every product first, as JPEG 2000
(https://documentation.dataspace.copernicus.eu/APIs/STAC.html): it is searched by anybody, so that a site
learns which acquisitions the mirrors miss, and read with a token.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.stac_api import PAGE, StacSource
from selvawatch.sources.sensors.sensor_table import SENSORS
from selvawatch.web.tokens import COPERNICUS_VARIABLE, EARTHDATA_VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A STAC API whose collections the table of sensors names."""

    name: str
    url: str
    """Landing page."""
    url_variable: str
    """Variable of the environment that names another landing page (a mirror)."""
    page: int = PAGE
    """Items of a page of a search: replies of 100 items of Earth Search have reached 5.7 MB of the 6 MB
    that it can give (https://github.com/Element84/earth-search/issues/60).
    """
    keys: Mapping[str, str]
    """Variable of the environment without which a sensor cannot be read, by sensor."""
    finds_without: bool = False
    """Whether it is searched without them too."""


ARCHIVES: Mapping[str, Archive] = {
    archive.name: archive
    for archive in (
        Archive(
            name="earth-search",
            url="https://earth-search.aws.element84.com/v1",
            url_variable="EARTH_SEARCH_URL",
            page=100,
            keys={},
        ),
        Archive(
            name="planetary-computer",
            url="https://planetarycomputer.microsoft.com/api/stac/v1",
            url_variable="PLANETARY_COMPUTER_URL",
            keys={},
        ),
        Archive(
            name="asf-opera",
            url="https://cmr.earthdata.nasa.gov/stac/ASF",
            url_variable="ASF_OPERA_URL",
            keys={"sentinel-1": EARTHDATA_VARIABLE},
        ),
        Archive(
            name="copernicus",
            url="https://stac.dataspace.copernicus.eu/v1",
            url_variable="COPERNICUS_URL",
            page=100,
            keys={"sentinel-2": COPERNICUS_VARIABLE},
            finds_without=True,
        ),
    )
}


def collections_of(name: str) -> dict[str, tuple[str, ...]]:
    """Collections of an archive that are read, by stream of their sensors."""
    found: dict[str, tuple[str, ...]] = {}
    for sensor in SENSORS.values():
        if listed := sensor.archives.get(name):
            found[sensor.stream] = tuple(dict.fromkeys((*found.get(sensor.stream, ()), *listed)))
    return found


def url_of(archive: Archive) -> str:
    """Landing page of an archive: its own, or the mirror that the environment names."""
    return os.environ.get(archive.url_variable, archive.url)


def open_archive(name: str, family: str) -> StacSource:
    """A sensor's part of an archive; nothing is fetched yet.

    Raises
    ------
    SourceError
        When the archive does not keep the sensor, or a key that it needs is not set.
    """
    archive, collections = ARCHIVES[name], collections_of(name)
    if family not in collections:
        raise SourceError(
            f"the archive keeps no {family} that can be read",
            where=f"source {name}",
            needed=" or ".join(collections),
        )
    variable = archive.keys.get(family, "")
    if variable and not archive.finds_without and not os.environ.get(variable):
        raise SourceError(
            f"{family} needs the token of an account",
            where=f"source {name}",
            do=f"set {variable}",
        )
    return StacSource(
        url=url_of(archive),
        name=name,
        collections=collections[family],
        page=archive.page,
    )
