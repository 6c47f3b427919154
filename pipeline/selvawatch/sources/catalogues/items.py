"""STAC items become scenes; an item that cannot be used becomes a problem with a reason, never nothing."""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import shapely
from shapely.geometry import shape

from selvawatch.core.days import to_day
from selvawatch.core.files import digest
from selvawatch.core.scene import Asset, Scene
from selvawatch.sources.catalogues.spellings import by_band_name, collection_of, middle_of, platform_of
from selvawatch.sources.catalogues.superseded import version_of, without_superseded
from selvawatch.sources.sensors import radar_products
from selvawatch.sources.sensors.sensor import Sensor
from selvawatch.sources.sensors.sensor_table import missing, recognise
from selvawatch.sources.source import Problem, SearchResult, Superseded

Item = Mapping[str, Any]
Resolve = Callable[[str, str], str]
"""Address of an item and href of an asset in; the href to open out, or ValueError when it may not be opened.
"""

_SAFE_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_KEPT = ("earthsearch:boa_offset_applied", "platform", "grid:code")
_PROCESSING = ("s2:processing_baseline", "processing:version", "landsat:correction")
_PROCESSED = ("processing:datetime", "s2:generation_time")
_VOLATILE = ("created", "updated", "published")
MALFORMED = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    shapely.errors.ShapelyError,
)
"""What a member of another type, length, depth or size than STAC has comes to: a problem of its item."""
_VERSION = re.compile(r"[\w.+-]{0,32}")
_MADE = re.compile(r"(\d{4}-\d\d-\d\d([T ][\d:.]{5,15}(Z|[+-]\d\d:?\d\d)?)?)?")
_MOST_POINTS = 10_000
"""Points of a footprint; a scene's has 5 to some hundred."""
_MOST_TEXT = 4_000
"""Characters of an address or property that is kept of an item."""
_COORDINATES = re.compile(r"EPSG:\d{4,6}")


class UnusableError(ValueError):
    """An item that cannot be used, with the code of its reason."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def collect(
    items: Iterable[tuple[str, Item]],
    geometry: shapely.Geometry,
    first_day: int,
    last_day: int,
    resolve: Resolve,
) -> SearchResult:
    """What a search over (address, item) pairs found on a geometry (WGS 84) between two days, both included.

    An item whose place or time cannot be told is found, as a problem. Of the products of one acquisition the
    newest is kept, and the others are superseded (`sources.catalogues.superseded`). Of items that share
    collection and id the newest is kept, by version and then by what was updated last; the others are
    superseded where their versions differ, problems where not, and nothing where they say the same.
    """
    scenes: dict[tuple[str, str], tuple[str, Scene]] = {}
    older: list[Superseded] = []
    problems: list[Problem] = []
    shapely.prepare(geometry)
    for address, item in items:
        try:
            scene = _wanted(address, item, geometry, first_day, last_day, resolve)
        except UnusableError as error:
            problems.append(_problem(address, item, error.reason, str(error)))
            continue
        except MALFORMED as error:
            why = f"its metadata cannot be read ({type(error).__name__})"
            problems.append(_problem(address, item, "item", why))
            continue
        if scene is None:
            continue
        key = (scene.collection, scene.id)
        candidate = (str(item.get("properties", {}).get("updated", "")), scene)
        if key in scenes:
            both = sorted(
                (candidate, scenes[key]),
                key=lambda pair: (version_of(pair[1]), pair[0], pair[1].digest),
            )
            candidate, other = both[1], both[0][1]
            if both[0][0] == both[1][0] and both[0][1].digest == both[1][1].digest:
                continue  # the same item again, as where pages overlap
            if version_of(candidate[1]) > version_of(other):
                older.append(Superseded(scene=other, by=scene.id))
            else:
                why = f"collection {scene.collection} has it twice"
                problems.append(_problem(address, item, "duplicate", why))
        scenes[key] = candidate
    kept, replaced = without_superseded(scene for _, scene in scenes.values())
    return SearchResult(
        scenes=tuple(kept),
        superseded=tuple(sorted(older + replaced, key=lambda product: product.order)),
        problems=tuple(sorted(problems, key=lambda problem: problem.order)),
    )


def links_of(content: Item) -> list[str]:
    """Targets of the child and item links of a catalogue or collection."""
    links = content.get("links")
    return [
        link["href"]
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict)
        and link.get("rel") in ("child", "item")
        and isinstance(link.get("href"), str)
    ]


def _wanted(
    address: str, item: Item, geometry: shapely.Geometry, first_day: int, last_day: int, resolve: Resolve
) -> Scene | None:
    """The item's scene; None when it lies elsewhere or at another time. Raises UnusableError."""
    if not isinstance(item, Mapping) or not isinstance(item.get("properties"), Mapping):
        raise UnusableError("item", "it is no STAC item")
    footprint = _footprint(item)
    if not footprint.intersects(geometry):
        return None
    time = _time(item)
    if not first_day <= to_day(time) <= last_day:
        return None
    return scene_from(address, item, footprint, time, resolve)


