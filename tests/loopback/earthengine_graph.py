"""Evaluate Earth Engine expression graphs over local GeoTIFFs; refuse what is not modelled."""

import datetime as dt
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from shapely.geometry import shape

MOST_LISTED = 5000


class RefusedError(Exception):
    """What the service answers instead of a value."""

    def __init__(self, code: int, message: str, status: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True)
class PixelGrid:
    crs: str
    transform: Affine
    width: int
    height: int


@dataclass(frozen=True)
class Pixels:
    """Values of one band on a grid."""

    values: np.ndarray
    seen: np.ndarray
    inside: np.ndarray
    """Within the image's footprint, masked or not."""


@dataclass(frozen=True)
class Band:
    dtype: np.dtype
    read: Callable[[PixelGrid], Pixels]
    crs: str = "EPSG:4326"
    transform: tuple[float, ...] = (1, 0, 0, 0, 1, 0)
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Image:
    bands: Mapping[str, Band]
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    version: int = 0

    def each(self, change: Callable[[Band], Band]) -> "Image":
        return replace(self, bands={name: change(band) for name, band in self.bands.items()})


@dataclass(frozen=True)
class Collection:
    images: tuple[Image, ...]


def file_band(path: Path) -> Band:
    """A band that keeps a GeoTIFF's first band; its nodata is masked."""
    with rasterio.open(path) as file:
        dtype, size = np.dtype(file.dtypes[0]), (file.width, file.height)
        crs, transform = str(file.crs), tuple(file.transform)[:6]

    def read(grid: PixelGrid) -> Pixels:
        with rasterio.open(path) as file:
            fill = 0 if file.nodata is None else file.nodata
            with WarpedVRT(
                file,
                crs=grid.crs,
                transform=grid.transform,
                width=grid.width,
                height=grid.height,
                resampling=Resampling.nearest,
                src_nodata=fill,
                nodata=fill,
                add_alpha=False,
            ) as warped:
                values = warped.read(1)
            inside = np.ones(values.shape, bool)
            if str(file.crs) == grid.crs:
                x = grid.transform.c + grid.transform.a * (np.arange(grid.width) + 0.5)
                y = grid.transform.f + grid.transform.e * (np.arange(grid.height) + 0.5)
                west, south, east, north = file.bounds
                inside = ((y > south) & (y < north))[:, None] & ((x > west) & (x < east))[None, :]
        seen = inside if file.nodata is None else inside & (values != fill)
        return Pixels(values, seen, inside)

    return Band(dtype, read, crs, transform, size)


class Catalogue:
    """Image collections of local files: {collection: [{id, bands: {name: path}, properties, version}]}."""

    def __init__(self, records: Mapping[str, list[dict[str, Any]]]) -> None:
        self.collections = {
            name: Collection(
                tuple(
                    Image(
                        {band: file_band(path) for band, path in record["bands"].items()},
                        record["properties"],
                        record["id"],
                        record.get("version", 1),
                    )
                    for record in listed
                )
            )
            for name, listed in records.items()
        }

    def collection(self, name: str) -> Collection:
        if name not in self.collections:
            raise RefusedError(400, f"ImageCollection.load: ImageCollection asset '{name}' not found.")
        return self.collections[name]

    def image(self, name: str) -> Image:
        for image in self.collections.get(name.rpartition("/")[0], Collection(())).images:
            if image.id == name:
                return image
        raise RefusedError(400, f"Image.load: Image asset '{name}' not found.")


def _select(input: Image, bandSelectors: list[Any], newNames: list[str] | None = None) -> Image:  # noqa: A002, N803
    chosen: list[str] = []
    for wanted in bandSelectors:
        names = [name for name in input.bands if re.fullmatch(str(wanted), name)]
        if not names:
            raise RefusedError(
                400,
                f"Image.select: Band pattern '{wanted}' did not match any bands."
                f" Available bands: {list(input.bands)}",
            )
        chosen += names
    return replace(
        input, bands={new: input.bands[old] for new, old in zip(newNames or chosen, chosen, strict=True)}
    )


def _add_bands(dstImg: Image, srcImg: Image, names: object = None, overwrite: object = None) -> Image:  # noqa: N803, ARG001
    bands = dict(dstImg.bands)
    for name, band in srcImg.bands.items():
        free, number = name, 1
        while free in bands:
            free, number = f"{name}_{number}", number + 1
        bands[free] = band
    return replace(dstImg, bands=bands)


