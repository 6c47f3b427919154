"""Composites, features, the cause rule and what it publishes."""

from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.grid import Grid
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.core.tables import CAUSES, CELLS, EVENTS
from selvawatch.events.cause import REASONS, CauseRule, classify, with_causes
from selvawatch.events.composite import after_composite
from selvawatch.events.detected import Detected, Tracked, detect_events
from selvawatch.events.features import FEATURES, Reference, features
from selvawatch.events.patches import EventFrame, EventRule

MODELS = Path(__file__).resolve().parents[3] / "models"
GRID = Grid(crs="EPSG:32719", resolution=10.0, tile_px=40, anchor_x=370_000, anchor_y=8_580_000)
GROUND = EventFrame(grid=GRID, equal_area=equal_area_crs(-70.2, -12.8), prefix="MDD")
TILE = GRID.tile("x0000y0000")
DAY = 19_000


@pytest.fixture(scope="module")
def rule() -> CauseRule:
    return load(CauseRule, MODELS / "cause.toml")


def found(marked: np.ndarray, onset: np.ndarray | int = DAY) -> Detected:
    """Events of a mask of confirmed pixels."""
    layers = {name: layer.empty(marked.shape) for name, layer in LAYERS.items()}
    layers["status"][:] = np.where(marked, 2, 0)
    layers["confidence"][:] = np.where(marked, 3, 0)
    for name in ("onset", "onset_latest", "provisional_on", "confirmed_on"):
        layers[name][:] = np.where(marked, onset, 0)
    state = xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})
    rule = load(EventRule, MODELS / "events.toml")
    return detect_events(None, {TILE: state}, GROUND, rule, DAY + 200, {})


def composite(**layers: np.ndarray) -> xr.Dataset:
    return xr.Dataset({name: (("y", "x"), values.astype(np.float32)) for name, values in layers.items()})


def box(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[rows, columns] = True
    return mask


def median_slow(values: np.ndarray, days: list[int], since: int, observations: int) -> float:
    clear = [
        value for value, day in zip(values.tolist(), days, strict=True) if day >= since and value != NODATA
    ]
    return float(np.median(clear[-observations:])) * 1e-4 if clear else float("nan")


@pytest.mark.parametrize("observations", [1, 2, 5])
def test_a_composite_is_the_median_of_the_last_clear_observations(observations):
    rng = np.random.default_rng(7)
    days = [DAY, DAY + 3, DAY + 9, DAY + 10, DAY + 20, DAY + 31]
    values = rng.integers(-10_000, 10_000, (6, 5, 4)).astype(np.int16)
    values[rng.random(values.shape) < 0.5] = NODATA
    since = rng.choice([0, DAY + 5, DAY + 40], (5, 4)).astype(np.uint16)
    stack = xr.DataArray(
        values, dims=("time", "y", "x"), coords={"time": to_times(np.array(days))}, attrs={"scale": 1e-4}
    )
    got = after_composite(stack, xr.DataArray(since, dims=("y", "x")), observations)
    want = [
        [median_slow(values[:, y, x], days, since[y, x], observations) for x in range(4)] for y in range(5)
    ]
    np.testing.assert_allclose(got.values, want, atol=1e-6)
    assert got.dtype == np.float32
    lazy = after_composite(
        stack.copy(data=da.from_array(values, chunks=(6, 2, 4))),
        xr.DataArray(since, dims=("y", "x")),
        observations,
    )
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute().drop_attrs(), got.drop_attrs())


def test_features_are_shares_of_the_pixels_seen(rule):
    marked = box(slice(10, 20), slice(10, 30))
    ndvi = np.where(marked, 0.2, 0.85)
    ndvi[10:20, 10:15] = np.nan
    mndwi = np.where(box(slice(10, 20), slice(20, 30)), 0.5, -0.5)
    mndwi[np.isnan(ndvi)] = np.nan
    mndwi[:, :9] = 0.6
    ndvi[:, :9] = -0.2
    layers = {TILE: composite(ndvi=ndvi, mndwi=mndwi, ndvi_baseline=np.full((40, 40), 0.85))}
    measures = replace(rule.measures, river_m=300.0)
    event = features(found(marked), layers, Reference(), measures, 10.0).iloc[0]
    assert list(event.index) == list(FEATURES)
    assert event["pond_share"] == pytest.approx(100 / 150)
    assert event["bare_share"] == pytest.approx(50 / 150)
    assert event["green_share"] == 0
    assert event["ndvi_drop"] == pytest.approx(0.65, abs=1e-6)
    assert np.isnan(event["nbr"])
    assert 0 < event["river_share"] < 0.3
    assert event["old_mine_share"] == 0
    assert event["rectangularity"] == pytest.approx(1)
    assert event["log_elongation"] == pytest.approx(np.log(2))
    assert event["log_roughness"] == pytest.approx(np.log(600 / (4 * np.sqrt(20_000))))
    assert np.isnan(event["log_road_km"])


