import math

import numpy as np
import pytest

from selvawatch.core.stack import encode
from selvawatch.prepare.harmonise import adjustment, to_msi
from selvawatch.prepare.indices import (
    INDICES,
    decibel,
    linear,
    normalised_difference,
    stored,
    stored_without_halo,
)
from selvawatch.prepare.pixel_kernels import hide
from selvawatch.sources.sensors.sensor_table import TO_OLI


def difference_slow(first, second):
    if math.isnan(first) or math.isnan(second):
        return math.nan
    first, second = max(first, 0.0), max(second, 0.0)
    return (first - second) / (first + second) if first + second > 0 else math.nan


def test_normalised_difference_is_the_formula():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(-0.05, 0.6, (2, 500)).astype(np.float32)
    first[:20], second[10:30] = np.nan, 0
    first[30:40] = second[30:40] = 0
    got = normalised_difference(first, second)
    expected = [difference_slow(float(a), float(b)) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    assert got.dtype == np.float32 and np.nanmax(np.abs(got)) <= 1


def test_decibels_and_power_are_inverse_and_gaps_stay():
    power = np.array([1, 0.1, 0, -1, np.nan], np.float32)
    np.testing.assert_allclose(decibel(power), [0, -10, np.nan, np.nan, np.nan], atol=1e-5)
    np.testing.assert_allclose(linear(decibel(power[:2])), power[:2], rtol=1e-6)


def store_slow(value, scale, usable):
    if not usable or not math.isfinite(value):
        return -32768
    return int(min(max(round(value / scale), -32767), 32767))


@pytest.mark.parametrize("scale", [1e-4, 1e-2])
def test_stored_values_are_clipped_and_never_wrap(scale):
    rng = np.random.default_rng(2)
    values = np.append(rng.normal(0, 3, 300), [np.nan, np.inf, 1e9, -1e9, 5.0]).astype(np.float32)
    usable = rng.random(values.size) < 0.8
    got = stored(values, scale, usable)
    step = float(np.float32(scale))
    expected = [store_slow(float(v), step, u) for v, u in zip(values, usable, strict=True)]
    assert np.abs(got.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(got[usable], encode(values, scale)[usable])
    assert got.dtype == np.int16 and ((got == -32768) == (~usable | ~np.isfinite(values))).all()


@pytest.mark.parametrize("space", ["msi", "oli", "etm"])
@pytest.mark.parametrize("halo", [0, 3])
def test_an_index_made_in_one_pass_has_the_bits_of_its_steps(space, halo):
    rng = np.random.default_rng(5)
    bands = {name: rng.uniform(-0.05, 0.6, (40, 50)).astype(np.float32) for name in ("nir", "swir22")}
    bands["nir"][:4] = np.nan
    bands["swir22"][3:6], bands["nir"][6:9, :20], bands["swir22"][6:9, :20] = np.nan, -0.01, 0
    bands["nir"][10, 10] = np.inf
    usable = rng.random((40 - 2 * halo, 50 - 2 * halo)) < 0.8
    expected = INDICES["nbr"].of(to_msi(bands, space))[halo : 40 - halo, halo : 50 - halo]
    defined = usable & np.isfinite(expected)
    got = stored_without_halo(INDICES["nbr"], bands, space, halo, usable)
    hide(usable, got)
    np.testing.assert_array_equal(usable, defined)
    np.testing.assert_array_equal(got, stored(expected, INDICES["nbr"].scale, defined))


def test_forest_sand_and_pond_differ_in_the_indices():
    observations = {
        "forest": {"green": 0.046, "red": 0.026, "nir": 0.300, "swir16": 0.150, "swir22": 0.060},
        "sand": {"green": 0.132, "red": 0.175, "nir": 0.255, "swir16": 0.340, "swir22": 0.270},
        "pond": {"green": 0.125, "red": 0.142, "nir": 0.085, "swir16": 0.030, "swir22": 0.018},
    }
    got = {
        ground: {name: float(INDICES[name].of(values)) for name in ("ndvi", "nbr", "ndmi", "mndwi")}
        for ground, values in observations.items()
    }
    assert got["forest"]["nbr"] > 0.6 > 0 > got["sand"]["nbr"]
    assert got["pond"]["mndwi"] > 0.5 > 0 > got["sand"]["mndwi"]
    assert got["forest"]["ndvi"] > 0.8 > 0.3 > got["sand"]["ndvi"] > 0 > got["pond"]["ndvi"]


@pytest.mark.parametrize("band", sorted(TO_OLI["msi"]))
def test_landsat_comes_to_sentinel_2s_space_by_the_published_lines(band):
    msi = np.array([0.02, 0.1, 0.4], np.float32)
    slope, offset = TO_OLI["msi"][band]
    np.testing.assert_allclose(to_msi({band: slope * msi + offset}, "oli")[band], msi, rtol=1e-4)
    gain, shift = TO_OLI["etm"][band]
    etm = (slope * msi + offset - shift) / gain
    np.testing.assert_allclose(to_msi({band: etm.astype(np.float32)}, "etm")[band], msi, rtol=1e-3)
    np.testing.assert_array_equal(to_msi({band: msi}, "msi")[band], msi)


def test_an_unknown_space_is_refused():
    with pytest.raises(ValueError, match="known: msi, oli, etm"):
        adjustment("viirs", "red")


def test_gaps_stay_gaps_in_another_space():
    assert np.isnan(to_msi({"red": np.array([np.nan], np.float32)}, "oli")["red"]).all()
