import math

import numpy as np
import pytest

from conftest import ROOT
from selvawatch.core.settings import load
from selvawatch.errors import SiteError
from selvawatch.prepare.harmonise import to_msi
from selvawatch.prepare.mask import SCREENED_BANDS, Screening, clear_pixels, flags, screen
from selvawatch.prepare.pixel_kernels import CLEAR, HAZE, SHADOW, UNSEEN, clear_around, mark_patches

RULE = load(Screening, ROOT / "models" / "screening.toml")
GROUND = {
    "forest": (0.026, 0.046, 0.026, 0.300, 0.150),
    "bright forest": (0.045, 0.065, 0.045, 0.420, 0.230),
    "dark forest": (0.016, 0.028, 0.015, 0.210, 0.110),
    "mine sand": (0.092, 0.132, 0.175, 0.255, 0.340),
    "bright sand": (0.160, 0.220, 0.290, 0.360, 0.430),
    "very bright sand": (0.240, 0.310, 0.380, 0.420, 0.480),
    "wet soil": (0.055, 0.080, 0.105, 0.170, 0.210),
    "turbid pond": (0.085, 0.125, 0.142, 0.085, 0.030),
    "very turbid pond": (0.120, 0.180, 0.230, 0.180, 0.040),
    "green pond": (0.045, 0.085, 0.050, 0.095, 0.027),
    "dark pond": (0.030, 0.035, 0.020, 0.012, 0.008),
    "pasture": (0.042, 0.075, 0.055, 0.300, 0.230),
    "char": (0.035, 0.040, 0.045, 0.090, 0.130),
    "pond with sand": (0.090, 0.130, 0.160, 0.170, 0.185),
}
SKY = {
    "thick cloud": (0.70, 0.69, 0.68, 0.72, 0.45),
    "thin cloud": (0.22, 0.23, 0.21, 0.40, 0.24),
    "haze over forest": (0.095, 0.105, 0.090, 0.320, 0.170),
    "cloud edge between bands": (0.16, 0.45, 0.75, 0.80, 0.50),
    "cloud over sand": (0.50, 0.52, 0.53, 0.60, 0.50),
    "shadow over forest": (0.014, 0.022, 0.012, 0.110, 0.050),
}


def bands(spectrum, shape=()):
    return {
        name: np.full(shape, value, np.float32) for name, value in zip(SCREENED_BANDS, spectrum, strict=True)
    }


@pytest.mark.parametrize("name", sorted(GROUND))
def test_ground_survives_the_screening(name):
    assert screen(bands(GROUND[name]), RULE)


@pytest.mark.parametrize("name", sorted(SKY))
def test_haze_cloud_and_shadow_do_not(name):
    assert not screen(bands(SKY[name]), RULE)


def flag_slow(blue, green, red, nir, swir16):
    if any(math.isnan(value) for value in (blue, green, red, nir, swir16)):
        return UNSEEN
    hot = blue - RULE.hot_slope * red
    if hot > RULE.haze_hot and red < RULE.haze_red_to_blue * blue and nir > RULE.haze_nir:
        return HAZE
    if red > RULE.bright_red and nir > RULE.bright_nir and swir16 / nir < RULE.bright_swir16_to_nir:
        return HAZE
    water = (green - swir16) >= RULE.shadow_mndwi * (green + swir16)
    if nir < RULE.shadow_nir and swir16 < RULE.shadow_swir16 and not water:
        return SHADOW
    return CLEAR


def test_flags_are_the_rules_in_plain_python():
    rng = np.random.default_rng(20260101)
    series = {name: rng.uniform(-0.02, 0.6, (50, 40)).astype(np.float32) for name in SCREENED_BANDS}
    series["nir"][:, :20] *= 0.3
    series["swir16"][:, :20] *= 0.2
    series["green"][rng.random((50, 40)) < 0.1] = np.nan
    got = flags(series, RULE)
    expected = [flag_slow(*(float(series[name].flat[i]) for name in SCREENED_BANDS)) for i in range(got.size)]
    assert np.mean(got.ravel() == expected) > 0.999
    assert set(expected) == {UNSEEN, CLEAR, HAZE, SHADOW}


@pytest.mark.parametrize("space", ["oli", "etm"])
def test_flags_of_another_space_are_those_of_bands_brought_to_sentinel_2s(space):
    rng = np.random.default_rng(7)
    series = {name: rng.uniform(-0.02, 0.6, 5000).astype(np.float32) for name in SCREENED_BANDS}
    series["nir"][::2] *= 0.3
    np.testing.assert_array_equal(flags(series, RULE, space), flags(to_msi(series, space), RULE))


def squares(marks, half):
    """Sum over the square around each pixel, nothing outside."""
    rows, columns = marks.shape
    return np.array(
        [
            [
                int(marks[max(0, r - half) : r + half + 1, max(0, c - half) : c + half + 1].sum())
                for c in range(columns)
            ]
            for r in range(rows)
        ]
    )


