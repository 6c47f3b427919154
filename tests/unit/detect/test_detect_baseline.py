import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, STREAMS, fused, stack
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.errors import StackError

MODEL = fused()
DAYS = np.arange(18_000, 19_000, 10)


def history(rng, shape=(2, 150), missing=0.4):
    values = {}
    for stream in ("sentinel-2", "sentinel-1-ascending"):
        for index in STREAMS[stream]:
            noise = 250 if index in ("ndvi", "nbr", "mndwi") else 100
            v = LEVELS[index] + noise * rng.standard_normal((DAYS.size, *shape))
            v = np.where(rng.random(v.shape) < (missing if noise == 250 else 0), NODATA, np.rint(v))
            values[stream, index] = v.astype(np.int16)
    return values


def stacks(values):
    return {key: stack(value, DAYS[: len(value)], key[1]) for key, value in values.items()}


def all_forest(shape=(2, 150)):
    return xr.DataArray(np.ones(shape, bool), dims=("y", "x"))


def test_a_forest_with_history_is_monitored():
    baselines = fit_baselines(MODEL, stacks(history(np.random.default_rng(1))))
    assert (forest_reason(MODEL, baselines) == Reason.MONITORED).all()
    assert abs(float(baselines["sentinel-2.ndvi.terms"][0].mean()) - LEVELS["ndvi"]) < 20
    assert (baselines["landsat.ndvi.sigma"] == 0).all()


def test_a_baseline_is_at_most_16_bytes_for_a_pixel_and_index():
    baselines = fit_baselines(MODEL, stacks(history(np.random.default_rng(1))))
    for stream, index in MODEL.pairs():
        prefix = f"{stream.stream}.{index.index}."
        parts = [baselines[name] for name in baselines if str(name).startswith(prefix)]
        assert sum(part.nbytes for part in parts) <= 16 * 2 * 150


def test_every_pixel_that_is_not_monitored_has_its_reason():
    values = history(np.random.default_rng(2))
    for key, value in values.items():
        if key[0] == "sentinel-2":
            value[:, 0, 0] = NODATA
            value[12:, 0, 1] = NODATA
            value[50:, 0, 2] -= np.where(value[50:, 0, 2] == NODATA, 0, 1500).astype(np.int16)
    values["sentinel-2", "ndvi"][:, 0, 3] = 3000
    values["sentinel-2", "ndvi"][:, 0, 4] = (6500 + 2500 * (np.arange(DAYS.size) % 2)).astype(np.int16)
    for key in values:
        if key[0] != "sentinel-2":
            values[key][:, 0, 0] = NODATA
    forest = all_forest()
    forest[0, 5] = False
    reason = forest_reason(MODEL, fit_baselines(MODEL, stacks(values)))
    assert reason.values[0, :5].tolist() == [
        Reason.NEVER_CLEAR,
        Reason.SHORT_HISTORY,
        Reason.UNSTABLE_HISTORY,
        Reason.NOT_FOREST,
        Reason.UNSTABLE_HISTORY,
    ]
    assert (reason.values[0, 5:] == Reason.MONITORED).all()
    masked = forest_reason(MODEL, fit_baselines(MODEL, stacks(values), forest=forest), forest)
    assert masked.values[0, 5] == Reason.NOT_FOREST
    assert masked.values[0, 1] == Reason.MONITORED


def test_without_any_history_the_forest_around_stands_in():
    baselines = fit_baselines(MODEL, {}, forest=all_forest())
    assert (forest_reason(MODEL, baselines, all_forest()) == Reason.MONITORED).all()
    assert (baselines["landsat.ndvi.sigma"] < 0).all()
    assert (baselines["landsat.mndwi.sigma"] == 0).all()


def test_a_few_observations_draw_the_fallback_to_the_pixels_own_level():
    values = history(np.random.default_rng(3), missing=0.0)
    short = {("sentinel-2", "ndvi"): values["sentinel-2", "ndvi"][:4].copy()}
    short["sentinel-2", "ndvi"][:, 0, 7] -= 1500
    baselines = fit_baselines(MODEL, stacks(short), forest=all_forest())
    level, sigma = baselines["sentinel-2.ndvi.terms"][0], baselines["sentinel-2.ndvi.sigma"]
    rule = MODEL.stream("sentinel-2").indices[0].reference
    prior = (rule.noise / rule.spread) ** 2
    reference = np.sort(short["sentinel-2", "ndvi"].reshape(4, -1), axis=1)[:, 284]  # 0.95 of 300 pixels
    middle = np.median(short["sentinel-2", "ndvi"][:, 0, 7] - reference)
    assert abs(int(level[0, 7]) - (4 * middle + prior * rule.offset / 1e-4) / (4 + prior)) <= 1
    assert int(level[0, 7]) < int(level[0, 8]) - 1000
    assert int(sigma[0, 7]) == -round(
        1e4 * float(np.sqrt(rule.noise**2 + rule.spread**2 * prior / (4 + prior)))
    )


def test_lazy_histories_give_the_same_baselines_and_reasons():
    values = history(np.random.default_rng(4))
    for value in values.values():
        value[6:, 0, :40] = NODATA
    eager = stacks(values)
    lazy = {key: one.chunk(y=1, x=37) for key, one in eager.items()}
    whole = fit_baselines(MODEL, eager, forest=all_forest(), workers=2)
    cut = fit_baselines(MODEL, lazy, forest=all_forest())
    assert cut.chunks
    xr.testing.assert_identical(whole, cut.compute())
    xr.testing.assert_identical(
        forest_reason(MODEL, whole, all_forest()), forest_reason(MODEL, cut, all_forest()).compute()
    )


@pytest.mark.parametrize("chunks", [None, {"y": 1, "x": 37}])
def test_indices_of_a_stream_have_the_baselines_they_have_alone(chunks):
    values = history(np.random.default_rng(6))
    for index in ("nbr", "mndwi"):
        values["sentinel-2", index][values["sentinel-2", "ndvi"] == NODATA] = NODATA
    values["sentinel-2", "mndwi"] = values["sentinel-2", "mndwi"][:-3]
    values["sentinel-2", "nbr"][:, 1, 5] = NODATA
    given = {key: one if chunks is None else one.chunk(chunks) for key, one in stacks(values).items()}
    together = fit_baselines(MODEL, given).compute()
    for key, one in given.items():
        alone = fit_baselines(MODEL, {key: one}).compute()
        names = [name for name in alone if str(name).startswith(".".join(key))]
        xr.testing.assert_identical(together[names], alone[names])


def test_neither_history_nor_mask_is_refused():
    with pytest.raises(StackError, match="neither"):
        fit_baselines(MODEL, {})


def test_another_scale_or_shape_is_refused():
    values = stacks(history(np.random.default_rng(5)))
    wrong = values["sentinel-2", "ndvi"].assign_attrs(scale=1e-3)
    with pytest.raises(StackError, match="scale"):
        fit_baselines(MODEL, {**values, ("sentinel-2", "ndvi"): wrong})
    with pytest.raises(StackError, match="shape"):
        fit_baselines(MODEL, values, forest=all_forest((3, 3)))
