"""Runs that are killed at random moments end, run again, like runs that nobody killed."""

import pytest
from kills import campaign

pytestmark = pytest.mark.faults


def test_after_forty_random_kills_a_rerun_leaves_the_bytes_of_an_undisturbed_run():
    done = campaign(count=40, seed=1)
    assert sum(kill.killed for kill in done) > 30
    assert [kill.line for kill in done if not kill.is_sound] == []
