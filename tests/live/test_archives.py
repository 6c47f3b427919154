import os

import numpy as np
import pytest
import shapely

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.sources.open import open_source

pytestmark = pytest.mark.live
GROUND = shapely.box(-70.05, -12.85, -70.0, -12.8)
DAYS = (to_day("2024-07-01"), to_day("2024-07-20"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=64)


@pytest.mark.parametrize("name", ["earth-search", "planetary-computer", "earthengine"])
def test_one_small_window_comes_from_each_archive(name):
    """Asks the real archive for three weeks over one place, and for 64 px of its clearest scene."""
    if name == "earthengine" and not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        pytest.skip("Earth Engine needs GOOGLE_APPLICATION_CREDENTIALS and EARTHENGINE_PROJECT")
    source = open_source(name)
    scenes = [one for one in source.search(GROUND, *DAYS).scenes if one.sensor == "sentinel-2"]
    assert scenes
    clearest = min(scenes, key=lambda scene: (scene.cloud_percent or 0, scene.id))
    got = source.read(clearest, TILE.tile("x0607y13409"), ["red", "nir"])
    assert np.isfinite(got["red"].values).mean() > 0.5
