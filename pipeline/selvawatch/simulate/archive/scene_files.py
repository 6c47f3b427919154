"""The timetable of the satellites, and the STAC item and COGs of one scene."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pystac
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from selvawatch.core.files import canonical_json, replacing, write_text
from selvawatch.core.grid import Tile
from selvawatch.simulate.climate import at, sun
from selvawatch.simulate.simulation_plan import SimulationPlan

EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]


RADAR_TRACK = 127
"""Track of Sentinel-1 where a plan names none."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Slot:
    """One acquisition of the timetable."""

    day: int
    sensor: str
    """`sentinel-2`, `landsat-8`, `landsat-9` or `sentinel-1`."""
    platform: str
    collection: str
    track: int = RADAR_TRACK
    """Relative orbit of Sentinel-1."""
    level_db: float = 0.0
    """What the geometry of that track adds to backscatter, dB."""


def timetable(plan: SimulationPlan) -> list[Slot]:
    """Every acquisition of the archive, by day and sensor."""
    first, _, last = plan.days
    slots = []
    if step := plan.sensors.sentinel2_days:
        for turn, day in enumerate(range(first + 2, last + 1, step)):
            slots.append(_slot(day, "sentinel-2", "sentinel-2" + "ab"[turn % 2], "sentinel-2-c1-l2a"))
    if step := plan.sensors.landsat_days:
        for turn, day in enumerate(range(first + 5, last + 1, step)):
            name = ("landsat-8", "landsat-9")[turn % 2]
            slots.append(_slot(day, name, name, "landsat-c2-l2"))
    for flown in plan.sensors.radar_tracks:
        for day in range(first + flown.first_pass, last + 1, flown.days):
            radar = _slot(day, "sentinel-1", f"SENTINEL-1{flown.satellite}", "sentinel-1-rtc")
            slots.append(replace(radar, track=flown.track, level_db=flown.level_db))
    if (step := plan.sensors.sentinel1_days) and not plan.sensors.radar_tracks:
        for day in range(first + 7, last + 1, step):
            slots.append(_slot(day, "sentinel-1", "SENTINEL-1A", "sentinel-1-rtc"))
    return sorted(slots)


def _slot(day: int, sensor: str, platform: str, collection: str) -> Slot:
    return Slot(day=day, sensor=sensor, platform=platform, collection=collection)


def scene_id(slot: Slot) -> str:
    """Id of an item, built as the real archives build theirs."""
    date = at(slot.day, 0, 0, 0).strftime("%Y%m%d")
    if slot.sensor == "sentinel-2":
        return f"S2{slot.platform[-1].upper()}_T19LCF_{date}T145731_L2A"
    if slot.sensor == "sentinel-1":
        satellite = f"S1{slot.platform[-1]}"
        other = "" if slot.track == RADAR_TRACK else f"_{slot.track:03d}"
        return f"{satellite}_IW_GRDH_1SDV_{date}T100214_{date}T100239{other}_rtc"
    return f"LC0{slot.platform[-1]}_L2SP_003069_{date}_02_T1"


def _properties(slot: Slot, cloud: float | None, latitude: float) -> dict[str, object]:
    elevation, azimuth = sun(slot.day, latitude)
    light = {"view:sun_elevation": round(elevation, 3), "view:sun_azimuth": round(azimuth, 3)}
    made = {"selvawatch:simulated": True, "platform": slot.platform}
    if slot.sensor == "sentinel-1":
        return made | {
            "constellation": "Sentinel-1",
            "instruments": ["SAR"],
            "sar:instrument_mode": "IW",
            "sar:polarizations": ["VV", "VH"],
            "sar:frequency_band": "C",
            "sar:product_type": "RTC",
            "sat:orbit_state": "descending",
            "sat:relative_orbit": slot.track,
        }
    clouds = {"eo:cloud_cover": round(float(cloud or 0.0), 2)}
    if slot.sensor == "sentinel-2":
        return (
            made
            | clouds
            | light
            | {
                "constellation": "sentinel-2",
                "instruments": ["msi"],
                "s2:processing_baseline": "05.10" if slot.day < 19_700 else "05.11",
                "s2:product_type": "S2MSI2A",
                "grid:code": "MGRS-19LCF",
                "earthsearch:boa_offset_applied": False,
            }
        )
    return (
        made
        | clouds
        | light
        | {
            "instruments": ["oli", "tirs"],
            "landsat:collection_category": "T1",
            "landsat:collection_number": "02",
            "landsat:correction": "L2SP",
            "landsat:wrs_path": "003",
            "landsat:wrs_row": "069",
            "landsat:scene_id": scene_id(slot),
        }
    )