def _constant(value: float) -> Image:
    dtype = np.min_scalar_type(value) if isinstance(value, int) else np.dtype("f8")

    def read(grid: PixelGrid) -> Pixels:
        whole = np.ones((grid.height, grid.width), bool)
        return Pixels(np.full(whole.shape, value, dtype), whole, whole)

    return Image({"constant": Band(dtype, read)})


def _unmask(input: Image, value: Image | None = None, sameFootprint: bool = True) -> Image:  # noqa: A002, N803
    filler = next(iter((value or _constant(0)).bands.values()))

    def change(band: Band) -> Band:
        both = np.promote_types(band.dtype, filler.dtype) if band.dtype.kind != "f" else band.dtype
        dtype = np.dtype("f8") if both in (np.int64, np.uint64) else both

        def read(grid: PixelGrid) -> Pixels:
            old, new = band.read(grid), filler.read(grid)
            filled = old.inside if sameFootprint else np.ones_like(old.inside)
            values = np.where(old.seen, old.values, new.values).astype(dtype)
            return Pixels(values, old.seen | (filled & new.seen), filled)

        return replace(band, dtype=dtype, read=read)

    return input.each(change)


def _cast(dtype: str) -> Callable[[Image], Image]:
    def cast(value: Image) -> Image:
        def change(band: Band) -> Band:
            def read(grid: PixelGrid) -> Pixels:
                pixels = band.read(grid)
                return replace(pixels, values=pixels.values.astype(dtype))

            return replace(band, dtype=np.dtype(dtype), read=read)

        return value.each(change)

    return cast


def _link(
    input: Image,  # noqa: A002
    imageCollection: Collection,  # noqa: N803
    linkedBands: list[str] | None = None,  # noqa: N803
    linkedProperties: object = None,  # noqa: N803, ARG001
    matchPropertyName: str = "system:index",  # noqa: N803
) -> Image:
    """The first image of the same index adds its bands; without one they are there, wholly masked."""
    names = [linkedBands] if isinstance(linkedBands, str) else list(linkedBands or [])
    key = input.properties.get(matchPropertyName)
    for other in imageCollection.images:
        if other.properties.get(matchPropertyName) == key:
            return _add_bands(input, _select(other, names))

    def nothing(grid: PixelGrid) -> Pixels:
        none = np.zeros((grid.height, grid.width), bool)
        return Pixels(none.astype("f4"), none, none)

    return replace(input, bands={**input.bands, **{name: Band(np.dtype("f4"), nothing) for name in names}})


def _milliseconds(value: float | str, timeZone: object = None) -> int:  # noqa: N803, ARG001
    if isinstance(value, str):
        time = dt.datetime.fromisoformat(value)
        return int(time.replace(tzinfo=time.tzinfo or dt.UTC).timestamp() * 1000)
    return int(value)


