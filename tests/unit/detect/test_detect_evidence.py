import math
from dataclasses import replace

import numpy as np
import pytest

from detect_made import LEVELS, fused, observation, quiet_baselines, random_looks
from selvawatch.core.stack import NODATA
from selvawatch.detect.evidence import EvidenceRule
from selvawatch.detect.harmonic import angles
from selvawatch.detect.spatial_reference import forest_level
from selvawatch.errors import StackError

MODEL = fused()


def evidence(day_look, baselines=None, model=MODEL):
    baselines = quiet_baselines(day_look.shape) if baselines is None else baselines
    return EvidenceRule(model, baselines).of_day([day_look])


def slow_evidence(day_look, baselines, row, column, level=None, model=MODEL, held=None):
    """Written from the description: one pixel, in float64; None where nothing was seen.

    held: list to which the names of indices are added that say no more than they may alone.
    """
    stream = model.stream(day_look.stream)
    ratios, departures, widths, fallback = [], {}, {}, set()
    for index in stream.indices:
        if index.index not in day_look.values:
            continue
        name = f"{stream.stream}.{index.index}"
        value = int(day_look.values[index.index][row, column])
        sigma = int(baselines[f"{name}.sigma"][row, column])
        terms = baselines[f"{name}.terms"].values[:, row, column].astype(float)
        if value == NODATA or sigma == 0:
            continue
        rule = index.evidence
        predicted = terms @ angles(np.array([day_look.day]), index.harmonic.harmonics)[0].astype(float)
        gain, centre, floor = rule.gain, rule.centre, rule.sigma_floor
        if sigma < 0:
            if level is None or math.isnan(level[index.index]):
                continue
            predicted += level[index.index]
            fallback.add(index.index)
            gain, centre, floor = index.reference.gain, index.reference.centre, index.reference.noise
        z = (value - predicted) / max(abs(sigma), floor / index.scale)
        z = {"fall": -z, "rise": z, "both": abs(z)}[rule.side]
        if sigma > 0:
            departures[index.index] = z
            widths[index.index] = max(sigma, floor / index.scale)
        if index.counts:
            ratio = min(max(gain * (z - centre), rule.low), rule.high)
            if rule.alone is not None and max(ratios, default=rule.low) <= rule.low:
                if held is not None and ratio > rule.alone:
                    held.append(index.index)
                ratio = min(ratio, rule.alone)
            ratios.append(ratio)
    if not ratios:
        return None
    together = max(ratios)
    if stream.combine == "sum":
        together = sum(ratios) / (1 + (len(ratios) - 1) * stream.correlation)
    high = stream.high
    haze = stream.haze
    if haze is not None and not set(haze.indices) <= set(day_look.values):
        counted = {index.index for index in stream.indices if index.counts} & set(day_look.values)
        high = stream.high if fallback & counted else haze.untested
    elif haze is not None and not set(haze.indices) <= set(departures):
        high = stream.high if fallback else haze.untested
    elif haze is not None:
        scale = stream.indices[0].scale
        fall, soil, water = (departures[name] * widths[name] * scale for name in haze.indices)
        amount = min(max(fall, 0), haze.most)
        lit = "blue_excess" in day_look.values
        slack = amount if lit else haze.unlit * amount
        distance = max((fall - haze.most) / haze.beyond, 0) ** 2
        for moved, share, share_slack, name in (
            (soil, haze.soil_share, haze.soil_slack, haze.soil),
            (water, haze.water_share, haze.water_slack, haze.water),
        ):
            variance = (widths[name] * scale) ** 2 + (share_slack * slack) ** 2
            distance += (moved - share * amount) ** 2 / variance
        if lit:
            wanted = haze.blue_share * max(fall, 0)
            off = int(day_look.values["blue_excess"][row, column]) * scale - wanted
            if off < 0:
                distance += off**2 / (haze.blue_noise**2 + (haze.blue_slack * wanted) ** 2)
        high = min(max(haze.veiled + (distance - haze.freedom) / 2, haze.veiled), haze.unveiled)
    share = int(day_look.values["quality"][row, column]) if "quality" in day_look.values else 100
    weight = share / 100 if share >= 0 else 1
    return weight * min(max(together, stream.low), high) / MODEL.unit


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_kernels_are_the_slow_evidence(missing):
    rng = np.random.default_rng(7)
    shape = (4, 300)
    baselines = quiet_baselines(shape)
    for name in baselines:
        if str(name).endswith(".terms"):
            baselines[name][1:] = rng.integers(-400, 400, baselines[name][1:].shape)
    baselines["landsat.ndvi.sigma"][0] = 0
    for day_look in random_looks(rng, shape, range(19_000, 19_030), loss_from=19_010, missing=missing):
        got = evidence(day_look, baselines)
        for column in range(0, shape[1], 7):
            for row in (0, 3):
                expected = slow_evidence(day_look, baselines, row, column)
                if expected is None:
                    assert got[row, column] == NODATA
                else:
                    # rounded to whole units; float32 may round a half the other way
                    assert abs(got[row, column] - expected) <= 0.502


