"""Two tracks of different levels and a third that begins mid-way, over five landscapes."""

from dataclasses import replace

import numpy as np
import pytest

from made_tracks import FIRST, SECOND, outcome, third
from small_site import SMALL_PLAN, SMALL_TILE


@pytest.mark.slow
def test_several_tracks_raise_hardly_more_false_alarms_than_one_and_are_no_later():
    single, several = [], []
    for seed in range(11, 16):
        plan = replace(SMALL_PLAN, seed=seed)
        single.append(outcome(plan, SMALL_TILE, [FIRST]))
        several.append(outcome(plan, SMALL_TILE, [FIRST, SECOND, third(plan)]))
    alarms = [sum(one.false_alarms for one in some) for some in (single, several)]
    delays = [float(np.median(np.concatenate([one.delays for one in some]))) for some in (single, several)]
    print(f"false alarms {alarms[0]} and {alarms[1]}; median delay {delays[0]} and {delays[1]} days")
    assert alarms[1] <= 1.1 * alarms[0] and delays[1] <= delays[0] + 2
