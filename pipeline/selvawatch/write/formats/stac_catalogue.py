"""The products of a run as a static, self-contained STAC catalogue beside the files."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.files import file_digest, write_text
from selvawatch.write.formats.format_table import FORMATS
from selvawatch.write.run_provenance import Run

FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
PROJECTION_EXTENSION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_SHA256_MULTIHASH = "1220"
"""Prefix of a multihash: sha2-256, 32 bytes."""
_MEDIA_TYPES = {
    ".tif": pystac.MediaType.COG,
    ".json": pystac.MediaType.JSON,
    ".html": pystac.MediaType.HTML,
    ".txt": pystac.MediaType.TEXT,
    ".pdf": pystac.MediaType.PDF,
    ".jpg": pystac.MediaType.JPEG,
}
"""Media types of what is no table of rows, by suffix; those of tables stand in the table of formats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedFrom:
    """A scene that a product was made of."""

    scene_id: str
    href: str
    """Address of a file of it in its archive, without what signs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Files that belong together: one item of the catalogue."""

    id: str
    """Safe in a file name, such as a tile's id or `alerts`."""
    title: str
    geometry: shapely.Geometry
    """Ground covered, WGS 84."""
    files: Mapping[str, Path]
    """Files by asset key; all below the catalogue's folder."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """More properties, such as `proj:code`."""
    scenes: tuple[DerivedFrom, ...] = ()
    """Scenes behind it: links `derived_from`."""


def write_stac(
    folder: Path, run: Run, area_name: str, area_title: str, products: tuple[Product, ...]
) -> Path:
    """Write `folder/catalog.json`, a collection and an item a product; return the catalogue's path.

    Links are relative, so the folder may be moved; the date of every item is the run's data date; every file
    bears its size and sha256.
    """
    day = _midnight(run.data_day)
    catalogue = pystac.Catalog("selvawatch", "Products of selvawatch, self-contained.", title="selvawatch")
    extent = _extent(products, run)
    collection = pystac.Collection(
        f"selvawatch-{area_name}",
        f"Forest loss and its attribution: {area_title}",
        extent,
        title=area_title,
        license="other",
    )
    catalogue.add_child(collection)
    provenance = {f"selvawatch:{name}": value for name, value in run.provenance.items()}
    for product in sorted(products, key=lambda product: product.id):
        collection.add_item(_item(folder, product, day, {**provenance, **product.properties}))
    catalogue.normalize_hrefs(str(folder.resolve()))
    catalogue.make_all_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED, stac_io=_AtomicIo())
    return folder / "catalog.json"


def _item(folder: Path, product: Product, day: dt.datetime, properties: Mapping[str, Any]) -> pystac.Item:
    shape = shapely.transform(product.geometry, lambda at: np.round(at, 7))
    extensions = [FILE_EXTENSION]
    if any(name.startswith("proj:") for name in properties):
        extensions.append(PROJECTION_EXTENSION)
    item = pystac.Item(
        product.id,
        shapely.geometry.mapping(shape),
        list(shape.bounds),
        day,
        {"title": product.title, **dict(sorted(properties.items()))},
        stac_extensions=extensions,
    )
    for scene in sorted(product.scenes, key=lambda scene: (scene.scene_id, scene.href)):
        item.add_link(pystac.Link(pystac.RelType.DERIVED_FROM, scene.href, title=scene.scene_id))
    for key, path in sorted(product.files.items()):
        item.add_asset(key, _asset(folder, path))
    return item


def _asset(folder: Path, path: Path) -> pystac.Asset:
    resolved = path.resolve()
    resolved.relative_to(folder.resolve())
    roles = ["metadata"] if path.name.startswith("diccionario") else ["data"]
    media_types = _MEDIA_TYPES | {entry.suffix: entry.media_type for entry in FORMATS.values()}
    return pystac.Asset(
        str(resolved),
        media_type=media_types.get(path.suffix, "application/octet-stream"),
        roles=roles,
        extra_fields={
            "file:size": path.stat().st_size,
            "file:checksum": _SHA256_MULTIHASH + file_digest(path),
        },
    )


def _extent(products: tuple[Product, ...], run: Run) -> pystac.Extent:
    boxes = [shapely.transform(product.geometry, lambda at: np.round(at, 7)).bounds for product in products]
    west, south, east, north = np.array(boxes or [(-180.0, -90.0, 180.0, 90.0)]).T
    bounds = [float(west.min()), float(south.min()), float(east.max()), float(north.max())]
    interval = [_midnight(run.since_day), _midnight(run.data_day)]
    return pystac.Extent(pystac.SpatialExtent([bounds]), pystac.TemporalExtent([interval]))


def _midnight(day: int) -> dt.datetime:
    return dt.datetime.combine(to_date(day), dt.time(), dt.UTC)


class _AtomicIo(pystac.StacIO):
    """Writes whole files or none; the catalogue reads nothing."""

    def read_text(self, source: object, *_args: object, **_keywords: object) -> str:
        raise NotImplementedError(f"{source}: a catalogue that is being written reads nothing")

    def write_text(self, dest: object, txt: str, *_args: object, **_keywords: object) -> None:
        write_text(Path(str(dest)), txt + "\n")