def test_weighed_pixels_are_the_slow_evidence_and_full_weight_changes_none():
    rng = np.random.default_rng(17)
    shape = (4, 300)
    baselines = quiet_baselines(shape)
    lessened = 0
    for day_look in random_looks(rng, shape, range(19_000, 19_020), loss_from=19_010, missing=0.2):
        if "ndvi" not in day_look.values:
            continue
        share = rng.integers(0, 101, shape).astype(np.int16)
        share[rng.random(shape) < 0.2] = NODATA
        weighed, full = (with_quality(day_look, values) for values in (share, np.full_like(share, 100)))
        plain, got = evidence(day_look, baselines), evidence(weighed, baselines)
        np.testing.assert_array_equal(evidence(full, baselines), plain)
        np.testing.assert_array_equal(got[share == NODATA], plain[share == NODATA])
        lessened += int((np.abs(got) < np.abs(plain)).sum())
        for column in range(0, shape[1], 7):
            for row in (0, 3):
                expected = slow_evidence(weighed, baselines, row, column)
                assert (got[row, column] == NODATA) == (expected is None)
                assert expected is None or abs(got[row, column] - expected) <= 0.502
    assert lessened > 1000


def with_quality(day_look, share):
    return replace(
        day_look,
        values={**day_look.values, "quality": share},
        scales={**day_look.scales, "quality": 1.0},
    )


@pytest.mark.parametrize("water", [True, False], ids=["water has a history", "water has none"])
def test_the_fallback_is_the_slow_evidence(water):
    rng = np.random.default_rng(8)
    shape = (4, 300)
    forest = np.ones(shape, bool)
    baselines = quiet_baselines(shape)
    for stream, index in MODEL.pairs():
        if index.reference is not None:
            name = f"{stream.stream}.{index.index}"
            baselines[f"{name}.terms"][:, 1:] = 0
            baselines[f"{name}.terms"][0, 1:] = -200
            baselines[f"{name}.sigma"][1:] = -800
    baselines["reference_forest"] = (("y", "x"), forest)
    for stream in ("sentinel-2", "landsat"):
        baselines[f"{stream}.mndwi.sigma"] *= water
    for day_look in random_looks(rng, shape, range(19_000, 19_020), loss_from=19_010, missing=0.3):
        level = {
            index.index: forest_level(day_look.values[index.index], forest, index.reference)
            for index in MODEL.stream(day_look.stream).indices
            if index.reference is not None
        }
        got = evidence(day_look, baselines)
        for column in range(0, shape[1], 11):
            for row in (0, 1, 3):
                expected = slow_evidence(day_look, baselines, row, column, level)
                assert (got[row, column] == NODATA) == (expected is None)
                assert expected is None or abs(got[row, column] - expected) <= 0.502


