"""The simulated ground: its truth, its covers and its lines agree with one another."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.settings import load
from selvawatch.core.tables import CAUSES
from selvawatch.simulate import Cause, SimulationPlan
from selvawatch.simulate.archive.truth import front_table, truth_of
from selvawatch.simulate.spectra import BACKSCATTER_DB, REFLECTANCE, Material
from selvawatch.simulate.terrain.covers import ALWAYS, NEVER, Covers, Kind
from selvawatch.simulate.terrain.landscape import Landscape, backscatter, build_landscape, reflectance

DEMO = Path(__file__).resolve().parents[3] / "models" / "simulation-demo.toml"


@pytest.fixture(scope="module")
def ground(small_plan, small_tile) -> Landscape:
    return build_landscape(small_plan, small_tile)


def _ndvi(surface):
    red, nir = surface[2], surface[3]
    return (nir - red) / (nir + red)


def test_truth_rasters_say_the_same_as_the_table_of_fronts(ground):
    truth = truth_of(ground)
    table = front_table(truth, ground)
    assert {Cause(code).name.lower() for code in np.unique(truth.cause) if code} <= set(CAUSES)
    for row in table.itertuples():
        here = truth.front == row.front_id
        assert row.ha == pytest.approx(here.sum() * 0.01)
        assert row.geometry.area / 1e4 == pytest.approx(row.ha)
        assert to_day(row.first_onset.to_datetime64()) == truth.onset[here].min()
        assert to_day(row.last_onset.to_datetime64()) == truth.onset[here].max()
        assert {row.cause} == {Cause(int(code)).name.lower() for code in np.unique(truth.cause[here])}
    assert ((truth.onset > 0) == (truth.cause > 0)).all()
    assert (truth.forest[truth.onset > 0] == 1).all()
    assert (truth.share[truth.onset > 0] >= 50).all()


def test_nothing_is_lost_in_the_quiet_days_at_the_end(ground):
    _, _, last = ground.plan.days
    assert truth_of(ground).onset.max() <= last - ground.plan.changes.quiet_days


def test_a_mined_pixel_is_forest_the_day_before_and_not_a_month_later(ground):
    truth = truth_of(ground)
    full = (truth.cause == Cause.MINING) & (truth.share > 95)
    for onset in np.unique(truth.onset[full]).tolist()[:4]:
        here = full & (truth.onset == onset)
        assert (_ndvi(reflectance(ground, onset - 1))[here] > 0.6).all()
        assert (_ndvi(reflectance(ground, onset + 30))[here] < 0.45).all()
        before, after = (backscatter(ground, day, 0.0, 0.0)[1][here] for day in (onset - 1, onset + 30))
        assert 10 * np.log10(after.mean() / before.mean()) < -3


def test_untouched_forest_keeps_its_level_all_year(ground):
    truth = truth_of(ground)
    calm = (truth.forest == 1) & (truth.share == 0) & (ground.old.share == 0)
    days = [to_day(dt.date(2023, month, 15)) for month in range(1, 13)]
    levels = [np.median(_ndvi(reflectance(ground, day))[calm]) for day in days]
    assert min(levels) > 0.8
    assert max(levels) - min(levels) < 0.04


def _covers(kind, start, second=NEVER, third=NEVER):
    one = np.ones(1)
    return Covers(
        index=np.zeros(1, np.int64),
        share=one.astype(np.float32),
        kind=np.array([kind], np.uint8),
        start=np.array([start]),
        second=np.array([second]),
        third=np.array([third]),
        variety=np.zeros(1, np.float32),
    )


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.NONE])
@pytest.mark.parametrize("month", [1, 5, 9])
def test_every_cover_is_a_whole_mixture_of_materials(kind, month):
    day = to_day(dt.date(2024, month, 10))
    for start, second in ((ALWAYS, 240), (day - 1, day + 20), (day - 90, day - 60), (day - 2000, day - 1900)):
        share, mixture = _covers(kind, start, second, second + 100).on(day)
        assert 0 <= share[0] <= 1
        assert mixture.min() >= -1e-6
        assert mixture.sum() == pytest.approx(1, abs=1e-5)


def test_a_cover_that_has_not_begun_takes_nothing_of_the_pixel():
    share, _ = _covers(Kind.SAND, 100).on(99)
    assert share[0] == 0


def test_a_pond_fills_and_later_turns_green():
    pond = _covers(Kind.POND, 19_000, 19_010, 19_150)
    fresh, young, old = (pond.on(day)[1][0] for day in (19_001, 19_060, 19_300))
    assert fresh[Material.TURBID] == 0
    assert young[Material.TURBID] == pytest.approx(1)
    assert old[Material.GREEN] > 0.5


def test_ponds_keep_the_burn_ratio_of_forest():
    def nbr(material):
        return (REFLECTANCE[material, 3] - REFLECTANCE[material, 5]) / REFLECTANCE[material, [3, 5]].sum()

    assert nbr(Material.TURBID) > 0.5
    assert nbr(Material.GREEN) > 0.5
    assert nbr(Material.SAND) < 0.1
    assert (BACKSCATTER_DB[Material.TURBID] < -15).all()


def test_the_written_truth_is_the_landscape_s_own(small_archive, ground):
    truth = truth_of(ground)
    for name in ("onset", "cause", "front", "share", "forest"):
        with rasterio.open(small_archive.truth / f"{name}.tif") as file:
            assert file.crs.to_epsg() == 32719
            np.testing.assert_array_equal(file.read(1), getattr(truth, name))
    assert len(gpd.read_parquet(small_archive.truth / "fronts.parquet")) == len(front_table(truth, ground))


@pytest.mark.slow
def test_the_demo_has_at_least_twenty_fronts_over_half_a_hectare():
    plan = load(SimulationPlan, DEMO)
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=1024).tile("x0036y0838")
    ground = build_landscape(plan, tile)
    table = front_table(truth_of(ground), ground)
    fronts = table[~table.in_history & (table.cause == "mining")]
    assert (fronts.ha > 0.5).sum() >= 20
    assert (fronts.ha <= 0.5).any()
    assert set(table[~table.in_history].cause) == {"mining", "agriculture", "road", "river", "natural"}
    assert table.in_history.any()


def test_a_plan_of_another_number_has_another_digest(small_plan):
    other = replace(small_plan, weather=replace(small_plan.weather, haze=0.011))
    assert other.digest() != small_plan.digest()
    assert replace(small_plan).digest() == small_plan.digest()


def test_a_plan_out_of_order_is_refused(small_plan):
    with pytest.raises(ValueError, match="must follow one another"):
        replace(small_plan, monitoring_start=small_plan.last_day)
    with pytest.raises(ValueError, match="need 0 <= haze <= 1"):
        replace(small_plan.weather, haze=2.0)
