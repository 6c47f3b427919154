"""One run and many to the same day, over many made-up grounds and over whole stores."""

import os

import pytest

from schedule_campaign import over_grounds, over_stores

pytestmark = pytest.mark.faults

GROUND_SCHEDULES = int(os.environ.get("SELVAWATCH_FAULT_SCHEDULES", "400"))
STORE_SCHEDULES = 6


def test_schedules_over_made_up_grounds_are_one_run():
    found = list(over_grounds(GROUND_SCHEDULES, 0))
    print(f"{len(found)} schedules over made-up grounds, {sum(one.runs for one in found)} runs")
    assert [one.line for one in found if one.differences] == []


def test_schedules_of_whole_runs_over_an_archive_are_one_run(small_run, tmp_path):
    found = []
    for one in over_stores(small_run, tmp_path, STORE_SCHEDULES, 0):
        print(one.line)
        found.append(one)
    assert [one.line for one in found if one.differences] == []