@pytest.mark.parametrize("sigma", [300, -800])
def test_the_kernels_are_the_slow_evidence_where_the_water_index_stands_alone(sigma):
    rng = np.random.default_rng(18)
    shape = (2, 300)
    baselines = quiet_baselines(shape)
    forest = np.ones(shape, bool)
    baselines["reference_forest"] = (("y", "x"), forest)
    for index in ("ndvi", "nbr"):
        baselines[f"sentinel-2.{index}.sigma"][:] = sigma
        baselines[f"sentinel-2.{index}.terms"][0] = LEVELS[index] if sigma > 0 else -200
    held = []
    for day in range(19_000, 19_010):
        noise = rng.normal(0, 300, (3, *shape))
        rise = np.where(rng.random(shape) < 0.5, 3700, 0)
        values = {"ndvi": LEVELS["ndvi"] + noise[0], "nbr": LEVELS["nbr"] + noise[1]}
        values["mndwi"] = LEVELS["mndwi"] + noise[2] + rise
        for name in ("ndvi", "nbr"):
            values[name][rng.random(shape) < 0.3] = NODATA
        day_look = observation(day, shape=shape, **{name: np.rint(value) for name, value in values.items()})
        level = {
            index.index: forest_level(day_look.values[index.index], forest, index.reference)
            for index in MODEL.stream("sentinel-2").indices
            if index.reference is not None
        }
        got = evidence(day_look, baselines)
        for column in range(0, shape[1], 3):
            expected = slow_evidence(day_look, baselines, 1, column, level, held=held)
            assert (got[1, column] == NODATA) == (expected is None)
            assert expected is None or abs(got[1, column] - expected) <= 0.502
    assert len(held) > 200


def with_streams(change):
    """The model with another rule for each stream, without what the rule does not allow."""
    streams = []
    for stream in MODEL.streams:
        indices = tuple(
            replace(index, counts=True, evidence=replace(index.evidence, alone=None))
            for index in stream.indices
        )
        streams.append(change(replace(stream, indices=indices, haze=None)))
    return replace(MODEL, streams=tuple(streams))


def of_three_harmonics(stream):
    indices = (replace(one, harmonic=replace(one.harmonic, harmonics=3)) for one in stream.indices)
    return replace(stream, indices=tuple(indices))


def combined_otherwise(stream):
    return replace(stream, combine="sum" if stream.combine == "most" else "most")


@pytest.mark.parametrize("change", [of_three_harmonics, combined_otherwise])
def test_kernels_that_are_compiled_when_first_used_are_the_slow_evidence(change):
    rng, model = np.random.default_rng(19), with_streams(change)
    shape = (4, 200)
    baselines = quiet_baselines(shape)
    for stream, index in model.pairs():
        name, terms = f"{stream.stream}.{index.index}.terms", index.harmonic.terms
        levels = rng.integers(-300, 300, (terms, *shape)).astype(np.int16)
        levels[0] = LEVELS[index.index]
        baselines[name] = ((f"term{terms}", "y", "x"), levels)
    seen = set()
    for day_look in random_looks(rng, shape, range(19_000, 19_020), loss_from=19_010, missing=0.2):
        got = evidence(day_look, baselines, model)
        for column in range(0, shape[1], 9):
            for row in (0, 3):
                expected = slow_evidence(day_look, baselines, row, column, model=model)
                assert (got[row, column] == NODATA) == (expected is None)
                assert expected is None or abs(got[row, column] - expected) <= 0.502
                seen.add(expected)
    assert len(seen) > 100


def test_an_index_may_not_stand_alone_before_others_nor_in_a_sum():
    stream = MODEL.stream("sentinel-2")
    with pytest.raises(ValueError, match="indices with alone"):
        replace(stream, indices=stream.indices[::-1])
    with pytest.raises(ValueError, match="indices with alone"):
        replace(stream, combine="sum", haze=None)


