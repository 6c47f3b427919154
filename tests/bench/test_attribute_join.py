"""The exact join against bare shapely on the same pairs, in the same run."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401  (the .rio accessor)
import shapely
import xarray as xr
from affine import Affine
from rasterio.features import shapes
from scipy import ndimage

import attribute_made as made
from selvawatch.attribute.accountings import ACCOUNTINGS, account
from selvawatch.attribute.faces import faces_of
from selvawatch.attribute.overlay import attribute, extent_of

SIDE_PX = 6000
"""60 km of 10 m pixels."""


def patches(rng, count):
    """Pixel-edged polygons of about a quarter hectare, as loss cells are."""
    noise = ndimage.gaussian_filter(rng.random((SIDE_PX, SIDE_PX), np.float32), 1.6)
    mask = (noise > np.quantile(noise, 0.97)).astype(np.uint8)
    transform = Affine(10, 0, made.WEST, 0, -10, made.SOUTH + SIDE_PX * 10)
    found = [shapely.geometry.shape(one) for one, _ in shapes(mask, mask > 0, 4, transform)]
    return np.array(found[:count], object)


def rights(rng, count):
    """Grid-cell titles and slanted concessions over them, about twice the cover."""
    rows = []
    for index in range(count):
        x, y = rng.uniform(0, 60_000, 2)
        if index % 2:
            x, y = x // 1000 * 1000, y // 1000 * 1000
            shape = made.box(x, y, x + 1000 * rng.integers(1, 3), y + 1000 * rng.integers(1, 3))
        else:
            w, h, tilt = rng.uniform(300, 1700, 3)
            corners = np.array(
                [(x, y), (x + w, y + tilt / 5), (x + w - tilt / 7, y + h), (x - tilt / 6, y + h / 2)]
            )
            shape = shapely.convex_hull(shapely.MultiPoint(corners + [made.WEST, made.SOUTH]))
        kind = ("timber", "mining", "brazil_nut", "mining_application")[index % 4]
        rows.append({"type": kind, "geometry": shape, "key": f"k{index:05d}"})
    return made.register(rows)


@pytest.mark.bench
def test_join_with_all_accountings_is_no_slower_than_bare_shapely_and_faces_cost_four_joins():
    rng = np.random.default_rng(20260101)
    patch = patches(rng, 40_000)
    register = rights(rng, 5_000)
    loss = made.cells(list(patch))
    outlines = register.rights.geometry.to_numpy()

    def bare():
        tree = shapely.STRtree(outlines)
        one, other = tree.query(patch, predicate="intersects")
        shared = shapely.intersection(patch[one], outlines[other])
        return one, other, shapely.area(shared)

    bare_s, (_, other, area) = best(3, bare)
    extent = extent_of([loss, register.rights])
    faces_s, faces = best(
        1,
        lambda: faces_of(
            register.rights, extent, equal_area=made.EQUAL_AREA, register_version=register.version
        ),
    )

    def join():
        cut = attribute(loss, faces, register, today=made.TODAY)
        rows = [account(cut, register, made.SCALE, accounting=one, clock="at-loss") for one in ACCOUNTINGS]
        return cut, rows

    join_s, (cut, rows) = best(3, join)
    per_right = np.bincount(other, area, len(register)) / 1e4
    pixel_ha = shapely.area(cut.frame.geometry.to_numpy()) / 1e4
    members = cut.members
    ours = np.bincount(members["right"], pixel_ha[members["piece"]], len(register))
    print(
        f"\n{len(loss)} cells x {len(register)} rights: {len(other)} pairs, {len(faces)} faces, "
        f"{len(cut)} pieces; bare {bare_s:.2f} s, join + 4 accountings {join_s:.2f} s, faces {faces_s:.2f} s"
    )
    np.testing.assert_allclose(ours, per_right, atol=1e-6)
    for one in rows[:1] + rows[2:]:
        total = (one["weight"] * cut.frame["ha"].to_numpy()[one["piece"]]).sum()
        assert total == pytest.approx(loss["ha"].sum(), abs=1e-6)
    assert join_s <= bare_s, f"{join_s / bare_s:.2f} of bare"
    assert faces_s <= 4 * bare_s, f"{faces_s / bare_s:.2f} of bare"


def best(times, work):
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - began)
    return min(spent), result


@pytest.mark.bench
def test_areas_are_those_of_exactextract():
    exactextract = pytest.importorskip("exactextract")
    rng = np.random.default_rng(7)
    mask = (ndimage.gaussian_filter(rng.random((600, 600)), 2) > 0.505).astype(np.float64)
    transform = Affine(10, 0, made.WEST, 0, -10, made.SOUTH + 6000)
    found = [shapely.geometry.shape(one) for one, _ in shapes(mask.astype(np.uint8), mask > 0, 4, transform)]
    register = made.register(
        [
            {"type": "timber", "geometry": made.box(x, y, x + 777.7, y + 555.5), "key": f"k{index}"}
            for index, (x, y) in enumerate(rng.uniform(0, 5000, (50, 2)))
        ]
    )
    cut = made.pieces(made.cells(found), register)
    ha = shapely.area(cut.frame.geometry.to_numpy()) / 1e4
    ours = np.bincount(cut.members["right"], ha[cut.members["piece"]], len(register))
    raster = xr.DataArray(
        mask,
        dims=("y", "x"),
        coords={"y": made.SOUTH + 6000 - 10 * np.arange(600) - 5, "x": made.WEST + 10 * np.arange(600) + 5},
    ).rio.write_crs(made.CRS)
    frame = gpd.GeoDataFrame(register.rights[["right_id", "geometry"]], crs=made.CRS)
    table = exactextract.exact_extract(raster, frame, ["sum"], include_cols=["right_id"], output="pandas")
    theirs = pd.Series(table["sum"].to_numpy() * 0.01, table["right_id"]).reindex(register.rights["right_id"])
    np.testing.assert_allclose(ours, theirs.fillna(0.0), atol=1e-6)
