"""Series, rasters and the cube are read as they are, and what cannot be used is said in one line."""

import datetime as dt
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from packaged import RECIPE
from selvawatch.core.days import NO_DAY, to_day
from selvawatch.core.stack import NODATA
from selvawatch.errors import LayerError
from selvawatch.prepare.observation_quality import quality_of
from selvawatch.validate.judge_series import clear_indices
from selvawatch.validate.netcdf_archive import from_decimal_years, read_archive
from selvawatch.validate.reference_cube import OPTICAL_STREAM, RADAR_STREAM, open_cube
from selvawatch.validate.series import observations_of, read_points, read_series

GENERATOR = Path(__file__).parents[2] / "bench" / "make_reference_cube.py"


def write_series(path, **columns):
    frame = pd.DataFrame({"pid": ["b", "a", "a"], "date": pd.to_datetime(["2020-01-02"] * 3), **columns})
    frame.to_parquet(path)
    return path


def test_two_rows_of_one_point_and_day_are_averaged(tmp_path):
    series = read_series(write_series(tmp_path / "s.parquet", nbr=[0.5, 0.2, 0.4]))
    assert series.pids == ("a", "b")
    assert not series.bands
    np.testing.assert_allclose(series.values["nbr"], [[0.3, 0.5]], atol=1e-6)


def test_both_spellings_of_bands_mean_the_same(tmp_path):
    words = write_series(
        tmp_path / "w.parquet", blue=[0.1] * 3, red=[0.2] * 3, bnir=[0.3] * 3, nnir=[0.4] * 3, swir2=[0.5] * 3
    )
    numbers = write_series(
        tmp_path / "n.parquet", B02=[0.1] * 3, B04=[0.2] * 3, B08=[0.3] * 3, B8A=[0.4] * 3, B12=[0.5] * 3
    )
    first, second = read_series(words), read_series(numbers)
    assert set(first.values) == {"blue", "red", "nir", "nir08", "swir22"}
    assert first.bands
    for name, values in first.values.items():
        np.testing.assert_array_equal(values, second.values[name])


def test_an_infinite_value_is_not_observed(tmp_path):
    series = read_series(write_series(tmp_path / "s.parquet", nbr=[np.inf, 0.2, 0.4]))
    assert np.isnan(series.values["nbr"][0, 1])


def test_points_come_in_the_order_of_the_series(tmp_path):
    pd.DataFrame(
        {"pid": ["b", "a"], "lon": [1.0, 2.0], "lat": [0, 0], "label": ["B", "A"], "odd": [True, False]}
    ).to_parquet(tmp_path / "p.parquet")
    points = read_points(tmp_path / "p.parquet", ("a", "b"), exclude="odd")
    assert points.labels.tolist() == ["A", "B"]
    assert points.excluded.tolist() == [False, True]
    with pytest.raises(LayerError, match="have no row.*'c'"):
        read_points(tmp_path / "p.parquet", ("a", "c"))
    with pytest.raises(LayerError, match="a column is missing.*even"):
        read_points(tmp_path / "p.parquet", ("a", "b"), exclude="even")


def test_a_series_that_cannot_be_used_is_one_line(tmp_path):
    with pytest.raises(LayerError, match="no known band or index"):
        read_series(write_series(tmp_path / "s.parquet", height=[1, 2, 3]))
    pd.DataFrame({"pid": ["a"], "nbr": [0.1]}).to_parquet(tmp_path / "d.parquet")
    with pytest.raises(LayerError, match="a column is missing.*date"):
        read_series(tmp_path / "d.parquet")
    with pytest.raises(LayerError, match="missing"):
        read_series(tmp_path / "none.parquet")
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(LayerError, match="cannot be read"):
        read_series(tmp_path / "t.parquet")


def test_points_are_never_neighbours_on_the_grid():
    (observation,) = observations_of(
        np.array([5]), "landsat", {"nbr": np.array([[0.5, 0.6, np.nan]], np.float32)}
    )
    assert observation.values["nbr"].tolist() == [[5000, NODATA, 6000, NODATA, NODATA, NODATA]]
    assert observation.clear_share == pytest.approx(2 / 3)


def test_decimal_years_are_days_in_common_and_leap_years():
    days = from_decimal_years(np.array([2016.0, 2016.5, 2015.0 + 31 / 365, np.nan, 0.0]))
    expected = [to_day(text) for text in ("2016-01-01", "2016-07-02", "2015-02-01")]
    assert days.tolist() == [*expected, NO_DAY, NO_DAY]


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(9)
    dataset = xr.Dataset(
        {
            "s1_vv_db": (("time_s1", "y", "x"), rng.normal(-7, 1, (3, 4, 5)).astype("f4")),
            "landsat_ndvi": (("time_l", "y", "x"), np.full((2, 4, 5), np.nan, "f4")),
            "lossyear": (("y", "x"), np.tile([16, 15], 10).reshape(4, 5)),
            "forest": (("y", "x"), np.ones((4, 5), "u1")),
            "r_confirmed_date": (("y", "x"), np.full((4, 5), 2016.25)),
        },
        coords={
            "time_s1": pd.to_datetime(["2016-01-03", "2016-01-01", "2016-01-02"]),
            "time_l": [2016.0, 2016.0 + 1 / 366],
            "x": np.arange(5) * 30.0,
            "y": -np.arange(4) * 30.0,
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    return tmp_path / "a.nc"


def test_variables_with_a_time_of_their_own_are_sensors_and_empty_days_are_kept(archive):
    read = read_archive(archive, "lossyear=16", "forest")
    first = to_day(dt.date(2016, 1, 1))
    assert [(observation.day - first, observation.stream) for observation in read.observations] == [
        (0, "landsat"),
        (0, "sentinel-1"),
        (1, "landsat"),
        (1, "sentinel-1"),
        (2, "sentinel-1"),
    ]
    assert read.observations[0].clear_share == 0
    assert read.lost.sum() == 10
    assert read.compared_name == "r_confirmed_date"
    assert (read.compared_day == to_day(dt.date(2016, 4, 2))).all()
    assert read.resolution == 30


def test_a_band_option_names_what_a_variable_is(archive):
    read = read_archive(archive, "lossyear=16", None, ["s1_vv_db=sentinel-1-ascending:vv"])
    assert {observation.stream for observation in read.observations} == {"landsat", "sentinel-1-ascending"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("year=16", "forest"), "variable year is missing.*lossyear"),
        (("lossyear=99", "forest"), "no masked pixel is lost"),
        (("lossyear", "forest"), "needed VARIABLE=VALUE"),
        (("lossyear=a", "forest"), "is no number"),
        (("lossyear=16", "trees"), "variable trees is missing"),
        (("s1_vv_db=16", "forest"), "is no raster"),
        (("lossyear=16", "forest", ["s1_vv_db=radar"]), "a band cannot be used"),
    ],
)
def test_an_archive_that_cannot_be_used_is_one_line(archive, arguments, message):
    with pytest.raises(LayerError, match=message):
        read_archive(archive, *arguments)


