"""Deliveries to servers that fail at every second attempt, their sender killed in the middle."""

from delivery_campaign import campaign


def test_sixty_deliveries_arrive_once_or_are_told_as_uncertain_though_the_sender_is_killed(tmp_path):
    done = campaign(tmp_path, count=60, kills=1)
    assert done.wrong == [] and done.kills == 1, done.line
    assert sum(done.states.values()) == 60 and done.attempts > 60
    assert {state for _, state in done.states} == {"delivered", "uncertain"}