def scene_from(
    address: str, item: Item, footprint: shapely.Geometry, time: dt.datetime, resolve: Resolve
) -> Scene:
    """The scene of an item whose footprint and time are known; raises UnusableError with the reason."""
    properties = item["properties"]
    name = item.get("id")
    if not isinstance(name, str) or not _SAFE_ID.fullmatch(name) or ".." in name:
        raise UnusableError("id", "its id is no plain name (letters, digits, dot, dash, underscore)")
    collection = str(item.get("collection") or "")
    platform = platform_of(properties, name) or radar_products.platform_of(name)
    if not isinstance(item.get("assets"), Mapping):
        raise UnusableError("item", "it has no assets")
    entries = by_band_name(item["assets"])
    constellation = str(properties.get("constellation") or "")
    sensor = recognise(collection_of(item), platform, constellation, entries)
    if sensor is None:
        raise UnusableError(
            "sensor", f"no known sensor: collection {collection or 'none'}, platform {platform or 'none'}"
        )
    if (tier := properties.get("landsat:collection_category", "T1")) != "T1":
        raise UnusableError("tier", f"Landsat collection category is {tier}, needed T1")
    if lacking := missing(sensor, entries):
        raise UnusableError("missing-asset", f"{sensor.name} without {', '.join(lacking)}")
    cloud = properties.get("eo:cloud_cover")
    orbit, track = _flown(item, name, sensor) if sensor.radar else ("", "")
    return Scene(
        id=name,
        sensor=sensor.name,
        collection=collection,
        time=time,
        footprint=footprint,
        assets=_assets(address, item, entries, sensor, resolve),
        cloud_percent=float(cloud) if isinstance(cloud, int | float) and math.isfinite(cloud) else None,
        processing=_stated(properties, _PROCESSING, _VERSION),
        orbit=orbit,
        track=track,
        digest=_digest(item, entries, sensor),
        properties=_kept(properties, name, platform),
    )


def _flown(item: Item, name: str, sensor: Sensor) -> tuple[str, str]:
    """Direction and track of a radar item; raises UnusableError where it is raw or its direction unknown."""
    properties = item["properties"]
    if any(band.kind == "power" for band in sensor.bands.values()):
        listed = str(item.get("collection") or "") in sensor.collections
        entries = [entry for entry in item["assets"].values() if isinstance(entry, Mapping)]
        grid = _crs(properties) or next((crs for entry in entries if (crs := _crs(entry))), "")
        if why := radar_products.raw_reason(properties, name, grid, listed):
            raise UnusableError("raw", why)
    orbit = radar_products.direction_of(properties, name)
    if orbit not in ("ascending", "descending"):
        if sensor.orbit_needed or orbit:
            raise UnusableError("orbit", f"orbit direction is {orbit or 'not stated'}")
        orbit = ""
    return orbit, radar_products.track_of(properties, name) if orbit else ""


