"""The ground: days, grid, stack contract, statuses, hectares, files and table schemas."""

import datetime as dt

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.ops
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from selvawatch.core import days, stack
from selvawatch.core.files import canonical_json, digest, folder_digests, replacing
from selvawatch.core.grid import Grid
from selvawatch.core.hectares import equal_area_crs, hectares
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.status import MOVES, Status
from selvawatch.core.tables import CELLS, TABLES
from selvawatch.errors import StackError, TableError

GRID = Grid(crs="EPSG:32719", resolution=10, tile_px=1024)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)))
def test_a_day_comes_back_as_its_date(date):
    assert days.to_date(days.to_day(date)) == date
    assert days.to_day(date.isoformat()) == days.to_day(date) == days.to_day(np.datetime64(date))


def test_an_evening_in_lima_is_the_next_day_in_utc():
    lima = dt.timezone(dt.timedelta(hours=-5))
    assert days.to_day(dt.datetime(2024, 3, 1, 22, tzinfo=lima)) == days.to_day("2024-03-02")


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        days.to_day(dt.datetime(2024, 3, 1))


@given(st.lists(st.integers(0, 60_000)))
def test_days_come_back_from_stamps_and_only_what_never_happened_has_none(numbers):
    stamps = days.to_stamps(np.array(numbers, np.int64))
    assert days.day_numbers(stamps).tolist() == days.day_numbers(pd.Series(stamps)).tolist() == numbers
    assert np.isnat(stamps).tolist() == [number == days.NO_DAY for number in numbers]
    assert days.day_numbers(stamps, -1).tolist() == [number or -1 for number in numbers]


@given(st.integers(-3000, 3000), st.integers(-3000, 3000))
def test_a_tile_id_names_exactly_one_tile(column, row):
    tile = GRID.tile("x{}y{}".format(*(f"{v:04d}" if v >= 0 else f"m{-v:04d}" for v in (column, row))))
    assert (tile.column, tile.row) == (column, row)
    assert GRID.tile(tile.id) == tile


@given(
    st.floats(300_000, 500_000), st.floats(8_500_000, 8_600_000), st.floats(20, 40_000), st.floats(20, 40_000)
)
def test_the_tiles_of_a_rectangle_cover_it_and_each_shares_ground_with_it(x, y, width, height):
    rectangle = shapely.box(x, y, x + width, y + height)
    tiles = GRID.tiles(rectangle)
    assert shapely.union_all([tile.polygon for tile in tiles]).covers(rectangle)
    assert all(tile.polygon.intersection(rectangle).area > 0 for tile in tiles)
    assert len({tile.id for tile in tiles}) == len(tiles)


def test_pixels_of_neighbouring_tiles_share_one_lattice():
    tile = GRID.tile("x0036y0838")
    for other in tile.neighbours():
        assert (other.transform.c - tile.transform.c) % 10 == 0
        assert (other.transform.f - tile.transform.f) % 10 == 0


def test_a_grid_in_degrees_is_refused():
    with pytest.raises(ValueError, match="not projected"):
        Grid(crs="EPSG:4326", resolution=10, tile_px=1024)


@given(st.lists(st.floats(-3.25, 3.25, width=32), min_size=1, max_size=20))
def test_encoding_keeps_values_to_half_a_step(values):
    back = stack.decode(stack.encode(np.array(values), 1e-4), 1e-4)
    np.testing.assert_allclose(back, np.array(values, np.float32), atol=0.51e-4)


def test_encoding_clips_and_never_wraps_and_what_is_not_finite_is_not_observed():
    stored = stack.encode(np.array([1e9, -1e9, np.nan, np.inf, -np.inf]), 1e-4)
    assert stored.tolist() == [32767, -32767, -32768, -32768, -32768]
    assert np.isnan(stack.decode(stored[2:], 1e-4)).all()


def _stack(dates, dtype="float32", **attrs):
    return xr.DataArray(
        np.zeros((len(dates), 2, 2), dtype),
        dims=("time", "y", "x"),
        coords={"time": np.array(dates, "datetime64[ns]")},
        attrs=attrs,
    )


