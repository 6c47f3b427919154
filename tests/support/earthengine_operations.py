"""What Earth Engine does to pixels and collections, as its signatures tell; unsure cases are refused."""

import operator
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyproj
import rasterio.features
import shapely

from earthengine_graph import Band, Collection, Image, PixelGrid, Pixels, RefusedError, union

_BOOLEAN = np.dtype("u1")
_GEOD = pyproj.Geod(ellps="WGS84")


def _unsure(what: str) -> RefusedError:
    return RefusedError(501, f"the loopback server does not model {what}", "UNIMPLEMENTED")


def _pairs(first: Image, second: Image) -> dict[str, tuple[Band, Band]]:
    """Bands that belong together, under the names of the longer image, or of the first."""
    one, other = list(first.bands), list(second.bands)
    if len(one) == 1 and len(other) > 1:
        return {name: (first.bands[one[0]], second.bands[name]) for name in other}
    if len(other) == 1:
        return {name: (first.bands[name], second.bands[other[0]]) for name in one}
    if len(one) != len(other):
        raise _unsure("images of unequal numbers of bands")
    if set(one) == set(other):
        other = one
    return {name: (first.bands[name], second.bands[match]) for name, match in zip(one, other, strict=True)}


def _both(
    work: Callable[[np.ndarray, np.ndarray], np.ndarray],
    kind: Callable[[np.dtype, np.dtype], np.dtype],
) -> Callable[[Image, Image], Image]:
    """An operation on two images, pixel by pixel; masked where either is."""

    def combine(image1: Image, image2: Image) -> Image:
        def band(one: Band, other: Band) -> Band:
            dtype = kind(one.dtype, other.dtype)
            between = np.dtype("f8") if union(one.dtype, other.dtype).kind == "f" else np.dtype("i8")

            def read(grid: PixelGrid) -> Pixels:
                left, right = one.read(grid), other.read(grid)
                seen = left.seen & right.seen
                with np.errstate(all="ignore"):
                    exact = work(left.values.astype(between), right.values.astype(between))
                values = exact.astype(dtype)
                if dtype.kind != "f" and (seen & (values != exact)).any():
                    raise _unsure("an integer that grows out of its type")
                return Pixels(values, seen, left.inside & right.inside)

            return replace(one, dtype=dtype, read=read)

        return Image({name: band(*pair) for name, pair in _pairs(image1, image2).items()})

    return combine


def _true(_: np.dtype, __: np.dtype) -> np.dtype:
    return _BOOLEAN


def _integers(first: np.dtype, second: np.dtype) -> np.dtype:
    if "f" in (first.kind, second.kind):
        raise _unsure("bits of a number that is no integer")
    return union(first, second)


def _floats(first: np.dtype, second: np.dtype) -> np.dtype:
    if (dtype := union(first, second)).kind != "f":
        raise _unsure("division of integers")
    return dtype