def _assets(address: str, item: Item, entries: Item, sensor: Sensor, resolve: Resolve) -> dict[str, Asset]:
    assets = {}
    for name in (*sensor.bands, *sensor.quality):
        key = sensor.asset(name, entries)
        if key is None:
            continue
        entry = entries[key]
        href = _href_of(entry) if isinstance(entry, Mapping) else None
        if not isinstance(href, str) or not href:
            raise UnusableError("missing-asset", f"asset {key} has no href")
        if len(href) > _MOST_TEXT:
            raise UnusableError("href", f"asset {key}: the address has {len(href)} characters")
        try:
            opened = resolve(address, href)
        except ValueError as error:
            raise UnusableError("href", f"asset {key}: {error}") from error
        try:
            assets[key] = _asset(opened, entry, item["properties"])
        except (TypeError, ValueError, KeyError) as error:
            raise UnusableError("item", f"asset {key}: its metadata cannot be read ({error})") from error
    return assets


def _href_of(entry: Item) -> object:
    """Address of an asset: where it lies in a store that wants keys, that of its alternates on the web (STAC
    extension `alternate-assets`).
    """
    href, alternates = entry.get("href"), entry.get("alternate")
    if not isinstance(href, str) or urlsplit(href).scheme != "s3" or not isinstance(alternates, Mapping):
        return href
    others = [other.get("href") for other in alternates.values() if isinstance(other, Mapping)]
    on_web = (one for one in others if isinstance(one, str) and urlsplit(one).scheme in ("http", "https"))
    return next(on_web, href)


def _asset(href: str, entry: Item, properties: Item) -> Asset:
    """An asset with what `raster:bands`, or STAC 1.1 `bands`, and the projection extension say."""
    said = {**(entry.get("raster:bands") or [{}])[0]}
    common = {**entry, **(entry.get("bands") or [{}])[0]}
    for key in ("scale", "offset"):
        said.setdefault(key, common.get(f"raster:{key}"))
    said.setdefault("nodata", common.get("nodata"))
    shape_ = entry.get("proj:shape") or properties.get("proj:shape")
    transform = entry.get("proj:transform") or properties.get("proj:transform")
    return Asset(
        href=href,
        scale=_number(said["scale"]),
        offset=_number(said["offset"]),
        nodata=_number(said["nodata"]),
        crs=_crs(entry) or _crs(properties),
        shape=(int(shape_[0]), int(shape_[1])) if shape_ else None,
        transform=tuple(float(value) for value in transform[:6]) if transform else None,
        file_size=int(entry["file:size"]) if entry.get("file:size") is not None else None,
        checksum=str(entry.get("file:checksum") or "").lower()[:200],
    )


def _crs(fields: Item) -> str:
    code = str(fields.get("proj:code") or (f"EPSG:{fields['proj:epsg']}" if fields.get("proj:epsg") else ""))
    return code if _COORDINATES.fullmatch(code) else ""


def _number(value: object) -> float | None:
    """A number that STAC may write as a number or as `nan`, `inf`, `-inf`; None when it is absent."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _kept(properties: Item, name: str, platform: str) -> dict[str, str | float]:
    """What else the sensors' rules and the order of versions need."""
    kept = {key: _plain(properties[key]) for key in _KEPT if key in properties}
    if platform and not kept.get("platform"):
        kept["platform"] = _plain(platform)
    if burst := radar_products.burst_of(name):
        kept["burst"] = burst
    made = _stated(properties, _PROCESSED, _MADE) or radar_products.made_of(name)
    return kept | ({"processed": made} if made else {})


def _stated(properties: Item, keys: Iterable[str], form: re.Pattern[str]) -> str:
    """The first stated of some properties that say how new a product is; products are put in order by it."""
    text = next((str(properties[key]) for key in keys if properties.get(key)), "")
    if not form.fullmatch(text):
        raise UnusableError("item", f"how new it is cannot be read: {text[:40]!r}")
    return text


def _plain(value: object) -> str | float:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return float(value)
    text = str(value)
    if len(text) > _MOST_TEXT:
        raise UnusableError("item", f"a property has {len(text)} characters")
    return text