def test_days_out_of_order_are_refused_with_the_remedy():
    with pytest.raises(StackError, match=r"2026-05-06 \(position 2\).*prepare\.daily"):
        stack.check_stack(_stack(["2026-05-01", "2026-05-06", "2026-05-06"]))


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (_stack(["2026-05-01"], "float64"), "float64"),
        (_stack(["2026-05-01"], "int16"), "scale"),
        (_stack(["2026-05-01"]).transpose("y", "x", "time"), "dimensions"),
        (_stack(["2026-05-01", "2026-05-02"]).chunk(time=1), "rechunk"),
    ],
)
def test_a_breach_of_the_stack_contract_is_named(bad, named):
    with pytest.raises(StackError, match=named):
        stack.check_stack(bad)


def test_a_good_stack_passes_without_being_computed():
    lazy = _stack(["2026-05-01", "2026-05-02"], "int16", scale=1e-4).chunk(time=-1, y=1)
    assert stack.check_stack(lazy) is lazy


def test_no_move_leads_out_of_closed_and_every_status_has_a_row():
    assert set(MOVES) == set(Status)
    assert not MOVES[Status.CLOSED]
    assert Status.WITHDRAWN not in MOVES[Status.NONE]
    assert Status.CONFIRMED in MOVES[Status.DIEBACK]


def test_hectares_agree_with_the_ellipsoid_where_utm_does_not():
    west_of_manu = shapely.transform(
        shapely.box(-72.21, -12.31, -72.19, -12.29),
        lambda xy: np.column_stack(
            __import__("pyproj")
            .Transformer.from_crs(4326, 32719, always_xy=True)
            .transform(xy[:, 0], xy[:, 1])
        ),
    )
    import pyproj

    truth = abs(
        pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.box(-72.21, -12.31, -72.19, -12.29))[0]
    )
    got = hectares(np.array([west_of_manu]), "EPSG:32719", equal_area_crs(-70.3, -12.5))[0]
    assert got == pytest.approx(truth / 1e4, rel=2e-4)


def test_hectares_are_the_same_however_many_points_a_straight_edge_has():
    west = shapely.Polygon([(200_000, 8_560_000), (202_000, 8_640_000), (240_000, 8_620_000)])
    across = shapely.LineString([(180_000, 8_600_000), (260_000, 8_612_000)])
    halves = shapely.get_parts(shapely.ops.split(west, across))
    every_metre = shapely.segmentize(west, 10.0)
    of = hectares(np.array([west, every_metre, *halves], object), "EPSG:32719", equal_area_crs(-70.3, -12.5))
    assert of[1] == pytest.approx(of[0], abs=1e-3)
    assert sum(of[2:]) == pytest.approx(of[0], abs=1e-3)


def test_an_error_halfway_leaves_the_old_file_and_no_part(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(folder_digests(tmp_path)) == ["a.txt"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_equal_values_have_equal_digests_whatever_their_order():
    assert digest({"b": 1, "a": [1, 2]}) == digest({"a": [1, 2], "b": 1})
    assert canonical_json({"á": "ñ"}) == '{"á":"ñ"}'
    with pytest.raises(ValueError):
        canonical_json(float("nan"))


def test_every_layer_has_a_nodata_its_type_can_hold():
    for layer in LAYERS.values():
        assert np.array(layer.nodata).astype(layer.dtype) == layer.nodata


def test_every_table_starts_empty_and_passes_its_own_check():
    for table in TABLES.values():
        frame = gpd.GeoDataFrame(dict(table.empty()), geometry="geometry", crs="EPSG:32719")
        assert list(table.check(frame).columns) == [column.name for column in table.columns]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"drop": "ha"}, "missing"),
        ({"extra": 1}, "unknown"),
        ({"cause": "aliens"}, "not allowed"),
        ({"event_id": None}, "empty"),
        ({"ha": "much"}, "type"),
    ],
)
def test_a_breach_of_a_table_is_named(change, named):
    row = {
        "cell_id": "E-1",
        "event_id": "E",
        "status": "confirmed",
        "cause": "mining",
        "mining_probability": 0.9,
        "onset": pd.Timestamp("2024-01-01"),
        "onset_earliest": pd.NaT,
        "onset_latest": pd.Timestamp("2024-01-01"),
        "ha": 1.0,
        "geometry": shapely.box(0, 0, 1, 1),
    }
    frame = pd.DataFrame([row])
    assert CELLS.check(frame)["ha"].tolist() == [1.0]
    frame = frame.drop(columns=change["drop"]) if "drop" in change else frame.assign(**change)
    with pytest.raises(TableError, match=named):
        CELLS.check(frame)
