"""Tiny STAC folders of COGs for tests: files, items, collections and a catalogue, as archives write them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer


def write_cog(
    path: Path,
    values: np.ndarray,
    crs: str,
    transform: Affine,
    nodata: float | None = None,
    blocksize: int = 512,
) -> Path:
    """Write a one-band COG and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {
        "driver": "COG",
        "dtype": str(values.dtype),
        "count": 1,
        "height": values.shape[0],
        "width": values.shape[1],
        "crs": crs,
        "transform": transform,
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": blocksize,
    }
    with rasterio.open(path, "w", nodata=nodata, **profile) as file:
        file.write(values, 1)
    return path


def make_asset(
    folder: Path,
    key: str,
    values: np.ndarray,
    crs: str,
    transform: Affine,
    nodata: float | None = None,
    scale: float | None = None,
    offset: float | None = None,
    blocksize: int = 512,
) -> dict[str, Any]:
    """Write FOLDER/KEY.tif and return its STAC asset with a relative href, projection and raster metadata."""
    write_cog(folder / f"{key}.tif", values, crs, transform, nodata, blocksize)
    said = {"nodata": nodata, "scale": scale, "offset": offset}
    asset: dict[str, Any] = {
        "href": f"./{key}.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "proj:code": crs,
        "proj:shape": list(values.shape),
        "proj:transform": list(transform)[:6],
    }
    bands = {name: value for name, value in said.items() if value is not None}
    if bands:
        asset["raster:bands"] = [bands]
    return asset


def make_item(
    name: str,
    collection: str,
    time: str | None,
    assets: Mapping[str, Mapping[str, Any]],
    properties: Mapping[str, Any] | None = None,
    bounds: tuple[float, float, float, float] | None = None,
) -> dict[str, Any]:
    """A STAC item; its footprint is that of the first asset, or bounds in degrees."""
    west, south, east, north = bounds or _footprint(next(iter(assets.values())))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": name,
        "collection": collection,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": time, **(properties or {})},
        "links": [],
        "assets": {key: dict(asset) for key, asset in assets.items()},
    }


def item_folder(root: Path, collection: str, name: str) -> Path:
    """Folder of an item's JSON and files."""
    return root / collection / name


def write_item(root: Path, item: Mapping[str, Any]) -> Path:
    """Write an item's JSON where the catalogue will link to it; return its path."""
    path = item_folder(root, str(item["collection"]), str(item["id"])) / f"{item['id']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(item))
    return path


def write_catalog(root: Path) -> Path:
    """Write catalog.json and every collection.json over the items below a folder; return the folder."""
    children = []
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        links = [
            {"rel": "item", "href": f"./{path.parent.name}/{path.name}", "type": "application/geo+json"}
            for path in sorted(folder.glob("*/*.json"))
        ]
        collection = {
            "type": "Collection",
            "stac_version": "1.0.0",
            "id": folder.name,
            "description": "Test scenes.",
            "license": "other",
            "extent": {
                "spatial": {"bbox": [[-180, -90, 180, 90]]},
                "temporal": {"interval": [[None, None]]},
            },
            "links": links,
        }
        (folder / "collection.json").write_text(json.dumps(collection))
        children.append({"rel": "child", "href": f"./{folder.name}/collection.json"})
    catalog = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "tests",
        "description": "Test scenes.",
        "links": children,
    }
    (root / "catalog.json").write_text(json.dumps(catalog))
    return root


