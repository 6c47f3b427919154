"""The scenes of a STAC folder as Earth Engine keeps them: other names, other offsets, backscatter in dB."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely

from selvawatch.core.scene import Scene

ANGLE = 38.5
SENTINEL_2 = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8", "swir16": "B11", "swir22": "B12"}
LANDSAT = {"blue": "SR_B2", "green": "SR_B3", "red": "SR_B4", "nir08": "SR_B5", "swir16": "SR_B6",
           "swir22": "SR_B7", "qa_pixel": "QA_PIXEL", "qa_radsat": "QA_RADSAT"}  # fmt: skip


def records_of(scenes: Iterable[Scene], folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Records for `earthengine_server.serve`; files that must differ are written into a folder."""
    records: dict[str, list[dict[str, Any]]] = {
        "COPERNICUS/S2_SR_HARMONIZED": [],
        "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED": [],
        "COPERNICUS/S1_GRD": [],
        **{f"LANDSAT/{number}/C02/T1_L2": [] for number in ("LC08", "LC09", "LE07", "LT05")},
    }
    for scene in scenes:
        family = scene.collection.split("-")[0] + scene.collection.split("-")[1]
        collection, record = {"sentinel2": _sentinel_2, "landsatc2": _landsat, "sentinel1": _sentinel_1}[
            family
        ](scene, folder)
        record["id"] = f"{collection}/{scene.id}"
        record["properties"] |= {
            "system:index": scene.id,
            "system:time_start": int(scene.time.timestamp() * 1000),
            "system:footprint": {
                "type": "LinearRing",
                "coordinates": shapely.geometry.mapping(scene.footprint)["coordinates"][0],
            },
        }
        records[collection].append(record)
    return records


def score(record: dict[str, Any], values: np.ndarray, folder: Path) -> dict[str, Any]:
    """A Cloud Score+ record of scores (y, x) 0-1 on the pixels of a Sentinel-2 record's B2."""
    path = folder / f"{record['properties']['system:index']}-cs.tif"
    with rasterio.open(record["bands"]["B2"]) as file:
        profile = {**file.profile, "dtype": "float32", "nodata": -1}
    _write(path, values.astype(np.float32), profile)
    return {
        "id": f"GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED/{record['properties']['system:index']}",
        "bands": {"cs": path, "cs_cdf": path},
        "properties": {"system:index": record["properties"]["system:index"]},
    }


def _sentinel_2(scene: Scene, folder: Path) -> tuple[str, dict[str, Any]]:
    """1000 taken off every number, and its own nodata, since 0 is then a reflectance."""
    bands = {"SCL": Path(scene.assets["scl"].href)}
    for key, name in SENTINEL_2.items():
        with rasterio.open(scene.assets[key].href) as file:
            stored, profile = file.read(1), {**file.profile, "nodata": 65535}
        moved = np.where(stored == 0, 65535, np.maximum(stored.astype(np.int32) - 1000, 0)).astype(np.uint16)
        bands[name] = _write(folder / f"{scene.id}-{name}.tif", moved, profile)
    said = {
        "SPACECRAFT_NAME": "Sentinel-2A",
        "CLOUDY_PIXEL_PERCENTAGE": scene.cloud_percent,
        "PROCESSING_BASELINE": scene.processing,
    }
    return "COPERNICUS/S2_SR_HARMONIZED", {"bands": bands, "properties": said}


def _landsat(scene: Scene, _: Path) -> tuple[str, dict[str, Any]]:
    bands = {name: Path(scene.assets[key].href) for key, name in LANDSAT.items() if key in scene.assets}
    number = scene.sensor.removeprefix("landsat-")
    said = {
        "SPACECRAFT_ID": f"LANDSAT_{number}",
        "CLOUD_COVER": scene.cloud_percent,
        "COLLECTION_CATEGORY": "T1",
    }
    return f"LANDSAT/LC0{number}/C02/T1_L2", {"bands": bands, "properties": said}


def _sentinel_1(scene: Scene, folder: Path) -> tuple[str, dict[str, Any]]:
    """Gamma nought in linear power becomes sigma nought in dB, float32, with its incidence angle."""
    bands = {}
    for key in ("vv", "vh"):
        with rasterio.open(scene.assets[key].href) as file:
            power, profile = file.read(1).astype(np.float64), {**file.profile, "nodata": -9999}
        seen = power > 0
        decibels = np.full(power.shape, -9999, np.float32)
        decibels[seen] = 10 * np.log10(power[seen] * np.cos(np.radians(ANGLE)))
        bands[key.upper()] = _write(folder / f"{scene.id}-{key}.tif", decibels, profile)
    angle = np.full(power.shape, ANGLE, np.float32)
    bands["angle"] = _write(folder / f"{scene.id}-angle.tif", angle, profile)
    said = {
        "instrumentMode": "IW",
        "platform_number": "A",
        "orbitProperties_pass": scene.orbit.upper(),
        **({"relativeOrbitNumber_start": int(scene.track)} if scene.track else {}),
    }
    return "COPERNICUS/S1_GRD", {"bands": bands, "properties": said}


def _write(path: Path, values: np.ndarray, profile: dict[str, Any]) -> Path:
    keep = ("dtype", "nodata", "width", "height", "count", "crs", "transform")
    said = {name: profile[name] for name in keep}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, compress="DEFLATE", **said) as file:
        file.write(values, 1)
    return path
