"""Patches of rasters in degrees: as many hectares as their pixels, and no ground twice or between them."""

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer

from selvawatch.attribute.loss_products import read_raster_loss
from selvawatch.core.hectares import equal_area_crs, hectares

CRS = "EPSG:32719"
EQUAL_AREA = equal_area_crs(-70.3, -12.5)
WEST, NORTH = -71.5, -12.0


def write(path, values, size, crs="EPSG:4326", corner=(WEST, NORTH)):
    values = np.asarray(values, np.uint8)
    transform = Affine(size, 0, corner[0], 0, -size, corner[1])
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype=values.dtype, crs=crs, transform=transform,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return path


def dense(west, south, east, north, step=2e-4):
    """A box in degrees in the CRS of work, with a point every 22 m: far closer than the program's."""
    outline = shapely.segmentize(shapely.box(west, south, east, north), step)
    move = Transformer.from_crs("EPSG:4326", CRS, always_xy=True)
    return shapely.transform(outline, lambda points: np.column_stack(move.transform(*points.T)))


WIDE = np.array([[19] * 50, [20] * 25 + [21] * 10 + [20] * 15, [22] * 50], np.uint8)


@pytest.mark.parametrize("size", [0.0005, 0.02, 0.027])
def test_wide_patches_in_degrees_have_the_hectares_of_their_pixels(tmp_path, size):
    frame = read_raster_loss(write(tmp_path / "wide.tif", WIDE, size), crs=CRS, encoding="hansen")
    first = frame[frame["value"] == 19].geometry.to_numpy()
    wanted = dense(WEST, NORTH - size, WEST + 50 * size, NORTH, step=min(2e-4, size / 8))
    assert hectares(first, CRS, EQUAL_AREA)[0] == pytest.approx(
        hectares(np.array([wanted]), CRS, EQUAL_AREA)[0], abs=1e-3
    )
    assert shapely.area(shapely.symmetric_difference(first[0], wanted)) / 1e4 < 1e-3


@pytest.mark.parametrize("size", [0.0005, 0.02])
def test_patches_that_meet_share_their_edges_without_gap_or_ground_drawn_twice(tmp_path, size):
    frame = read_raster_loss(write(tmp_path / "wide.tif", WIDE, size), crs=CRS, encoding="hansen")
    shapes = frame.geometry.to_numpy()
    pairs = [(a, b) for i, a in enumerate(shapes) for b in shapes[i + 1 :]]
    assert max(shapely.intersection(a, b).area for a, b in pairs) == 0
    together = shapely.union_all(shapes)
    assert together.geom_type == "Polygon" and len(together.interiors) == 0
    points = [set(map(tuple, shapely.get_coordinates(shape))) for shape in shapes]
    for index, (one, other) in enumerate(pairs):
        shared = shapely.get_coordinates(shapely.intersection(one, other))
        assert {tuple(point) for point in shared} <= set().union(*points), index


def test_zones_cut_from_a_wide_patch_hold_what_their_pixels_hold(tmp_path):
    size = 0.02
    path = write(tmp_path / "wide.tif", np.full((2, 60), 19), size)
    patch = read_raster_loss(path, crs=CRS, encoding="hansen").geometry.iloc[0]
    zone = dense(WEST + 0.4, NORTH - 0.2, WEST + 0.8, NORTH - size)
    wanted = hectares(
        np.array([dense(WEST + 0.4, NORTH - 2 * size, WEST + 0.8, NORTH - size)]), CRS, EQUAL_AREA
    )
    found = hectares(np.array([shapely.intersection(patch, zone)]), CRS, EQUAL_AREA)
    assert found[0] == pytest.approx(wanted[0], abs=1e-3)


def test_the_edges_of_windows_are_shared_too(tmp_path, monkeypatch):
    path = write(tmp_path / "wide.tif", np.full((3, 60), 19), 0.02)
    whole = read_raster_loss(path, crs=CRS, encoding="hansen").geometry.iloc[0]
    rows = [rasterio.windows.Window(0, row, 60, 1) for row in range(3)]
    monkeypatch.setattr("selvawatch.attribute.loss_products.windows_on", lambda *_: rows)
    parts = read_raster_loss(path, crs=CRS, encoding="hansen").geometry.to_numpy()
    assert len(parts) == 3 and shapely.equals(shapely.union_all(parts), whole)
    assert shapely.area(parts).sum() == pytest.approx(whole.area, rel=1e-12)


def test_patches_in_the_crs_of_work_keep_their_four_corners(tmp_path):
    path = write(tmp_path / "m.tif", np.full((3, 40), 19), 10.0, CRS, (400_000.0, 8_600_000.0))
    patch = read_raster_loss(path, crs=CRS, encoding="hansen").geometry.iloc[0]
    assert shapely.get_num_coordinates(patch) == 5
    assert patch.bounds == (400_000.0, 8_599_970.0, 400_400.0, 8_600_000.0)