@pytest.mark.parametrize("half", [0, 1, 3, 30])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_a_patch_is_where_enough_of_its_kind_lies_around(half, share):
    kinds = np.random.default_rng(1).integers(0, 4, (17, 23)).astype(np.uint8)
    kinds[4:9, 5:14] = HAZE
    needed = share * (2 * half + 1) ** 2
    got = np.empty_like(kinds)
    mark_patches(kinds, HAZE, half, needed, got)
    expected = (kinds == HAZE) & (squares(kinds == HAZE, half) >= needed)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("reach", [0, 1, 4, 30])
def test_what_lies_around_a_mark_is_not_clear(reach):
    marks = (np.random.default_rng(2).random((17, 23)) < 0.03).astype(np.uint8)
    clear = np.random.default_rng(3).random(marks.shape) < 0.9
    expected = clear & (squares(marks, reach) == 0)
    clear_around(marks, reach, clear)
    np.testing.assert_array_equal(clear, expected)


def image():
    return {name: values.copy() for name, values in bands(GROUND["forest"], (60, 60)).items()}


def put(picture, name, rows, columns):
    for band, value in zip(SCREENED_BANDS, (GROUND | SKY)[name], strict=True):
        picture[band][rows, columns] = value


def test_a_cloud_grows_by_its_metres_and_no_further():
    picture = image()
    put(picture, "thick cloud", slice(20, 40), slice(20, 40))
    clear = clear_pixels(picture, None, RULE, 10)
    rows, columns = np.nonzero(~clear)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 43, 16, 43)
    assert not clear[20:40, 20:40].any()


def test_a_speck_is_masked_and_not_grown():
    picture = image()
    put(picture, "thick cloud", 30, 30)
    clear = clear_pixels(picture, None, RULE, 10)
    assert np.argwhere(~clear).tolist() == [[30, 30]]


def test_what_the_archive_masks_is_masked_and_hides_no_ground_around_it():
    quality = np.ones((60, 60), bool)
    quality[20:40, 20:40] = False
    np.testing.assert_array_equal(clear_pixels(image(), quality, RULE, 10), quality)


def test_a_shadow_grows_by_its_own_metres():
    picture = image()
    put(picture, "shadow over forest", slice(20, 40), slice(20, 40))
    clear = clear_pixels(picture, None, RULE, 10)
    assert np.argwhere(~clear).min() == 14 and np.argwhere(~clear).max() == 45


def test_ground_without_data_is_not_a_cloud_to_grow():
    picture = image()
    picture["red"][:, :20] = np.nan
    quality = np.isfinite(picture["red"])
    clear = clear_pixels(picture, quality, RULE, 10)
    assert not clear[:, :20].any() and clear[:, 20:].all()


def test_a_pond_field_with_sand_survives_beside_forest():
    picture = image()
    put(picture, "mine sand", slice(10, 50), slice(10, 50))
    for row in range(12, 46, 8):
        put(picture, "turbid pond", slice(row, row + 5), slice(14, 46))
    assert clear_pixels(picture, np.ones((60, 60), bool), RULE, 10).all()


def test_a_mask_depends_on_no_more_than_its_halo():
    picture = image()
    rng = np.random.default_rng(3)
    for _ in range(4):
        row, column = rng.integers(5, 45, 2)
        put(picture, "thick cloud", slice(row, row + 9), slice(column, column + 9))
    halo = RULE.halo_px(10)
    whole = clear_pixels(picture, None, RULE, 10)
    part = {name: values[30 - halo :, 30 - halo :] for name, values in picture.items()}
    np.testing.assert_array_equal(clear_pixels(part, None, RULE, 10)[halo:, halo:], whole[30:, 30:])


def test_thresholds_that_cannot_be_are_refused(tmp_path):
    text = (ROOT / "models" / "screening.toml").read_text()
    for old, new in (
        ("patch_share = 0.5", "patch_share = 0"),
        ("patch_m = 50.0", "patch_m = -1.0"),
        ("haze_hot", "hot"),
    ):
        path = tmp_path / "screening.toml"
        path.write_text(text.replace(old, new))
        with pytest.raises(SiteError):
            load(Screening, path)


def test_the_screening_alone_cleans_real_series_without_a_quality_layer(reference_data):
    import pandas as pd

    folder = reference_data / "s2-t20lkp-raw-series"
    points = pd.read_parquet(folder / "points.parquet", columns=["pid", "label"])
    series = pd.read_parquet(folder / "series.parquet").merge(points, on="pid")
    series = series[series.label == "Forest"]
    names = dict(zip(SCREENED_BANDS, ("blue", "green", "red", "bnir", "swir1"), strict=True))
    clear = screen({name: series[column].to_numpy(np.float32) for name, column in names.items()}, RULE)
    nbr = (series.nnir - series.swir2) / (series.nnir + series.swir2)
    typical = series.pid.map(nbr[~series.cloud_masked_by_authors].groupby(series.pid).median())
    fallen = nbr < typical - 0.15
    assert fallen.mean() > 0.4
    assert fallen[clear].mean() < 0.06
    assert clear[~series.cloud_masked_by_authors].mean() > 0.94
