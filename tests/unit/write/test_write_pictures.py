from io import BytesIO

import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image

from selvawatch.write.bulletin.pictures import PICTURE_BYTES, Window, clouded_share, drawn_alike
from write_data import scenery

AT = Affine(10, 0, 368_640, 0, -10, 8_581_120)
OUTLINE = shapely.box(368_840, 8_580_720, 369_040, 8_580_920)


def window(values, caption="2026-06-18 · Sentinel-2", **rest):
    return Window(values=values, transform=AT, caption=caption, **rest)


def image(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"), float)


def test_pictures_are_small_square_and_the_same_each_time():
    noise = np.random.default_rng(1).uniform(0, 0.4, (3, 60, 60)).astype(np.float32)
    for first, second in ((scenery(), scenery(cleared=1)), (noise, noise[::-1])):
        made = drawn_alike((window(first), window(second)), OUTLINE)
        assert made == drawn_alike((window(first), window(second)), OUTLINE)
        assert all(len(data) <= PICTURE_BYTES for data in made)
        assert {Image.open(BytesIO(data)).size for data in made} == {(360, 360)}


def test_the_clearing_is_brighter_after_and_the_forest_alike():
    before, after = (
        image(data) for data in drawn_alike((window(scenery()), window(scenery(cleared=1))), OUTLINE)
    )
    clearing, forest = (slice(150, 210), slice(150, 190)), (slice(60, 120), slice(260, 330))
    assert after[clearing].mean() > before[clearing].mean() + 80
    assert abs(after[forest].mean() - before[forest].mean()) < 6
    green = before[forest].mean((0, 1))
    assert green[1] > green[0] > 20 and green[1] > green[2]


def test_the_outline_is_drawn_where_the_alert_is():
    plain = np.full((3, 60, 60), 0.05, np.float32)
    with_outline, _ = drawn_alike((window(plain), window(plain)), OUTLINE)
    without, _ = drawn_alike((window(plain), window(plain)), shapely.Polygon())
    changed = np.abs(image(with_outline) - image(without)).sum(2) > 120
    rows, columns = np.nonzero(changed)
    # 20 m a pixel edge of 10 m at 6 drawn pixels: the box spans columns 120-240 and rows 120-240
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx(
        (120, 240, 120, 240), abs=4
    )


def test_what_was_not_seen_is_grey_and_never_black_forest():
    values = scenery()
    values[:, :30] = np.nan
    data, _ = drawn_alike((window(values), window(scenery())), shapely.Polygon())
    assert image(data)[60:160, 200:300].mean((0, 1)) == pytest.approx((58, 62, 66), abs=3)
    nothing = np.full((3, 60, 60), np.nan, np.float32)
    assert drawn_alike((window(nothing), window(nothing)), OUTLINE)


@pytest.mark.parametrize("index", ["ndvi", "nbr", "mndwi", "vv", "vh"])
def test_an_index_stands_in_where_there_are_no_colours(index):
    low, high = (-25.0, -5.0) if index in ("vv", "vh") else (0.1, 0.85)
    values = np.linspace(low, high, 3600, dtype=np.float32).reshape(60, 60)
    values[0, 0] = np.nan
    first, second = drawn_alike((window(values, index=index), window(values[::-1], index=index)), OUTLINE)
    assert np.ptp(image(first)[100:, 150:300].mean((1, 2))) > 40 and first != second


def test_a_window_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="shape"):
        window(np.zeros((2, 5, 5), np.float32))
    with pytest.raises(ValueError, match="index is 'savi'"):
        window(np.zeros((5, 5), np.float32), index="savi")


def test_other_bands_than_the_eye_sees_are_stretched_by_themselves():
    values = scenery() * 8
    first, _ = drawn_alike((window(values, natural=False), window(values, natural=False)), OUTLINE)
    assert 40 < image(first).mean() < 215


def test_cloud_is_a_share_of_what_a_picture_shows_and_sand_is_none():
    plain = scenery(cleared=1)
    assert clouded_share(plain) < 0.03
    half, unseen = plain.copy(), plain.copy()
    half[:, :30] = np.array([0.5, 0.52, 0.55])[:, None, None]
    unseen[0, :, :15] = np.nan
    assert clouded_share(half) == pytest.approx(0.5, abs=0.03)
    assert clouded_share(unseen) < 0.03 and clouded_share(unseen[:1]) == 0
    unseen[0, :, :50] = np.nan
    assert clouded_share(unseen) == clouded_share(unseen[:1]) == 1


def test_three_moments_have_one_stretch_and_keep_to_their_bytes():
    windows = [window(scenery(seed=4)), window(scenery(seed=4, cleared=1)), window(scenery(seed=4))]
    first, _, last = drawn_alike(windows, OUTLINE, limit=9_000)
    assert first == last and len(first) <= 9_000
    alone, _ = drawn_alike([windows[0], window(scenery(seed=4) + 0.2)], OUTLINE)
    assert alone != drawn_alike(windows, OUTLINE)[0]