def _time(item: Item) -> dt.datetime:
    text = item["properties"].get("datetime")
    if not text:
        try:
            text = middle_of(item["properties"])
        except (TypeError, ValueError) as error:
            raise UnusableError("datetime", "its start and end cannot be read") from error
    if not isinstance(text, str) or not text:
        raise UnusableError("datetime", "it has no datetime, and no start and end within an hour")
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UnusableError("datetime", f"its datetime {text[:40]!r} cannot be read") from error
    if time.tzinfo is None:
        raise UnusableError("datetime", f"its datetime {text} has no time zone")
    return time.astimezone(dt.UTC)


def _footprint(item: Item) -> shapely.Geometry:
    try:
        with np.errstate(invalid="ignore"):  # coordinates that are no numbers are refused below
            footprint = shape(item.get("geometry") or {"type": "Polygon", "coordinates": []})
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as error:
        raise UnusableError("footprint", "its footprint cannot be read") from error
    if (points := shapely.get_num_coordinates(footprint)) > _MOST_POINTS:
        raise UnusableError("footprint", f"its footprint has {points} points, at most {_MOST_POINTS}")
    if not np.isfinite(shapely.get_coordinates(footprint)).all():
        raise UnusableError("footprint", "its footprint is not in degrees")
    if footprint.is_empty or footprint.area == 0:
        raise UnusableError("footprint", "its footprint is empty")
    west, south, east, north = footprint.bounds
    box = item.get("bbox") or [west, south, east, north]
    if east - west > 180 or (len(box) in (4, 6) and box[0] > box[len(box) // 2]):
        raise UnusableError("footprint", "its footprint crosses the antimeridian")
    if max(map(abs, (south, north))) > 90:
        raise UnusableError("footprint", "its footprint is not in degrees")
    return footprint if footprint.is_valid else shapely.make_valid(footprint)


def _digest(item: Item, entries: Item, sensor: Sensor) -> str:
    """Digest of what makes the data: not of links, signatures, catalogue dates, and assets that are not read.

    An archive that is asked for what is needed of an item gives the same as one that is asked for everything.
    """
    keys = [sensor.asset(name, entries) for name in (*sensor.bands, *sensor.quality)]
    used = [entries[key] for key in keys if key is not None]
    try:
        return digest(
            {
                "id": item["id"],
                "collection": item.get("collection"),
                "geometry": item.get("geometry"),
                "properties": {
                    key: value for key, value in item["properties"].items() if key not in _VOLATILE
                },
                "assets": {
                    key: {**entry, "href": str(entry.get("href", "")).split("?")[0]}
                    for key, entry in item["assets"].items()
                    if isinstance(entry, Mapping) and any(entry is other for other in used)
                },
            }
        )
    except (TypeError, ValueError) as error:
        raise UnusableError("item", f"its metadata cannot be written down ({error})") from error


def _problem(address: str, item: object, reason: str, text: str) -> Problem:
    """The problem of an item, with its sensor where that can be told."""
    return Problem(scene_id=_label(address, item), reason=reason, text=_line(text), sensor=_stream_of(item))


def _stream_of(item: object) -> str:
    """Stream of the sensor of an item that cannot be used; empty where nothing tells it."""
    if not isinstance(item, Mapping):
        return ""
    try:
        properties, name = item["properties"], str(item.get("id") or "")
        platform = platform_of(properties, name) or radar_products.platform_of(name)
        constellation = str(properties.get("constellation") or "")
        sensor = recognise(collection_of(item), platform, constellation, by_band_name(item["assets"]))
    except MALFORMED:
        return ""
    return sensor.stream if sensor is not None else ""


def _label(address: str, item: object) -> str:
    name = item.get("id") if isinstance(item, Mapping) else None
    return _line(name if isinstance(name, str) and name else address)


def _line(text: str) -> str:
    """A text of a catalogue as one short line."""
    return "".join(char if char.isprintable() else "?" for char in text)[:200]