@pytest.mark.parametrize("stream", ["sentinel-2", "landsat"])
def test_darker_never_speaks_more_for_forest(stream):
    shape = (1, 2000)
    falling = np.linspace(9000, -10_000, shape[1])
    ndvi_only = observation(19_000, stream, shape, ndvi=falling[None], nbr=None, mndwi=None)
    assert (np.diff(evidence(ndvi_only)[0]) >= 0).all()
    pond = observation(19_000, stream, shape, ndvi=falling[None], nbr=LEVELS["nbr"], mndwi=9000)
    assert (np.diff(evidence(pond)[0]) >= 0).all()
    assert evidence(pond)[0, -1] == round(2.75 / MODEL.unit)


def test_radar_is_monotone_and_two_bands_do_not_count_twice():
    shape = (1, 500)
    falling = np.linspace(-400, -2500, shape[1])[None]
    both = evidence(observation(19_000, "sentinel-1-ascending", shape, vv=falling, vh=falling - 580))
    assert (np.diff(both[0]) >= 0).all()
    drop = observation(19_000, "sentinel-1-ascending", vv=LEVELS["vv"] - 250, vh=LEVELS["vh"] - 250)
    alone = observation(19_000, "sentinel-1-ascending", vv=LEVELS["vv"] - 250, vh=None)
    one, two = int(evidence(alone)[0, 0]), int(evidence(drop)[0, 0])
    assert 0 < one < two < 2 * one


def test_haze_says_less_than_soil_and_less_than_a_pond():
    def of(**values):
        return int(evidence(observation(19_000, **values))[0, 0])

    soil = of(ndvi=2000, nbr=-500, mndwi=LEVELS["mndwi"])
    pond = of(ndvi=-2000, nbr=LEVELS["nbr"], mndwi=6000)
    haze = of(ndvi=4000, nbr=4500, mndwi=-1500)
    unknown = of(ndvi=4000, nbr=None, mndwi=None)
    assert soil == pond > unknown > haze > 0


def test_a_water_index_speaks_for_loss_only_where_another_index_falls_with_it():
    def of(ndvi, nbr):
        return int(evidence(observation(19_000, ndvi=ndvi, nbr=nbr, mndwi=6000))[0, 0])

    # LEVELS less 1.4 sigmas is the least that NDVI says; from 1.6 sigmas on it says more
    least, falls = LEVELS["ndvi"] - 350, LEVELS["ndvi"] - 400
    assert of(least, LEVELS["nbr"]) == of(LEVELS["ndvi"], None) == of(None, LEVELS["nbr"]) == -8
    assert of(falls, LEVELS["nbr"]) > 0
    assert of(LEVELS["ndvi"], LEVELS["nbr"] - 480) > 0
    assert of(None, None) == -8


def test_a_pixel_says_the_same_among_quiet_pixels_and_among_hazy_ones():
    hazy = {"ndvi": 4000, "nbr": 4500, "mndwi": -1500}
    alone = int(evidence(observation(19_000, **hazy))[0, 0])
    quiet = int(evidence(observation(19_000))[0, 0])
    for among in (LEVELS, hazy):
        values = {name: np.full((1, 200), among[name], np.int16) for name in hazy}
        for name in hazy:
            values[name][0, [3, 130]] = hazy[name]
        said = evidence(observation(19_000, shape=(1, 200), **values))[0]
        assert said[[3, 130]].tolist() == [alone, alone] != [quiet, quiet]
        assert set(np.delete(said, [3, 130])) == {quiet if among is LEVELS else alone}


