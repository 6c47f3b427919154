"""Two states of a tier: each event of either in one group, and hectares that balance."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selvawatch.events.comparison import GROUPS, UNLISTED, compare

STATUSES = ("provisional", "confirmed", "closed", "withdrawn")


def state(*rows):
    """EVENTS columns that are compared, of `(id, status, hectares)` or with ids that merged into it."""
    made = [(*row, None)[:4] for row in rows]
    frame = pd.DataFrame(made, columns=["event_id", "status", "ha", "merged_from"])
    gone = frame["status"] == "withdrawn"
    return frame.assign(version=1, withdrawn_reason=pd.Series("forest-seen", frame.index).where(gone, None))


def groups(found):
    return dict(zip(found.rows["event_id"], found.rows["group"], strict=True))


@pytest.mark.parametrize(
    ("before", "now", "group", "change"),
    [
        (None, ("provisional", 1.0), "new", 0.0),
        (None, ("confirmed", 1.0), "new", 1.0),
        (None, ("withdrawn", 1.0), "passing", 0.0),
        (("withdrawn", 1.0), ("confirmed", 0.5), "back", 0.5),
        (("provisional", 1.0), ("confirmed", 1.2), "confirmed", 1.2),
        (("confirmed", 1.0), ("confirmed", 1.2), "grown", 0.2),
        (("provisional", 1.0), ("provisional", 1.2), "grown", 0.0),
        (("confirmed", 1.0), ("closed", 0.9), "shrunk", -0.1),
        (("confirmed", 1.0), ("provisional", 1.0), "shrunk", -1.0),
        (("confirmed", 1.0), ("closed", 1.0), "closed", 0.0),
        (("confirmed", 1.0), ("withdrawn", 1.0), "withdrawn", -1.0),
        (("confirmed", 1.0), None, "withdrawn", -1.0),
        (("confirmed", 1.0), ("confirmed", 1.0), "open", 0.0),
        (("closed", 1.0), ("closed", 1.0), "closed_before", 0.0),
        (("withdrawn", 1.0), ("withdrawn", 1.0), "withdrawn_before", 0.0),
        (("withdrawn", 1.0), None, "withdrawn_before", 0.0),
    ],
)
def test_an_event_stands_in_the_group_that_its_two_states_make(before, now, group, change):
    found = compare(state(*([("E", *before)] if before else [])), state(*([("E", *now)] if now else [])))
    (row,) = found.rows.to_dict("records")
    assert row["group"] == group
    assert row["confirmed_change_ha"] == pytest.approx(change)


def test_what_the_later_state_does_not_have_says_so():
    (row,) = compare(state(("E", "confirmed", 1.0)), state()).rows.to_dict("records")
    assert (row["withdrawn_reason"], row["alert_id"], row["status"]) == (UNLISTED, "E.v1", "")


def test_a_merged_event_counts_in_the_one_that_goes_on():
    found = compare(
        state(("A", "confirmed", 2.0), ("B", "confirmed", 1.0)), state(("A", "confirmed", 3.5, "B"))
    )
    rows = found.rows.set_index("event_id")
    assert (rows.at["A", "group"], rows.at["A", "ha_before"]) == ("grown", 3.0)
    assert rows.at["A", "change_ha"] == pytest.approx(0.5)
    assert (rows.at["B", "group"], rows.at["B", "goes_on_as"], rows.at["B", "change_ha"]) == (
        "merged",
        "A",
        0,
    )
    assert found.balance.grown_ha == pytest.approx(0.5)


def test_an_event_that_others_merged_into_is_not_new_though_its_id_is():
    found = compare(state(("B", "confirmed", 1.0)), state(("A", "confirmed", 1.0, "B")))
    assert groups(found) == {"A": "open", "B": "merged"}


def test_a_part_that_splits_off_again_is_back_and_not_new():
    found = compare(
        state(("A", "confirmed", 3.0, "B")), state(("A", "confirmed", 2.0), ("B", "confirmed", 1.0))
    )
    assert groups(found) == {"A": "shrunk", "B": "back"}


def test_what_a_run_long_before_had_published_is_back():
    now = state(("E", "confirmed", 1.0))
    assert groups(compare(state(), now)) == {"E": "new"}
    assert groups(compare(state(), now, {"E"})) == {"E": "back"}


def test_a_state_of_two_versions_of_an_event_is_refused():
    with pytest.raises(ValueError, match="one version"):
        compare(state(("E", "confirmed", 1.0), ("E", "confirmed", 1.0)), state())


@st.composite
def histories(draw):
    """States one after the other, in which events come, go, return, merge and split."""
    names = [f"E{number}" for number in range(6)]
    states = []
    for _ in range(draw(st.integers(2, 5))):
        listed = draw(st.lists(st.sampled_from(names), unique=True))
        rows = []
        for name in listed:
            others = [each for each in names if each not in listed]
            merged = draw(st.lists(st.sampled_from(others), unique=True, max_size=2)) if others else []
            hectares = draw(st.integers(1, 400)) / 100
            rows.append((name, draw(st.sampled_from(STATUSES)), hectares, " ".join(merged) or None))
        states.append(state(*rows))
    return states


@settings(max_examples=30, deadline=None)
@given(states=histories(), data=st.data())
def test_hectares_balance_and_no_event_is_new_twice(states, data):
    published, new = set(), []
    for before, now in zip([state(), *states], states, strict=False):
        shuffled = now.sample(frac=1, random_state=data.draw(st.integers(0, 9)))
        found = compare(before, now, published)
        pd.testing.assert_frame_equal(found.rows, compare(before, shuffled, published).rows)
        assert sorted(found.rows["event_id"]) == sorted({*before["event_id"], *now["event_id"]})
        assert set(found.rows["group"]) <= set(GROUPS)
        sums = found.balance
        sure = [
            frame.loc[frame["status"].isin(["confirmed", "closed"]), "ha"].sum() for frame in (before, now)
        ]
        assert [sums.before_ha, sums.now_ha] == pytest.approx(sure)
        gained = sums.new_ha + sums.back_ha + sums.grown_ha
        assert gained - sums.shrunk_ha - sums.withdrawn_ha == pytest.approx(sure[1] - sure[0], abs=1e-9)
        assert min(sums.new_ha, sums.back_ha, sums.grown_ha, sums.shrunk_ha, sums.withdrawn_ha) >= 0
        live = now[now["status"] != "withdrawn"]
        assert set(found.of("new")["event_id"]) <= set(live["event_id"])
        new += found.of("new")["event_id"].tolist()
        published |= set(now["event_id"])
        published |= {name for names in now["merged_from"].dropna() for name in names.split()}
    assert len(new) == len(set(new))
