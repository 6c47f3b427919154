import dataclasses

import numpy as np
import pytest
from test_prepare_observe import TILE, cover, forest, observe, search, sentinel_2

from packaged import RECIPE
from selvawatch.core.stack import NODATA
from selvawatch.detect.registration import Displacement, moved_back
from selvawatch.prepare.harmonise import to_msi
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.prepare.mask import QualityRule
from selvawatch.prepare.observation_files import observation_path, read_observation, read_tags
from selvawatch.prepare.observation_quality import quality_of
from selvawatch.sources.scene_pixels import read_scene

SCREENING = RECIPE.screening
HAZY_FOREST = {"blue": 0.055, "green": 0.07, "red": 0.05, "nir": 0.31, "swir16": 0.16, "swir22": 0.07}
PIT = {"blue": 0.09, "green": 0.12, "red": 0.16, "nir": 0.22, "swir16": 0.28, "swir22": 0.24}


def without_quality(recipe):
    return dataclasses.replace(recipe, screening=dataclasses.replace(recipe.screening, quality=None))


def quality_slow(blue, red, nir):
    """Written from the card: percent of full weight of one pixel."""
    rule = SCREENING.quality
    hot = blue - SCREENING.hot_slope * red
    if red >= SCREENING.haze_red_to_blue * blue or nir <= SCREENING.haze_nir:
        return 100.0
    share = min(max((hot - rule.full_hot) / (rule.least_hot - rule.full_hot), 0), 1)
    return 100 * (1 - (1 - rule.least) * share)


@pytest.mark.parametrize("space", ["msi", "oli"])
def test_the_kernel_is_the_slow_quality_without_the_halo(space):
    rng = np.random.default_rng(3)
    bands = {
        name: rng.uniform(0.0, top, (30, 40)).astype(np.float32)
        for name, top in (("blue", 0.12), ("red", 0.12), ("nir", 0.4))
    }
    usable = rng.random((26, 36)) < 0.8
    got = quality_of(bands, usable, SCREENING, space, halo=2)
    inner = {name: values[2:-2, 2:-2] for name, values in to_msi(bands, space).items()}
    assert got.dtype == np.int16 and ((got == NODATA) == ~usable).all()
    assert len(np.unique(got)) > 50
    for row, column in zip(*np.nonzero(usable), strict=True):
        expected = quality_slow(*(float(inner[name][row, column]) for name in ("blue", "red", "nir")))
        # rounded to whole percent
        assert abs(got[row, column] - expected) <= 0.51


def test_haze_weighs_less_than_clear_forest_and_a_pit_weighs_all(tmp_path):
    bands = cover(forest(), HAZY_FOREST, slice(16, 40), slice(16, 40))
    sentinel_2(tmp_path, "A", cover(bands, PIT, slice(44, 60), slice(44, 60)))
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    quality = observation.values["quality"]
    assert observation.scales["quality"] == 1
    seen = observation.values["nbr"] != NODATA
    np.testing.assert_array_equal(quality != NODATA, seen)
    assert quality[2, 30] == 100 and 10 <= quality[10, 10] < 90 and quality[36, 36] == 100
    assert quality[seen].min() >= 0 and quality.max() <= 100


def test_of_two_scenes_each_pixel_has_the_quality_of_the_one_that_it_is_of(tmp_path):
    first = cover(forest(), {name: 0.7 for name in forest()}, slice(0, 80), slice(0, 40))
    sentinel_2(tmp_path, "A", first)
    sentinel_2(
        tmp_path, "B", cover(forest(), HAZY_FOREST, slice(0, 80), slice(0, 80)), "2024-06-01T15:10:00Z"
    )
    quality = observe(search(tmp_path), TILE, RECIPE, read_scene).values["quality"]
    assert (quality[:, 40:] == 100).all() and (quality[:, :20] < 90).all() and (quality != NODATA).all()


def test_observations_from_before_quality_stay_as_they_are_and_new_ones_have_it(tmp_path):
    sentinel_2(tmp_path / "archive", "A", forest())
    scenes, folder = search(tmp_path / "archive"), tmp_path / "observations"
    path = observation_path(folder, "sentinel-2", scenes[0].day)
    ingest_scenes(scenes, TILE, without_quality(RECIPE), folder)
    before = path.read_bytes()
    assert "quality" not in read_observation(path).values
    ingest_scenes(scenes, TILE, RECIPE, folder)
    assert path.read_bytes() == before
    path.unlink()
    ingest_scenes(scenes, TILE, RECIPE, folder)
    made = read_observation(path)
    assert (made.values["quality"] == 100).all() and made.scales["quality"] == 1
    assert read_tags(path)["recipe"] == without_quality(RECIPE).digest


def test_a_picture_that_is_moved_back_takes_its_quality_along(tmp_path):
    sentinel_2(tmp_path, "A", cover(forest(), HAZY_FOREST, slice(0, 80), slice(0, 40)))
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    moved = moved_back(observation, Displacement(rows=0.0, columns=1.0, error=0.1)).values["quality"]
    np.testing.assert_array_equal(moved[:, :-1], observation.values["quality"][:, 1:])


@pytest.mark.parametrize("numbers", [(0.045, 0.025, 0.1), (0.025, 0.045, 1.5)])
def test_a_rule_whose_weight_does_not_fall_is_refused(numbers):
    full, least_hot, least = numbers
    with pytest.raises(ValueError, match="need"):
        QualityRule(full_hot=full, least_hot=least_hot, least=least)