@pytest.mark.parametrize("kept", [("ndvi",), ("nbr",), ("ndvi", "nbr"), ("ndvi", "mndwi")])
def test_an_observation_without_the_indices_of_haze_is_the_slow_evidence(kept):
    rng = np.random.default_rng(9)
    shape = (2, 300)
    baselines = quiet_baselines(shape)
    baselines["landsat.ndvi.sigma"][0] = 0
    seen = set()
    for day_look in random_looks(rng, shape, range(19_000, 19_040), loss_from=19_010, missing=0.3):
        if MODEL.stream(day_look.stream).kind == "radar":
            continue
        values = {name: day_look.values[name] for name in kept if name in day_look.values}
        part = replace(day_look, values=values, scales={name: day_look.scales[name] for name in values})
        got = evidence(part, baselines)
        for column in range(0, shape[1], 7):
            for row in (0, 1):
                expected = slow_evidence(part, baselines, row, column)
                assert (got[row, column] == NODATA) == (expected is None)
                assert expected is None or abs(got[row, column] - expected) <= 0.502
                seen.add(expected)
    assert len(seen) > 50


def test_blue_tells_a_pond_in_part_from_haze():
    rng = np.random.default_rng(12)
    shape = (1, 200)
    part = {"ndvi": LEVELS["ndvi"] - 1100, "nbr": LEVELS["nbr"] - 50, "mndwi": LEVELS["mndwi"] + 1500}
    seen = observation(19_000, shape=shape, **part)
    said = {}
    for name, excess in (("dark", 20), ("bright", 260)):
        blue = np.full(shape, excess, np.int16)
        blue[0, ::2] += rng.integers(-9, 9, blue[0, ::2].shape).astype(np.int16)
        lit = replace(
            seen,
            values={**seen.values, "blue_excess": blue},
            scales={**seen.scales, "blue_excess": 1e-4},
        )
        said[name] = evidence(lit)
        for column in range(0, shape[1], 5):
            expected = slow_evidence(lit, quiet_baselines(shape), 0, column)
            assert abs(said[name][0, column] - expected) <= 0.502
    assert (said["dark"] > said["bright"]).all()


def test_extremes_of_the_type_are_clipped_not_wrapped():
    for value in (32_767, -32_767):
        said = evidence(observation(19_000, ndvi=value, nbr=value, mndwi=value))[0, 0]
        assert abs(int(said)) <= round(2.75 / MODEL.unit)
    assert evidence(observation(19_000, ndvi=NODATA, nbr=NODATA, mndwi=NODATA))[0, 0] == NODATA


def test_a_quantile_of_too_little_forest_is_not_known():
    rule = next(index.reference for _, index in MODEL.pairs() if index.reference is not None)
    forest = np.ones((20, 20), bool)
    values = np.arange(400, dtype=np.int16).reshape(20, 20)
    assert forest_level(values, forest, rule) == math.ceil(rule.quantile * 400) - 1
    values[:11] = NODATA
    assert math.isnan(forest_level(values, forest, rule))
    assert math.isnan(forest_level(values[11:13], forest[11:13], rule))


def test_an_observation_of_another_shape_or_scale_is_refused():
    baselines = quiet_baselines((1, 1))
    with pytest.raises(StackError, match="shape"):
        evidence(observation(19_000, shape=(2, 2)), baselines)
    wrong = observation(19_000)
    wrong = replace(wrong, scales={**wrong.scales, "ndvi": 1e-3})
    with pytest.raises(StackError, match="scale"):
        evidence(wrong, baselines)


def test_an_observation_without_an_index_that_counts_says_nothing():
    def said(counts):
        model = replace(MODEL, streams=tuple(with_water(stream, counts) for stream in MODEL.streams))
        return EvidenceRule(model, quiet_baselines((1, 1))).of_day([observation(19_000, ndvi=None, nbr=None)])

    assert said(counts=False)[0, 0] == NODATA
    assert said(counts=True)[0, 0] < 0


def with_water(stream, counts):
    """The stream whose MNDWI speaks for loss, or is held against haze alone."""
    indices = [replace(one, counts=counts if one.index == "mndwi" else one.counts) for one in stream.indices]
    return replace(stream, indices=tuple(indices))
