"""Keep a scene of any source as a STAC item of clipped, cloud-optimised files in a folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from selvawatch.core.files import canonical_json, file_digest, read_plain, write_checked, write_text
from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import DiskError, SceneError
from selvawatch.sources.earthengine.image_files import clipped, is_image
from selvawatch.sources.reading.pixel_rule import window_on
from selvawatch.sources.reading.tiff_blocks import read_stored
from selvawatch.sources.scene_pixels import bytes_of, check_file, opened
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.web.limits import LIMITS, parsed_json
from selvawatch.web.retry import reason_of

_COLLECTION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_SHA256 = "1220"
_FROM = "selvawatch:source_digest"
_MARGIN_M = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a scene."""

    state: str
    """`new`, `replaced` (another digest was there) or `here` (nothing was fetched)."""
    bytes: int
    """Bytes that its files take."""


def item_path(folder: Path, scene: Scene) -> Path:
    """Where a scene's item lies; SceneError when its collection is no plain name.

    Collections of Earth Engine are written with dashes for their slashes.
    """
    collection = _collection(scene)
    if not _COLLECTION.fullmatch(collection) or ".." in collection:
        raise SceneError("the collection is no plain name", reason="id", where=f"scene {scene.id}")
    return folder / collection / scene.id / f"{scene.id}.json"


def _collection(scene: Scene) -> str:
    return scene.collection.replace("/", "-") if is_image(scene) else scene.collection


def is_here(folder: Path, scene: Scene) -> bool:
    """Whether a folder keeps a scene whole: the same digest, and every file of its size."""
    path = item_path(folder, scene)
    item = _read(path)
    try:
        return bool(item["properties"][_FROM] == scene.digest) and all(
            (path.parent / asset["href"]).stat().st_size == asset["file:size"]
            for asset in item["assets"].values()
        )
    except (AttributeError, KeyError, OSError, TypeError):
        return False


def keep_scene(scene: Scene, aoi: shapely.Geometry, folder: Path) -> Kept:
    """Write what a scene shows of a ground (WGS 84; its bounds and 600 m more) unless it is here already.

    Numbers are kept as stored, with the item's scale and offset. The item is written last: a scene without
    one is fetched again.

    Raises
    ------
    SceneError
        When a file cannot be read whole; no item is then written.
    """
    path = item_path(folder, scene)
    if is_here(folder, scene):
        item = _read(path)
        return Kept(state="here", bytes=sum(asset["file:size"] for asset in item["assets"].values()))
    state = "replaced" if path.is_file() else "new"
    assets = _keep_image(scene, aoi, path.parent) if is_image(scene) else {}
    sensor = sensor_of(scene)
    keys = {sensor.asset(name, scene.assets) for name in (*sensor.bands, *sensor.quality)} - {None}
    for key in sorted(str(key) for key in keys - assets.keys()):
        assets[key] = _keep_file(scene, key, scene.assets[key], aoi, path.parent)
    write_text(path, canonical_json(_item(scene, assets, aoi)) + "\n")
    return Kept(state=state, bytes=sum(asset["file:size"] for asset in assets.values()))


def write_catalogue(folder: Path) -> Path:
    """Write catalog.json and every collection.json over a folder's items; the catalogue's path."""
    children = []
    collections = sorted({path.parents[1] for path in folder.glob("*/*/*.json")})
    for target in collections:
        links = [
            {"rel": "item", "href": f"./{path.parent.name}/{path.name}", "type": "application/geo+json"}
            for path in sorted(target.glob("*/*.json"))
        ]
        extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}
        content = {"type": "Collection", "license": "other", "extent": extent}
        write_text(target / "collection.json", canonical_json(_listing(target.name, links) | content) + "\n")
        children.append({"rel": "child", "href": f"./{target.name}/collection.json"})
    top = _listing("mirror", children) | {"type": "Catalog"}
    return write_text(folder / "catalog.json", canonical_json(top) + "\n")


