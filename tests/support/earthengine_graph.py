"""Evaluate Earth Engine expression graphs over local GeoTIFFs; refuse what is not modelled."""

import datetime as dt
import functools
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from pyproj import Transformer
from shapely.geometry import shape


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
        stored, nodata = _stored(path, path.stat().st_mtime_ns)
        rows, columns, inside = _nearest(grid, crs, Affine(*transform), stored.shape)
        values = np.where(inside, stored[rows, columns], stored.dtype.type(0))
        known = np.ones_like(inside) if nodata is None else values != stored.dtype.type(nodata)
        return Pixels(values, inside & known, inside)

    return Band(dtype, read, crs, transform, size)


@functools.lru_cache(maxsize=64)
def _stored(path: Path, _: int) -> tuple[np.ndarray, float | None]:
    with rasterio.open(path) as file:
        return file.read(1), file.nodata


def _nearest(
    grid: PixelGrid, crs: str, transform: Affine, shape_: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and column of the file's pixel that each centre of a grid lies in, and whether it has one."""
    x = grid.transform.c + grid.transform.a * (np.arange(grid.width) + 0.5)
    y = grid.transform.f + grid.transform.e * (np.arange(grid.height) + 0.5)
    x, y = np.meshgrid(x, y)
    if grid.transform.b or grid.transform.d:
        raise RefusedError(501, "a sheared grid is not modelled", "UNIMPLEMENTED")
    if grid.crs != crs:
        x, y = Transformer.from_crs(grid.crs, crs, always_xy=True).transform(x, y)
    columns, rows = ~transform @ (x, y)
    inside = (columns >= 0) & (columns < shape_[1]) & (rows >= 0) & (rows < shape_[0])
    return (
        np.where(inside, np.floor(rows), 0).astype(int),
        np.where(inside, np.floor(columns), 0).astype(int),
        inside,
    )


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
        if isinstance(wanted, int):
            names = list(input.bands)[wanted : wanted + 1]
        else:
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


def union(first: np.dtype, second: np.dtype) -> np.dtype:
    """Type that holds the values of both: double or float where one is, else the least integer."""
    kinds = {first.kind, second.kind}
    if "f" in kinds:
        return np.dtype("f8" if np.dtype("f8") in (first, second) else "f4")
    limits = [np.iinfo(one) for one in (first, second)]
    least, most = min(one.min for one in limits), max(one.max for one in limits)
    for name in ("u1", "i1", "u2", "i2", "u4", "i4", "i8"):
        if np.iinfo(name).min <= least and most <= np.iinfo(name).max:
            return np.dtype(name)
    raise RefusedError(501, f"no integer holds {least} to {most}", "UNIMPLEMENTED")


def _unmask(input: Image, value: Image | None = None, sameFootprint: bool = True) -> Image:  # noqa: A002, N803
    filler = next(iter((value or _constant(0)).bands.values()))

    def change(band: Band) -> Band:
        dtype = union(band.dtype, filler.dtype)

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
            if band.dtype.kind == "f" and np.dtype(dtype).kind != "f":
                raise RefusedError(501, "an integer made of a float is not modelled", "UNIMPLEMENTED")

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
        "Image.toDouble": _cast("f8"),
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
        return self._reference(self.result, {})

    def _reference(self, key: str, given: Mapping[str, Any]) -> Any:
        if given:
            return self._node(self.nodes[key], given)
        if key not in self.done:
            self.done[key] = self._node(self.nodes[key], given)
        return self.done[key]

    def _node(self, node: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
        kind, content = next(iter(node.items()))
        if kind == "valueReference":
            return self._reference(content, given)
        if kind == "constantValue":
            return content
        if kind == "integerValue":
            return int(content)
        if kind == "argumentReference":
            return given[content]
        if kind == "arrayValue":
            return [self._node(one, given) for one in content.get("values", [])]
        if kind == "dictionaryValue":
            return {key: self._node(one, given) for key, one in content.get("values", {}).items()}
        if kind == "functionDefinitionValue":
            names, body = content["argumentNames"], content["body"]
            return lambda *values: self._reference(body, {**given, **dict(zip(names, values, strict=True))})
        if kind == "functionInvocationValue":
            name = content.get("functionName")
            if name not in self.known:
                raise RefusedError(501, f"the loopback server does not model {name}", "UNIMPLEMENTED")
            arguments = content.get("arguments", {})
            return self.known[name](**{key: self._node(one, given) for key, one in arguments.items()})
        raise RefusedError(501, f"the loopback server does not model a {kind}", "UNIMPLEMENTED")
