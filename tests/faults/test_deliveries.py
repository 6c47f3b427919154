"""A thousand deliveries to servers that fail at every second attempt, their sender killed again and again."""

import pytest

from delivery_campaign import campaign

pytestmark = pytest.mark.faults


def test_a_thousand_deliveries_arrive_once_or_are_told_as_uncertain_though_the_sender_is_killed(tmp_path):
    done = campaign(tmp_path, count=1000, kills=5)
    print(done.line)
    assert done.wrong == [] and done.kills == 5
    assert sum(done.states.values()) == 1000
    assert {state for _, state in done.states} == {"delivered", "uncertain"}