def test_a_file_that_is_no_netcdf_is_one_line(tmp_path):
    (tmp_path / "a.nc").write_text("nothing")
    with pytest.raises(LayerError, match="cannot be read as netCDF"):
        read_archive(tmp_path / "a.nc", "a=1", None)


@pytest.fixture(scope="module")
def cube_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cube")
    before = sys.argv
    sys.argv = ["make_reference_cube.py", "--size", "60", "--step", "30", "--out", str(folder)]
    try:
        runpy.run_path(str(GENERATOR), run_name="__main__")
    finally:
        sys.argv = before
    return folder


def test_the_cube_gives_the_generators_own_index(cube_folder):
    cube = open_cube(cube_folder, "main")
    stored = np.load(cube_folder / "ndvi16_main.npy")
    observations = list(cube.observations("optical"))
    assert len(observations) == len(stored)
    for observation, expected in zip(observations, stored, strict=True):
        # rounded reflectance moves the ratio by at most 1e-4 / (nir + red), some 5 stored units
        np.testing.assert_array_equal(observation.values["ndvi"] == NODATA, expected == NODATA)
        dark = np.abs(observation.values["ndvi"].astype(int) - expected) > 5
        assert dark.mean() < 0.01


def test_the_cube_mixes_streams_in_the_order_of_days(cube_folder):
    keys = [
        (observation.day, observation.stream)
        for observation in open_cube(cube_folder, "main").observations("all")
    ]
    assert keys == sorted(keys)
    assert {stream for _, stream in keys} == {OPTICAL_STREAM, RADAR_STREAM}


def test_optical_pixels_of_a_cube_are_weighed_as_an_ingest_weighs_them_and_radar_is_not(cube_folder):
    cube, rule = open_cube(cube_folder, "main"), RECIPE.screening
    stored = np.load(cube_folder / "refl_main.npy")
    plain = {(one.day, one.stream): one for one in cube.observations("all")}
    optical = 0
    for observation in cube.observations("all", rule):
        before = plain[observation.day, observation.stream]
        assert "quality" not in before.values
        assert (observation.stream == OPTICAL_STREAM) == ("quality" in observation.values)
        for name, values in before.values.items():
            np.testing.assert_array_equal(observation.values[name], values)
        if observation.stream == OPTICAL_STREAM:
            unit = stored[optical].astype(np.float32) / 10_000
            bands = {"blue": unit[0], "red": unit[2], "nir": unit[3]}
            seen = (stored[optical] != -9999).all(axis=0)
            np.testing.assert_array_equal(observation.values["quality"], quality_of(bands, seen, rule))
            optical += 1
    assert optical == len(stored)


def test_bands_of_series_are_weighed_by_their_haze_and_ready_indices_are_not(tmp_path):
    clear, hazy = (0.026, 0.046, 0.026, 0.3, 0.15, 0.06), (0.052, 0.07, 0.046, 0.31, 0.16, 0.07)
    names = ("B02", "B03", "B04", "B08", "B11", "B12")
    columns = {name: [haze, plain, plain] for name, haze, plain in zip(names, hazy, clear, strict=True)}
    path = write_series(tmp_path / "s.parquet", **columns)
    values, _ = clear_indices(path, read_series(path), RECIPE.screening)
    assert values["quality"][0, 0] == 100 and 10 < values["quality"][0, 1] < 90
    (observation,) = observations_of(np.array([19_000]), "sentinel-2", values)
    assert observation.values["quality"][0, 0] == 100 and observation.scales["quality"] == 1
    ready = write_series(tmp_path / "r.parquet", nbr=[0.5, 0.2, 0.4])
    assert "quality" not in clear_indices(ready, read_series(ready), RECIPE.screening)[0]


def test_a_cube_without_the_tag_or_with_a_file_gone_is_one_line(cube_folder, tmp_path):
    with pytest.raises(LayerError, match=r"tags \['main'\].*needed tag hard"):
        open_cube(cube_folder, "hard")
    (tmp_path / "meta_main.npz").write_bytes((cube_folder / "meta_main.npz").read_bytes())
    with pytest.raises(LayerError, match="refl_main.npy: a file of the cube is missing"):
        next(open_cube(tmp_path, "main").observations("optical"))