def sentinel_2(
    root: Path,
    name: str,
    time: str | None,
    bands: Mapping[str, np.ndarray],
    west: float,
    north: float,
    scl: np.ndarray | None = None,
    crs: str = "EPSG:32719",
    baseline: str = "05.11",
    offset: float = -0.1,
    platform: str = "sentinel-2a",
    **properties: Any,
) -> dict[str, Any]:
    """Write a Sentinel-2 L2A item (collection sentinel-2-c1-l2a) of reflectances at 10 m and return it.

    bands: reflectance by asset key, NaN = no data; the short-wave bands and scl are kept at 20 m (every
    second pixel).
    """
    folder = item_folder(root, "sentinel-2-c1-l2a", name)
    assets = {}
    for key, values in bands.items():
        step = 2 if key in ("swir16", "swir22") else 1
        stored = np.nan_to_num(np.rint((values[::step, ::step] - offset) / 1e-4), nan=0).astype(np.uint16)
        place = Affine(10 * step, 0, west, 0, -10 * step, north)
        assets[key] = make_asset(folder, key, stored, crs, place, nodata=0, scale=1e-4, offset=offset)
    first = next(iter(bands.values()))
    codes = np.full(first.shape, 4, np.uint8) if scl is None else scl.astype(np.uint8)
    assets["scl"] = make_asset(
        folder, "scl", codes[::2, ::2], crs, Affine(20, 0, west, 0, -20, north), nodata=0
    )
    item = make_item(
        name,
        "sentinel-2-c1-l2a",
        time,
        assets,
        {
            "platform": platform,
            "constellation": "sentinel-2",
            "eo:cloud_cover": 10.0,
            "s2:processing_baseline": baseline,
            **properties,
        },
    )
    write_item(root, item)
    return item


def landsat(
    root: Path,
    name: str,
    time: str | None,
    bands: Mapping[str, np.ndarray],
    west: float,
    north: float,
    qa: np.ndarray | None = None,
    crs: str = "EPSG:32619",
    platform: str = "landsat-8",
    **properties: Any,
) -> dict[str, Any]:
    """Write a Landsat C2 L2 item of reflectances at 30 m (corner in `crs`) and return it; NaN = no data."""
    folder = item_folder(root, "landsat-c2-l2", name)
    place = Affine(30, 0, west, 0, -30, north)
    assets = {}
    for key, values in bands.items():
        stored = np.nan_to_num(np.rint((values + 0.2) / 2.75e-5), nan=0).astype(np.uint16)
        assets[key] = make_asset(folder, key, stored, crs, place, nodata=0, scale=2.75e-05, offset=-0.2)
    shape = next(iter(bands.values())).shape
    codes = np.full(shape, 21824, np.uint16) if qa is None else qa.astype(np.uint16)
    assets["qa_pixel"] = make_asset(folder, "qa_pixel", codes, crs, place, nodata=1)
    facts = {"platform": platform, "eo:cloud_cover": 10.0, "landsat:collection_category": "T1", **properties}
    item = make_item(name, "landsat-c2-l2", time, assets, facts)
    write_item(root, item)
    return item


def sentinel_1(
    root: Path,
    name: str,
    time: str | None,
    bands: Mapping[str, np.ndarray],
    west: float,
    north: float,
    crs: str = "EPSG:32719",
    orbit: str = "descending",
) -> dict[str, Any]:
    """Write a Sentinel-1 RTC item of linear power at 10 m and return it; NaN = no data."""
    folder = item_folder(root, "sentinel-1-rtc", name)
    place = Affine(10, 0, west, 0, -10, north)
    assets = {
        key: make_asset(
            folder, key, np.where(np.isnan(values), -32768, values).astype(np.float32), crs, place, -32768
        )
        for key, values in bands.items()
    }
    facts = {"platform": "sentinel-1a", "sat:orbit_state": orbit}
    item = make_item(name, "sentinel-1-rtc", time, assets, facts)
    write_item(root, item)
    return item


def _footprint(asset: Mapping[str, Any]) -> tuple[float, float, float, float]:
    rows, columns = asset["proj:shape"]
    a, _, west, _, e, north = asset["proj:transform"]
    to_lonlat = Transformer.from_crs(asset["proj:code"], "EPSG:4326", always_xy=True)
    return to_lonlat.transform_bounds(west, north + e * rows, west + a * columns, north)
