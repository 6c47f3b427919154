"""Which observation a picture is made of: clear on the ground itself, by the finest sensor, near the day."""

import functools

import numpy as np
import pytest
import shapely

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.prepare.clear_view import Candidate, View, best_first, clear_pixels_of, clear_shares
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, write_observation

TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=60).tile("x0800y15000")
WEST, SOUTH, EAST, NORTH = TILE.bounds
DAY = to_day("2024-06-01")


def record(day=DAY, sensor="sentinel-2"):
    return SceneRecord(scene_id=f"{sensor} {day}", sensor=sensor, day=day, stream=sensor, state="read")


@pytest.fixture
def observed(tmp_path):
    """How an observation is seen whose west third and south-east corner are hidden, and where it is clear."""
    values = np.random.default_rng(1).integers(0, 9000, (60, 60)).astype(np.int16)
    values[:, :20], values[30:, 40:] = NODATA, NODATA
    observation = Observation(
        day=DAY,
        stream="sentinel-2",
        values={"ndvi": values},
        scales={"ndvi": 1e-4},
        scene_ids=("S",),
        clear_share=0.5,
    )
    write_observation(observation, TILE, tmp_path)
    return (lambda _, stream, day: clear_pixels_of(observation_path(tmp_path, stream, day))), values != NODATA


def view_of(left, top, side, outline=None, tiles=(TILE.id,)):
    bounds = (WEST + 10 * left, NORTH - 10 * (top + side), WEST + 10 * (left + side), NORTH - 10 * top)
    return View(outline=outline or shapely.box(*bounds), bounds=bounds, tiles=tiles)


@pytest.mark.parametrize("left", [-20, 0, 13, 33, 50])
@pytest.mark.parametrize("top", [-20, -7, 0, 31, 59])
def test_the_clear_share_around_is_that_of_the_pixels_that_the_file_holds(observed, left, top):
    seen, clear = observed
    part = clear[max(0, top) : max(0, top + 24), max(0, left) : max(0, left + 24)]
    expected = part.mean() if part.size else 0.0
    assert clear_shares(seen, record(), view_of(left, top, 24))[1] == pytest.approx(expected)


def test_cloud_over_the_outline_counts_and_not_that_over_the_scene(observed):
    seen, clear = observed
    inside = shapely.box(WEST + 250, NORTH - 250, WEST + 350, NORTH - 150)
    hidden = shapely.box(WEST + 50, NORTH - 250, WEST + 150, NORTH - 150)
    assert clear.mean() < 0.6
    assert clear_shares(seen, record(), view_of(22, 12, 17, inside)) == (1.0, 1.0)
    assert clear_shares(seen, record(), view_of(0, 0, 60, hidden))[0] == 0.0


def test_a_missing_file_of_one_tile_leaves_the_others(observed):
    seen, _ = observed

    def of_two(tile, stream, day):
        if tile != TILE.id:
            raise FileNotFoundError(tile)
        return seen(tile, stream, day)

    over = view_of(25, 0, 15, tiles=("x0801y15000", TILE.id))
    assert clear_shares(of_two, record(), over) == (1.0, 1.0)
    assert clear_shares(of_two, record(), view_of(25, 0, 15, tiles=("x0801y15000",))) == (0.0, 0.0)


def test_pictures_of_many_alerts_read_an_observation_once(observed):
    seen, _ = observed
    asked = []

    @functools.lru_cache
    def once(*of):
        asked.append(of)
        return seen(*of)

    for top in range(5):
        clear_shares(once, record(), view_of(25, top, 15))
    assert asked == [(TILE.id, "sentinel-2", DAY)]


def candidate(days, inside=1.0, around=1.0, resolution=10.0):
    sensor = "sentinel-2" if resolution == 10 else "landsat"
    return Candidate(record=record(DAY + days, sensor), resolution=resolution, inside=inside, around=around)


FAR_OFF = candidate(-400)
"""Another one far off that shows all."""


def kept(candidates):
    return [one for one in best_first([*candidates, FAR_OFF], DAY) if one != FAR_OFF]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (candidate(9), candidate(3, resolution=30.0)),
        (candidate(9), candidate(3, inside=0.7)),
        (candidate(9), candidate(3, around=0.7)),
        (candidate(3, resolution=30.0), candidate(150)),
        (candidate(60, resolution=30.0), candidate(150)),
        (candidate(60), candidate(150)),
        (candidate(20, around=0.99), candidate(2, around=0.91)),
        (candidate(2, around=0.97), candidate(20, around=0.99)),
        (candidate(150), candidate(3, inside=0.7)),
        (candidate(3, inside=0.85), candidate(3, inside=0.7)),
        (candidate(3), candidate(-3)),
    ],
)
def test_the_better_observation_comes_first(better, worse):
    assert kept([worse, better]) == [better, worse] == kept([better, worse])


def test_what_is_hidden_by_more_than_a_third_inside_or_a_half_around_is_never_chosen():
    clouded = [candidate(0, inside=0.6), candidate(1, around=0.49), candidate(2, inside=0.0, around=1.0)]
    assert kept(clouded) == []
    fair = candidate(99, inside=0.67, around=0.51)
    assert kept([*clouded, fair]) == [fair]


def test_what_no_observation_of_an_archive_reaches_is_no_cloud():
    found = best_first([candidate(0, around=0.4), candidate(1, around=0.15)], DAY)
    assert [(one.record.day, one.around) for one in found] == [(DAY, 1.0)]