def test_a_small_old_water_body_is_a_pond_and_no_river(rule):
    marked = box(slice(10, 20), slice(10, 30))
    mndwi = np.where(box(slice(5, 9), slice(10, 30)), 0.5, -0.5)
    layers = {TILE: composite(ndvi=np.full((40, 40), 0.5), mndwi=mndwi)}
    event = features(found(marked), layers, Reference(), rule.measures, 10.0).iloc[0]
    assert event["river_share"] == 0 and event["old_mine_share"] > 0.15


def test_distances_are_to_the_reference(rule):
    road = shapely.LineString([(370_000, 8_580_000), (371_000, 8_580_000)])
    marked = box(slice(20, 30), slice(10, 30))
    event = features(found(marked), {}, Reference(road=road), rule.measures, 10.0).iloc[0]
    assert event["log_road_km"] == pytest.approx(np.log(0.01 + 0.1))
    assert np.isnan(event["pond_share"])


def classify_slow(values: pd.Series, rule: CauseRule) -> dict[str, float]:
    scores = dict(rule.bias)
    for name, weight in rule.features.items():
        if values[name] == values[name]:
            for cause in scores:
                scores[cause] += weight.causes[cause] * (values[name] - weight.centre) / weight.scale
    total = sum(np.exp(score) for score in scores.values())
    return {cause: np.exp(score) / total for cause, score in scores.items()}


def test_probabilities_are_the_softmax_of_the_scores(rule):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(0.5, 0.5, (40, len(FEATURES))), columns=list(FEATURES))
    frame[rng.random(frame.shape) < 0.2] = np.nan
    frame["unseen_ndvi"], frame["unseen_water"] = 0.0, 0.0
    causes = classify(frame, rule)
    for (_, values), (_, row) in zip(frame.iterrows(), causes.iterrows(), strict=True):
        slow = classify_slow(values, rule)
        assert row["mining_probability"] == pytest.approx(slow["mining"])
        best = max(slow, key=lambda cause: slow[cause])
        assert row["cause"] == (best if slow[best] >= rule.publish_probability else "unknown")
        assert set(row["cause_reasons"].split()) <= set(REASONS)


def test_what_no_one_saw_has_no_published_cause_and_says_so(rule):
    frame = features(found(box(slice(10, 20), slice(10, 30))), {}, Reference(), rule.measures, 10.0)
    row = classify(frame, rule).iloc[0]
    assert row["cause"] == "unknown"
    assert row["cause_reasons"].split()[:2] == ["unseen_ndvi+", "unseen_water+"]
    assert row["mining_probability"] == pytest.approx(classify_slow(frame.iloc[0], rule)["mining"])


def test_every_feature_has_a_reason_on_both_sides_in_two_languages():
    assert set(REASONS) == {name + side for name in FEATURES for side in "+-"}
    assert all(REASONS.values())


def test_a_new_published_cause_is_a_version_of_a_stable_event_only():
    first = found(box(slice(10, 20), slice(10, 30)))
    name = first.events["event_id"].iloc[0]

    def caused(tracked: Tracked, cause: str) -> Tracked:
        row = {"cause": cause, "mining_probability": 0.7, "cause_reasons": "pond_share+"}
        return with_causes(tracked, pd.DataFrame([row], index=[name]))

    new = caused(first.tracked, "mining")
    assert (new.events["version"].iloc[0], new.events["change"].iloc[0]) == (1, "new")
    assert set(new.cells["cause"]) == {"mining"}
    stable = new.events.assign(change="stable")
    same = caused(Tracked(events=stable, cells=new.cells), "mining")
    assert (same.events["version"].iloc[0], same.events["change"].iloc[0]) == (1, "stable")
    other = caused(Tracked(events=stable, cells=new.cells), "river")
    assert (other.events["version"].iloc[0], other.events["change"].iloc[0]) == (2, "reclassified")
    gone = caused(Tracked(events=stable.assign(status="withdrawn"), cells=new.cells), "river")
    assert gone.events["cause"].iloc[0] == "mining"
    EVENTS.check(other.events)
    CELLS.check(other.cells)


def test_a_rule_with_a_strange_feature_or_cause_is_refused(rule):
    weight = next(iter(rule.features.values()))
    with pytest.raises(ValueError, match="feature brightness is unknown"):
        replace(rule, features={"brightness": weight})
    with pytest.raises(ValueError, match="bias names"):
        replace(rule, bias={"mining": 0.0, "unknown": 0.0})
    with pytest.raises(ValueError, match="weighs"):
        replace(rule, bias={"mining": 0.0, "river": 0.0})
    assert set(rule.bias) | {"unknown"} == set(CAUSES)