def _compare(compared: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def make(leftField: str, rightValue: Any) -> Callable[[Image], bool]:  # noqa: N803
        def keep(image: Image) -> bool:
            value = image.properties.get(leftField)
            return value is not None and compared(value, rightValue)

        return keep

    return make


def _within(leftValue: tuple[int, int], rightField: str) -> Callable[[Image], bool]:  # noqa: N803
    return lambda image: leftValue[0] <= image.properties.get(rightField, -1) < leftValue[1]


def _meets(leftField: str, rightValue: Any) -> Callable[[Image], bool]:  # noqa: N803
    if leftField != ".all":
        raise RefusedError(501, "Filter.intersects by a field is not modelled", "UNIMPLEMENTED")
    ground = shape(rightValue)

    def keep(image: Image) -> bool:
        ring = dict(image.properties["system:footprint"])
        if ring["type"] == "LinearRing":
            ring = {"type": "Polygon", "coordinates": [ring["coordinates"]]}
        return bool(shape(ring).intersects(ground))

    return keep


def functions(catalogue: Catalogue) -> dict[str, Callable[..., Any]]:
    """Every modelled function by name."""
    return {
        "ImageCollection.load": lambda id, version=None: catalogue.collection(id),  # noqa: ARG005
        "Image.load": lambda id, version=None: catalogue.image(id),  # noqa: ARG005
        "Collection.filter": lambda collection, filter: Collection(tuple(builtin_filter(filter, collection))),
        "Collection.size": lambda collection: len(collection.images),
        "Filter.equals": _compare(operator.eq),
        "Filter.lessThan": _compare(operator.lt),
        "Filter.and": lambda filters: lambda image: all(keep(image) for keep in filters),
        "Filter.dateRangeContains": _within,
        "Filter.intersects": _meets,
        "Date": _milliseconds,
        "DateRange": lambda start, end, timeZone=None: (_milliseconds(start), _milliseconds(end)),  # noqa: ARG005, N803
        "Feature": lambda geometry, metadata=None: geometry,  # noqa: ARG005
        "GeometryConstructors.Polygon": lambda coordinates, geodesic=None, evenOdd=None: {  # noqa: ARG005, N803
            "type": "Polygon",
            "coordinates": coordinates,
        },
        "Image.constant": _constant,
        "Image.select": _select,
        "Image.addBands": _add_bands,
        "Image.unmask": _unmask,
        "Image.toInt32": _cast("i4"),
        "Image.toFloat": _cast("f4"),
        "Image.linkCollection": _link,
    }


def builtin_filter(keep: Callable[[Image], bool], collection: Collection) -> list[Image]:
    return [image for image in collection.images if keep(image)]


class Graph:
    """One expression; each node without a free argument is worked out once."""

    def __init__(self, expression: Mapping[str, Any], known: Mapping[str, Callable[..., Any]]) -> None:
        self.nodes, self.result, self.known = expression["values"], expression["result"], known
        self.done: dict[str, Any] = {}

    def value(self) -> Any:
        return self._reference(self.result)

    def _reference(self, key: str) -> Any:
        if key not in self.done:
            self.done[key] = self._node(self.nodes[key])
        return self.done[key]

    def _node(self, node: Mapping[str, Any]) -> Any:
        kind, content = next(iter(node.items()))
        if kind == "valueReference":
            return self._reference(content)
        if kind == "constantValue":
            return content
        if kind == "integerValue":
            return int(content)
        if kind == "arrayValue":
            return [self._node(one) for one in content.get("values", [])]
        if kind == "functionInvocationValue":
            name = content.get("functionName")
            if name not in self.known:
                raise RefusedError(501, f"the loopback server does not model {name}", "UNIMPLEMENTED")
            return self.known[name](**{key: self._node(one) for key, one in content["arguments"].items()})
        raise RefusedError(501, f"the loopback server does not model a {kind}", "UNIMPLEMENTED")


def described(value: Any) -> Any:
    """A value as the service writes it."""
    if isinstance(value, Collection):
        if len(value.images) > MOST_LISTED:
            raise RefusedError(
                400, f"Collection query aborted after accumulating over {MOST_LISTED} elements."
            )
        return {"type": "ImageCollection", "features": [described(image) for image in value.images]}
    if isinstance(value, Image):
        return {
            "type": "Image",
            "id": value.id,
            "version": value.version,
            "bands": [
                {
                    "id": name,
                    "data_type": _pixel_type(band.dtype),
                    "crs": band.crs,
                    "crs_transform": list(band.transform),
                    **({"dimensions": list(band.size)} if band.size else {}),
                }
                for name, band in value.bands.items()
            ],
            "properties": dict(value.properties),
        }
    return value


def _pixel_type(dtype: np.dtype) -> dict[str, Any]:
    if dtype.kind == "f":
        return {"type": "PixelType", "precision": "float" if dtype.itemsize == 4 else "double"}
    limits = np.iinfo(dtype)
    return {"type": "PixelType", "precision": "int", "min": int(limits.min), "max": int(limits.max)}


def pixels(image: Image, grid: PixelGrid, most_bytes: int) -> np.ndarray:
    """A structured array of an image on a grid; masked pixels are 0, as the service writes them."""
    a_pixel = sum(band.dtype.itemsize + 1 for band in image.bands.values())
    size = reduce(operator.mul, (a_pixel, grid.width, grid.height))
    if size > most_bytes:
        raise RefusedError(
            400, f"Total request size ({size} bytes) must be less than or equal to {most_bytes} bytes."
        )
    if max(grid.width, grid.height) > 32768 or not math.isfinite(sum(tuple(grid.transform))):
        raise RefusedError(400, "Pixel grid dimensions must be less than or equal to 32768.")
    out = np.zeros((grid.height, grid.width), [(name, band.dtype) for name, band in image.bands.items()])
    for name, band in image.bands.items():
        got = band.read(grid)
        out[name] = np.where(got.seen, got.values, 0)
    return out
