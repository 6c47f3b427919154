"""Archives on loopback that answer as public trackers say the real ones do; made-up items, no pixels."""

import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hostile_server

_CONFORMS = "https://api.stacspec.org/v1.0.0"
S2_ASSETS = ("blue", "green", "red", "nir", "swir16", "swir22", "scl")
PC_ASSETS = ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")
LANDSAT_ASSETS = ("blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel", "qa_radsat")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How an archive answers a search."""

    name: str
    cap_bytes: int = 0
    """Bytes of a reply above which it fails; 0: none."""
    cap_status: int = 502
    most_items: int = 10_000
    """Items of a page above which it is refused with 400."""
    a_second: int = 0
    """Requests a second above which it answers `busy`; 0: any."""
    busy: int = 403
    has_fields: bool = True
    counts: bool = True
    """Whether pages state how many items there are."""
    empty_first: bool = False
    """Whether the first page is empty and leads on."""
    overlap: int = 0
    """Items of a page that the next lists again."""
    ends_early: bool = False
    """Whether the pages of more than 12 days end half-way, though they count everything."""
    html: int = 0
    """Searches, from the first, that are answered by a page of HTML with status 200."""


EARTH_SEARCH = Profile(name="earth-search", cap_bytes=6_000_000, a_second=5)
"""Replies above 6 MB come to 500 or 502 (https://github.com/Element84/earth-search/issues/17,
https://github.com/Element84/earth-search/issues/60, https://github.com/stac-utils/stac-server/issues/226).
"""
PLANETARY_COMPUTER = Profile(
    name="planetary-computer", most_items=1_000, counts=False, a_second=8, busy=429, overlap=1
)
"""429 when asked too fast (https://github.com/microsoft/PlanetaryComputer/issues/415), pages that overlap by
an item (https://github.com/microsoft/PlanetaryComputer/issues/163), no count of items.
"""
CMR = Profile(name="asf-opera", most_items=250, has_fields=False, empty_first=True)
"""Pages above 250 items are refused (https://github.com/nasa/cmr-stac/issues/152); a page may be empty and
lead on (https://github.com/stac-utils/pystac-client/issues/648).
"""
COPERNICUS = Profile(name="copernicus", most_items=1_000, a_second=4, busy=429)
"""A limit of 1,000 items, and 429 above a number of requests that its quotas page gives
(https://documentation.dataspace.copernicus.eu/Quotas.html).
"""
PROFILES = (EARTH_SEARCH, PLANETARY_COMPUTER, CMR, COPERNICUS)


@dataclass
class Served:
    """A running archive."""

    address: str
    requests: list[int] = field(default_factory=list)
    """Status of every answer."""


@contextlib.contextmanager
def serve(profile: Profile, items: Sequence[Mapping[str, Any]]) -> Iterator[Served]:
    """Serve items as an archive does, until left."""
    served, times, guard = Served(""), [], threading.Lock()

    def answer(asked: hostile_server.Asked, make: Any) -> None:
        with guard:
            now = time.monotonic()
            times.append(now)
            is_fast = profile.a_second and sum(now - one < 1 for one in times) > profile.a_second
        status, body = (profile.busy, b'{"message": "Forbidden"}') if is_fast else make(asked)
        served.requests.append(status)
        asked.send(body, status=status)

    def landing(asked: hostile_server.Asked) -> tuple[int, bytes]:
        parts = ["core", "item-search", *(["item-search#fields"] if profile.has_fields else [])]
        link = {"rel": "search", "href": f"{asked.base}/search", "type": "application/geo+json"}
        return 200, json.dumps(
            {"type": "Catalog", "id": profile.name, "stac_version": "1.0.0", "description": "made up",
             "conformsTo": [f"{_CONFORMS}/{part}" for part in parts],
             "links": [link | {"method": "POST"}, {"rel": "self", "href": f"{asked.base}/"}]}
        ).encode()  # fmt: skip

    searches = []

    def search(asked: hostile_server.Asked) -> tuple[int, bytes]:
        searches.append(1)
        if len(searches) <= profile.html:
            return 200, b"<html><body>Down for maintenance</body></html>"
        words = asked.words
        limit, first = int(words["limit"]), int(words.get("token", 0))
        if limit > profile.most_items:
            return 400, b'{"errors": ["limit must be smaller"]}'
        listed = [item for item in items if _is_asked(item, words)]
        is_empty = profile.empty_first and "token" not in words
        end = first if is_empty else first + limit
        if profile.ends_early and _days_of(words) > 12:
            end = min(end, len(listed) // 2)
        part = listed[max(0, first - profile.overlap) : end]
        page: dict[str, Any] = {"type": "FeatureCollection", "features": [_cut(item, words) for item in part]}
        follows = (end == first + limit and end < len(listed)) or is_empty
        body = {**words, "token": end}
        link = {"rel": "next", "href": f"{asked.base}/search", "method": "POST", "body": body}
        page |= {"links": [link] if follows else []}
        page |= {"numberMatched": len(listed)} if profile.counts else {}
        text = json.dumps(page).encode()
        if profile.cap_bytes and len(text) > profile.cap_bytes:
            return profile.cap_status, b'{"message": "Internal server error"}'
        return 200, text

    answers = {"/": lambda asked: answer(asked, landing), "/search": lambda asked: answer(asked, search)}
    with hostile_server.serve(answers) as address:
        served.address = f"{address}/"
        yield served


def _days_of(words: Mapping[str, Any]) -> int:
    first, last = (dt.date.fromisoformat(text[:10]) for text in words["datetime"].split("/"))
    return (last - first).days + 1


def _is_asked(item: Mapping[str, Any], words: Mapping[str, Any]) -> bool:
    first, last = words["datetime"].split("/")
    return (
        item["collection"] in words["collections"]
        and first[:10] <= item["properties"]["datetime"][:10] <= last
    )


def _cut(item: Mapping[str, Any], words: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the extension `fields` leaves of an item."""
    if "fields" not in words:
        return item
    wanted = words["fields"]["include"]
    assets = {key: one for key, one in (item["assets"] or {}).items() if f"assets.{key}" in wanted}
    return {**{key: item[key] for key in wanted if key in item}, "assets": assets}


def make_item(
    name: str, collection: str, time_: str, bounds: tuple[float, float, float, float], assets: Sequence[str],
    *, size: int = 0, **properties: Any,
) -> dict[str, Any]:  # fmt: skip
    """An item over bounds in degrees, with files that are nowhere, padded to about `size` bytes."""
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item: dict[str, Any] = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": list(bounds), "links": [],
        "properties": {"datetime": time_, **properties},
        "assets": {key: {"href": f"https://example.org/{name}/{key}.tif"} for key in assets},
    }  # fmt: skip
    padding = size - len(json.dumps(item)) - 30
    if padding > 0:
        item["assets"]["thumbnail"] = {"href": "x", "title": "x" * padding}
    return item


def sentinel_2_history(first: dt.date, last: dt.date, bounds: Any, *, tiles: int, size: int) -> list[Any]:
    """Sentinel-2 items of Earth Search on its revisit of 5 days, over some tiles, of a size in bytes each."""
    items = []
    for day in range((last - first).days // 5 + 1):
        date = first + dt.timedelta(days=5 * day)
        for tile in range(tiles):
            items.append(
                make_item(
                    f"S2B_T19L{'CDEFGH'[tile]}F_{date:%Y%m%d}", "sentinel-2-c1-l2a",
                    f"{date}T14:5{tile}:01Z", bounds, S2_ASSETS, size=size,
                    **{"platform": "sentinel-2b", "constellation": "sentinel-2", "eo:cloud_cover": 5,
                       "grid:code": f"MGRS-19L{'CDEFGH'[tile]}F", "s2:processing_baseline": "05.10"},
                )
            )  # fmt: skip
    return items