_TIMES = {
    "sentinel-2": (14, 57, 31),
    "landsat-8": (14, 45, 12),
    "landsat-9": (14, 45, 6),
    "sentinel-1": (10, 2, 14),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One asset's numbers and where they lie."""

    values: np.ndarray
    crs: str
    transform: Affine
    nodata: float
    scale: float | None = None
    offset: float | None = None


def write_scene(
    folder: Path,
    slot: Slot,
    tile: Tile,
    assets: Mapping[str, Placed],
    cloud: float | None,
) -> Path:
    """Write the COGs of a scene, then its item, which stands for the whole scene; return the item's path."""
    name = scene_id(slot)
    collection_folder = folder / slot.collection / name
    west, south, east, north = tile.lonlat_bounds
    transformer = Transformer.from_crs(tile.grid.crs, "EPSG:4326", always_xy=True)
    footprint = shapely.transform(
        tile.polygon, lambda x, y: np.round(transformer.transform(x, y), 7), interleaved=False
    )
    one = next(iter(assets.values()))
    item = pystac.Item(
        id=name,
        geometry=shapely.geometry.mapping(footprint),
        bbox=[round(value, 7) for value in (west, south, east, north)],
        datetime=at(slot.day, *_TIMES[slot.sensor]),
        properties=_properties(slot, cloud, (south + north) / 2) | _projection(one),
        stac_extensions=EXTENSIONS,
        collection=slot.collection,
    )
    for key, asset in assets.items():
        path = collection_folder / f"{key}.tif"
        write_cog(path, asset)
        item.add_asset(key, _asset(key, asset))
    return _write_item(collection_folder / f"{name}.json", item)


def _projection(asset: Placed) -> dict[str, object]:
    return {
        "proj:code": asset.crs,
        "proj:epsg": int(asset.crs.split(":")[1]),
        "proj:shape": list(asset.values.shape),
        "proj:transform": [float(value) for value in asset.transform][:6],
    }


def _asset(key: str, asset: Placed) -> pystac.Asset:
    band: dict[str, object] = {
        "data_type": str(asset.values.dtype),
        "nodata": asset.nodata,
        "spatial_resolution": asset.transform.a,
    }
    if asset.scale is not None:
        band |= {"scale": asset.scale, "offset": asset.offset}
    return pystac.Asset(
        href=f"./{key}.tif",
        media_type="image/tiff; application=geotiff; profile=cloud-optimized",
        roles=["data"],
        extra_fields={"raster:bands": [band]} | _projection(asset),
    )


def write_cog(path: Path, asset: Placed) -> Path:
    """Write one raster as a cloud-optimised GeoTIFF without overviews and return its path."""
    blocks = 512 if min(asset.values.shape) >= 512 else max(128, 16 * math.ceil(min(asset.values.shape) / 16))
    with (
        replacing(path) as part,
        rasterio.open(
            part,
            "w",
            driver="COG",
            width=asset.values.shape[1],
            height=asset.values.shape[0],
            count=1,
            dtype=asset.values.dtype,
            crs=asset.crs,
            transform=asset.transform,
            nodata=asset.nodata,
            compress="DEFLATE",
            level=1,
            predictor="YES",
            blocksize=blocks,
            overviews="NONE",
        ) as target,
    ):
        target.write(asset.values, 1)
    return path


def _write_item(path: Path, item: pystac.Item) -> Path:
    document = item.to_dict(include_self_link=False)
    document["links"] = [
        {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
        {"rel": "collection", "href": "../collection.json", "type": "application/json"},
        {"rel": "parent", "href": "../collection.json", "type": "application/json"},
    ]
    return write_text(path, canonical_json(document) + "\n")