def _listing(name: str, links: list[dict[str, str]]) -> dict[str, Any]:
    return {"id": name, "stac_version": "1.0.0", "description": "Clipped copies of scenes.", "links": links}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parsed_json(read_plain(path, LIMITS.content_bytes))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _keep_file(scene: Scene, key: str, asset: Asset, aoi: shapely.Geometry, folder: Path) -> dict[str, Any]:
    """Write one clipped file and give its STAC asset."""
    target = folder / f"{key}.tif"
    try:
        data = bytes_of(asset.href)
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), opened(data) as file:
            check_file(scene, asset, file, key)
            window = window_on(file.crs, file.transform, (file.height, file.width), aoi.bounds, _MARGIN_M)
            values = read_stored(file, data, asset.band, window)
            profile = {
                "dtype": values.dtype,
                "count": 1,
                "height": values.shape[0],
                "width": values.shape[1],
                "crs": file.crs,
                "transform": file.transform @ Affine.translation(window.col_off, window.row_off),
                "nodata": asset.nodata if asset.nodata is not None else file.nodatavals[asset.band - 1],
            }
        _write(target, values, profile)
    except DiskError:
        raise
    except (RasterioError, OSError) as error:
        raise SceneError(
            f"{key} cannot be read",
            reason=reason_of(error),
            where=f"scene {scene.id}",
            got=re.sub(r"\S*/\S*", "...", str(error))[:200],
        ) from None
    return _asset(target, values, profile, asset.scale, asset.offset)


def _keep_image(scene: Scene, aoi: shapely.Geometry, folder: Path) -> dict[str, Any]:
    """Write the clipped files of an image of Earth Engine and give their STAC assets."""
    assets = {}
    try:
        for file in clipped(scene, aoi, _MARGIN_M):
            profile = {
                "dtype": file.values.dtype,
                "count": 1,
                "height": file.values.shape[0],
                "width": file.values.shape[1],
                "crs": rasterio.crs.CRS.from_string(file.crs),
                "transform": file.transform,
                "nodata": file.nodata,
            }
            target = folder / f"{file.key}.tif"
            _write(target, file.values, profile)
            assets[file.key] = _asset(target, file.values, profile, *(file.scaling or (None, None)))
    except DiskError:
        raise
    except (RasterioError, OSError) as error:
        raise SceneError(
            "the image cannot be kept",
            reason=reason_of(error),
            where=f"scene {scene.id}",
            got=str(error)[:200],
        ) from None
    return assets


def _write(target: Path, values: np.ndarray, profile: Mapping[str, Any]) -> None:
    """Write values as a COG whose bytes are made in memory, where they are unpacked and compared first."""
    cog = {"driver": "COG", "compress": "DEFLATE", "predictor": "YES", "overviews": "NONE"}
    with MemoryFile() as memory:
        with memory.open(**cog, **profile) as out:
            out.write(values, 1)
        with memory.open() as back:
            if not np.array_equal(back.read(1), values, equal_nan=values.dtype.kind == "f"):
                raise OSError("the clipped file does not hold what was read")
        write_checked(target, memory.read())


def _asset(
    target: Path, values: np.ndarray, profile: Mapping[str, Any], scale: float | None, offset: float | None
) -> dict[str, Any]:
    """The STAC asset of a written file."""
    band = {"scale": scale, "offset": offset, "nodata": profile["nodata"]}
    return {
        "href": target.name,
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "proj:code": f"EPSG:{profile['crs'].to_epsg()}",
        "proj:shape": list(values.shape),
        "proj:transform": list(profile["transform"])[:6],
        "file:size": target.stat().st_size,
        "file:checksum": _SHA256 + file_digest(target),
        "raster:bands": [{name: value for name, value in band.items() if value is not None}],
    }


def _item(scene: Scene, assets: Mapping[str, Any], aoi: shapely.Geometry) -> dict[str, Any]:
    shown = scene.footprint.intersection(shapely.box(*aoi.bounds).buffer(0.01))
    properties: dict[str, Any] = {
        "datetime": scene.time.isoformat(),
        "platform": scene.properties.get("platform", ""),
        _FROM: scene.digest,
    }
    if "earthsearch:boa_offset_applied" in scene.properties:
        applied = scene.properties["earthsearch:boa_offset_applied"] == "true"
        properties["earthsearch:boa_offset_applied"] = applied
    if scene.properties.get("processed"):
        properties["processing:datetime"] = scene.properties["processed"]
    if scene.cloud_percent is not None:
        properties["eo:cloud_cover"] = scene.cloud_percent
    if scene.processing:
        name = "s2:processing_baseline" if sensor_of(scene).stream == "sentinel-2" else "processing:version"
        properties[name] = scene.processing
    if scene.orbit:
        properties["sat:orbit_state"] = scene.orbit
    if scene.track:
        properties["sat:relative_orbit"] = int(scene.track)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": scene.id,
        "collection": _collection(scene),
        "geometry": shapely.geometry.mapping(shown),
        "bbox": list(shown.bounds),
        "properties": properties,
        "links": [],
        "assets": dict(assets),
    }
