"""Rasters in the encodings of other systems, written by the command and decoded as their readers do."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

import small_site
from selvawatch.cli.main import app
from selvawatch.core.files import file_digest
from selvawatch.errors import StoreError
from selvawatch.events.patches import with_expired_layers
from selvawatch.site import Site
from selvawatch.store.tile_state import open_layers

pytestmark = pytest.mark.slow


def export(place, form, out, *more):
    words = ["alerts", "export", "--site", place.site, "--store", place.store, "--format", form, "--out", out]
    result = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout.split()


@pytest.fixture(scope="module")
def said(small_run):
    """Layers of the small run, days of alerts as dates and which pixels are alerts."""
    kept = open_layers(small_run.opened, small_run.tile.id, small_run.state.state)
    rule = Site.load(small_run.site, "aoi/site.toml").event_rule
    layers = with_expired_layers(kept, rule, small_run.state.until_day)
    onset = layers["onset"].values.astype("datetime64[D]")
    alert = np.isin(layers["status"].values, (1, 2, 4))
    assert alert.sum() > 100
    return layers, onset, alert


def read(path):
    with rasterio.open(path) as file:
        return file.read(1), file


def test_gfw_readers_get_our_days_and_confidence(small_run, said, tmp_path):
    layers, onset, alert = said
    (path,) = export(small_run, "gfw", tmp_path / "g.tif", "--tier", "restricted")
    values, file = read(path)
    assert (file.dtypes, file.nodata, str(file.crs)) == (("uint16",), 0, "EPSG:32719")
    assert file.transform == small_run.tile.transform
    # as titiler decodes it: confidence = value // 10000, date = 2014-12-31 + value % 10000 days
    days = np.datetime64("2014-12-31") + (values % 10_000).astype("timedelta64[D]")
    assert np.array_equal(values > 0, alert)
    assert np.array_equal(days[alert], onset[alert])
    assert np.array_equal((values // 10_000)[alert], layers["confidence"].values[alert])
    with rasterio.open(path) as file:
        assert "2014-12-31" in file.tags()["description"]


def test_radd_readers_get_our_days_and_what_is_confirmed(small_run, said, tmp_path):
    layers, onset, alert = said
    paths = export(small_run, "radd", tmp_path / "r.tif", "--tier", "restricted")
    assert [path.rsplit("/", 1)[1] for path in paths] == ["r-Alert.tif", "r-Date.tif"]
    (status, _), (date, _) = (read(path) for path in paths)
    assert np.array_equal(status > 0, alert)
    assert np.array_equal(status == 3, np.isin(layers["status"].values, (2, 4)))
    for code in np.unique(date[alert]):
        day = dt.datetime.strptime(f"{code:05d}", "%y%j").date()
        assert (onset[date == code] == np.datetime64(day)).all()


def test_dist_readers_get_our_days_states_and_what_is_not_monitored(small_run, said, tmp_path):
    layers, onset, alert = said
    paths = export(small_run, "dist", tmp_path / "d.tif", "--tier", "restricted")
    (status, file), (date, of_date) = (read(path) for path in paths)
    assert (file.nodata, of_date.nodata) == (255, -1)
    blind = layers["status"].values == 255
    assert np.array_equal(status == 255, blind)
    assert np.array_equal(date == -1, blind)
    assert np.array_equal(np.isin(status, (4, 5, 6, 8)), alert)
    days = np.datetime64("2020-12-31") + date.astype("timedelta64[D]")
    assert np.array_equal(days[alert], onset[alert])


def test_equal_states_are_equal_bytes_and_many_tiles_one_raster(
    small_run, small_archive, small_plan, small_tile, tmp_path
):
    for name in ("a", "b"):
        export(small_run, "gfw", tmp_path / f"{name}.tif", "--tier", "restricted")
    assert file_digest(tmp_path / "a.tif") == file_digest(tmp_path / "b.tif")
    site, tiles = small_site.lay_halves(tmp_path / "site", small_archive, small_plan, small_tile)
    halves = replace(small_run, site=site, store=tmp_path / "store")
    halves.run()
    assert len(tiles) == 2
    (path,) = export(halves, "gfw", tmp_path / "h.tif", "--tier", "restricted")
    whole, _ = read(tmp_path / "a.tif")
    south, file = read(path)
    assert np.array_equal(south, whole[64:])
    assert file.bounds == (*small_tile.bounds[:2], small_tile.bounds[2], small_tile.bounds[1] + 640)


def test_rasters_are_for_the_restricted_tier_and_say_so_in_one_line(small_run, tmp_path):
    with pytest.raises(StoreError, match="exact places; got tier public; needed tier restricted"):
        export(small_run, "gfw", tmp_path / "g.tif")
    assert not (tmp_path / "g.tif").exists()


def test_a_store_without_a_run_is_one_line(small_run, tmp_path):
    empty = replace(small_run, store=tmp_path / "none")
    with pytest.raises(StoreError, match="no run"):
        export(empty, "dist", tmp_path / "d.tif", "--tier", "restricted")