def _divide(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.divide(left, right, out=np.zeros_like(left), where=right != 0)


def _difference(input: Image, bandNames: list[str] | None = None) -> Image:  # noqa: A002, N803
    one, other = (input.bands[name] for name in (bandNames or list(input.bands)[:2]))

    def read(grid: PixelGrid) -> Pixels:
        left, right = one.read(grid), other.read(grid)
        first, second = left.values.astype("f8"), right.values.astype("f8")
        seen = left.seen & right.seen & (first >= 0) & (second >= 0)
        if (seen & (first + second == 0)).any():
            raise _unsure("a normalized difference of zeros")
        total = np.where(first + second == 0, 1, first + second)
        return Pixels(((first - second) / total).astype("f4"), seen, left.inside & right.inside)

    return Image({"nd": Band(np.dtype("f4"), read)})


def _not(value: Image) -> Image:
    def change(band: Band) -> Band:
        def read(grid: PixelGrid) -> Pixels:
            pixels = band.read(grid)
            return replace(pixels, values=(pixels.values == 0).astype(_BOOLEAN))

        return replace(band, dtype=_BOOLEAN, read=read)

    return value.each(change)


def _update_mask(image: Image, mask: Image) -> Image:
    pairs = _pairs(image, mask)
    if len(pairs) != len(image.bands):
        raise _unsure("a mask of more bands than the image")

    def masked(band: Band, other: Band) -> Band:
        def read(grid: PixelGrid) -> Pixels:
            pixels, said = band.read(grid), other.read(grid)
            if ((said.values > 0) & (said.values < 1)).any():
                raise _unsure("a mask of fractions")
            return replace(pixels, seen=pixels.seen & said.seen & (said.values != 0))

        return replace(band, read=read)

    return replace(image, bands={name: masked(*pair) for name, pair in pairs.items()})


def _mask(image: Image, mask: Image | None = None) -> Image:
    if mask is not None:
        raise _unsure("Image.mask that sets a mask")

    def change(band: Band) -> Band:
        def read(grid: PixelGrid) -> Pixels:
            pixels = band.read(grid)
            return Pixels(pixels.seen.astype("f4"), np.ones_like(pixels.seen), pixels.inside)

        return replace(band, dtype=np.dtype("f4"), read=read)

    return image.each(change)


def _clip(input: Image, geometry: Any) -> Image:  # noqa: A002
    ground = shapely.geometry.shape(geometry)

    def change(band: Band) -> Band:
        def read(grid: PixelGrid) -> Pixels:
            turn = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform
            shown = shapely.transform(shapely.segmentize(ground, 0.001), turn, interleaved=False)
            within = rasterio.features.geometry_mask(
                [shown], (grid.height, grid.width), grid.transform, invert=True
            )
            pixels = band.read(grid)
            return Pixels(pixels.values, pixels.seen & within, pixels.inside & within)

        return replace(band, read=read)

    return input.each(change)


def _area() -> Image:
    """Square metres of each pixel on the ellipsoid."""

    def read(grid: PixelGrid) -> Pixels:
        turn = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform
        columns, rows = np.meshgrid(np.arange(grid.width + 1), np.arange(grid.height + 1))
        east, north = turn(*(grid.transform @ (columns, rows)))
        values = np.empty((grid.height, grid.width))
        for row, column in np.ndindex(*values.shape):
            ring = ([row, row, row + 1, row + 1], [column, column + 1, column + 1, column])
            values[row, column] = abs(_GEOD.polygon_area_perimeter(east[ring], north[ring])[0])
        whole = np.ones(values.shape, bool)
        return Pixels(values, whole, whole)

    return Image({"area": Band(np.dtype("f8"), read)})


def _stacked(collection: Collection, name: str, grid: PixelGrid) -> np.ma.MaskedArray:
    read = [image.bands[name].read(grid) for image in collection.images]
    return np.ma.masked_array(
        np.stack([one.values for one in read]), mask=np.stack([~one.seen for one in read])
    )


def _names(collection: Collection) -> list[str]:
    if not collection.images or len({tuple(image.bands) for image in collection.images}) != 1:
        raise _unsure("a composite of images with different bands")
    return list(collection.images[0].bands)


def _reduce(collection: Collection, reducer: str, parallelScale: float = 1) -> Image:  # noqa: ARG001, N803
    def band(name: str) -> Band:
        first = collection.images[0].bands[name]
        dtype = first.dtype if reducer in ("min", "max") else np.dtype("f8")

        def read(grid: PixelGrid) -> Pixels:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = getattr(np.ma, reducer)(_stacked(collection, name, grid), axis=0)
            seen = ~np.ma.getmaskarray(found)
            return Pixels(np.ma.filled(found, 0).astype(dtype), seen, seen)

        return Band(dtype, read)

    return Image({f"{name}_{reducer}": band(name) for name in _names(collection)})


def _mosaic(collection: Collection) -> Image:
    """The last image on top."""

    def band(name: str) -> Band:
        dtype = collection.images[0].bands[name].dtype

        def read(grid: PixelGrid) -> Pixels:
            stack = _stacked(collection, name, grid)
            values, seen = np.zeros(stack.shape[1:], dtype), np.zeros(stack.shape[1:], bool)
            for layer in stack:
                here = ~np.ma.getmaskarray(layer)
                values[here], seen = layer.data[here], seen | here
            return Pixels(values, seen, seen)

        return Band(dtype, read)

    return Image({name: band(name) for name in _names(collection)})


def _best(collection: Collection, qualityBand: str) -> Image:  # noqa: N803
    """Of each pixel, the image whose quality band is highest."""

    def band(name: str) -> Band:
        dtype = collection.images[0].bands[name].dtype

        def read(grid: PixelGrid) -> Pixels:
            quality, stack = (_stacked(collection, one, grid) for one in (qualityBand, name))
            ranked = np.ma.filled(quality.astype("f8"), -np.inf)
            top = ranked.max(axis=0)
            if ((ranked == top) & np.isfinite(top)).sum(axis=0).max() > 1:
                raise _unsure("a quality mosaic of equal qualities")
            chosen = ranked.argmax(axis=0)[None]
            values = np.take_along_axis(stack.data, chosen, 0)[0]
            seen = ~np.take_along_axis(np.ma.getmaskarray(stack), chosen, 0)[0] & np.isfinite(top)
            return Pixels(values, seen, seen)

        return Band(dtype, read)

    return Image({name: band(name) for name in _names(collection)})


def _limit(collection: Collection, limit: int, key: str = "", ascending: bool = True) -> Collection:
    images = collection.images
    if key:
        images = tuple(sorted(images, key=lambda image: image.properties[key], reverse=not ascending))
    return Collection(images[: int(limit)])


def _map(
    collection: Collection, baseAlgorithm: Callable[[Image], Image], dropNulls: bool = False  # noqa: ARG001, N803
) -> Collection:  # fmt: skip
    return Collection(tuple(baseAlgorithm(image) for image in collection.images))


def _set(object: Image, key: str, value: Any) -> Image:  # noqa: A002
    return replace(object, properties={**object.properties, key: value})


def functions() -> dict[str, Callable[..., Any]]:
    """Every modelled operation by name."""
    union_of: dict[str, Callable[..., Any]] = {
        "add": operator.add, "subtract": operator.sub, "multiply": operator.mul,
        "min": np.minimum, "max": np.maximum,
    }  # fmt: skip
    truth: dict[str, Callable[..., Any]] = {
        "gt": np.greater, "gte": np.greater_equal, "lt": np.less, "lte": np.less_equal, "eq": np.equal,
        "neq": np.not_equal, "and": np.logical_and, "or": np.logical_or,
    }  # fmt: skip
    return {
        **{f"Image.{name}": _both(work, union) for name, work in union_of.items()},
        **{f"Image.{name}": _both(work, _true) for name, work in truth.items()},
        "Image.divide": _both(_divide, _floats),
        "Image.bitwiseAnd": _both(np.bitwise_and, _integers),
        "Image.not": _not,
        "Image.normalizedDifference": _difference,
        "Image.updateMask": _update_mask,
        "Image.mask": _mask,
        "Image.clip": _clip,
        "Image.pixelArea": _area,
        "Image.bandNames": lambda image: list(image.bands),
        "ImageCollection.reduce": _reduce,
        "ImageCollection.mosaic": _mosaic,
        "ImageCollection.qualityMosaic": _best,
        **{f"Reducer.{name}": (lambda name=name: name) for name in ("mean", "median", "min", "max")},
        "Collection.first": lambda collection: collection.images[0],
        "Collection.limit": _limit,
        "Collection.map": _map,
        "Element.get": lambda object, property: object.properties.get(property),  # noqa: A006
        "Element.set": _set,
    }
