"""Which alerts a subscription gets, what is new of them, and when a digest is due."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selvawatch.core.days import to_day
from selvawatch.deliver.delivery_ledger import DeliveryRow, DigestRow
from selvawatch.deliver.selection import is_digest_due, is_urgent, is_wanted, new_versions
from selvawatch.deliver.subscriptions import Subscription

ROW = {
    "alert_id": "E.v1", "event_id": "E", "version": 1, "status": "provisional", "ha": 1.0, "rank": 1,
    "cause": "mining", "merged_from": None, "withdrawn_reason": None, "area_name": "la-pampa",
    "zones": "buffer corridor", "protected_name": "Reserva Nacional Tambopata", "protected": "buffer",
    "combination": "mining?+brazil_nut", "exclusive_class": "brazil_nut",
}  # fmt: skip


def asked(**wanted):
    return Subscription(name="ana", channel="mail", to="x", **wanted)


def got(row, **changes):
    """What a recipient got of a row."""
    known = {name: row[name] for name in ("alert_id", "event_id", "version", "status", "ha")} | changes
    return DeliveryRow(recipient="r", **known)


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ({}, True),
        ({"areas": ("La-Pampa",)}, True),
        ({"areas": ("tambopata",)}, False),
        ({"zones": ("corridor",)}, True),
        ({"zones": ("reserva nacional tambopata",)}, True),
        ({"zones": ("protected_core",)}, False),
        ({"types": ("mining",)}, True),
        ({"types": ("buffer",)}, True),
        ({"types": ("timber",)}, False),
        ({"causes": ("road", "mining")}, True),
        ({"causes": ("road",)}, False),
        ({"least_ha": 1.0}, True),
        ({"least_ha": 1.01}, False),
        ({"areas": ("la-pampa",), "causes": ("road",)}, False),
    ],
)
def test_an_alert_is_wanted_where_it_is_everything_that_is_asked_for(wanted, answer):
    assert is_wanted(ROW, asked(**wanted)) is answer
    assert [one.group for one in new_versions([ROW], asked(**wanted), [])] == ["new"] * answer


@pytest.mark.parametrize(
    ("changes", "known", "group"),
    [
        ({}, {"alert_id": "E.v1"}, None),
        ({"alert_id": "E.v2", "ha": 1.5}, {}, "grown"),
        ({"alert_id": "E.v2", "ha": 0.5}, {}, "shrunk"),
        ({"alert_id": "E.v2", "status": "confirmed"}, {}, "confirmed"),
        ({"alert_id": "E.v2", "status": "closed"}, {"status": "confirmed"}, "closed"),
        ({"alert_id": "E.v2", "status": "withdrawn"}, {}, "withdrawn"),
        ({"alert_id": "E.v3", "status": "withdrawn"}, {"status": "withdrawn"}, None),
        ({"alert_id": "E.v3"}, {"status": "withdrawn"}, "back"),
        ({"alert_id": "E.v2", "cause": "road"}, {}, "open"),
    ],
)
def test_what_is_new_is_told_against_what_the_recipient_got_last_also_where_it_is_no_longer_wanted(
    changes, known, group
):
    row, before = ROW | changes, got(ROW, **{"alert_id": "E.v0", **known})
    for subscription in (asked(), asked(areas=("elsewhere",), least_ha=100.0)):
        found = new_versions([row], subscription, [before])
        assert [one.group for one in found] == ([] if group is None else [group])


def test_what_was_withdrawn_before_it_was_ever_sent_is_not_told():
    assert new_versions([ROW | {"status": "withdrawn"}], asked(), []) == []


def test_an_event_that_merged_or_is_not_listed_any_more_is_told_once():
    other = ROW | {
        "event_id": "F",
        "alert_id": "F.v4",
        "ha": 3.0,
        "merged_from": "E",
        "area_name": "elsewhere",
    }
    found = new_versions([other], asked(areas=("la-pampa",)), [got(ROW)])
    assert [(one.row["event_id"], one.group, one.goes_on_as) for one in found] == [
        ("F", "grown", ""),
        ("E", "merged", "F"),
    ]
    gone = new_versions([], asked(), [got(ROW)])
    assert [(one.group, one.delivery_id) for one in gone] == [("withdrawn", "E.v1.withdrawn")]
    told = got(ROW, alert_id="E.v1.withdrawn", status="withdrawn")
    assert new_versions([], asked(), [got(ROW), told]) == []
    for version in ("E.v1", "E.v2"):
        (again,) = new_versions([ROW | {"alert_id": version}], asked(), [got(ROW), told])
        assert again.group == "back"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_rows_changes_nothing(order):
    rows = [ROW | {"event_id": f"E{n}", "alert_id": f"E{n}.v1", "ha": float(n)} for n in range(3)]
    found = new_versions([rows[n] for n in order], asked(), [])
    assert [one.row["event_id"] for one in found] == ["E2", "E1", "E0"]


@pytest.mark.parametrize(
    ("changes", "urgent"),
    [
        ({}, True),
        ({"protected": "buffer"}, False),
        ({"status": "provisional"}, False),
        ({"status": "closed"}, False),
    ],
)
def test_a_confirmed_change_in_a_core_is_urgent_and_nothing_else(changes, urgent):
    row = ROW | {"protected": "core", "status": "confirmed"} | changes
    (found,) = new_versions([row], asked(), [])
    assert is_urgent(found) is urgent


def test_digests_go_once_a_span_whenever_runs_are_and_never_twice_of_a_run():
    for cadence, fewest, most in (("weekly", 10, 11), ("15-days", 5, 6), ("each-run", 24, 24)):
        sent, last = [], None
        for day in range(to_day("2026-01-01"), to_day("2026-01-01") + 72):
            run = f"run{day // 3}"
            if is_digest_due(asked(cadence=cadence), last, run, day):
                last = DigestRow(run_id=run, until_day=day, sent_day=day)
                sent.append((run, day))
        assert fewest <= len(sent) <= most, cadence
        assert len({run for run, _ in sent}) == len(sent)
        gaps = [late - early for (_, early), (_, late) in itertools.pairwise(sent)]
        assert min(gaps) >= {"weekly": 4, "15-days": 8, "each-run": 1}[cadence]


def test_the_first_digest_of_a_subscription_goes_at_once():
    assert is_digest_due(asked(cadence="15-days"), None, "run1", 20_000)


def delivered(found):
    """What the ledger keeps of versions that were sent."""
    return [
        DeliveryRow(
            recipient="r",
            alert_id=one.delivery_id,
            event_id=one.row["event_id"],
            version=one.row["version"],
            status="withdrawn" if one.group in ("withdrawn", "merged") else one.row["status"],
            ha=one.row["ha"],
        )
        for one in found
    ]


def test_an_alert_that_returns_with_another_merged_into_it_is_told_as_back_in_the_same_message():
    heir = {"ha": 1.0, "status": "confirmed", "merged_from": "E0", "cause": "mining"}
    other = heir | {"ha": 0.4, "status": "provisional", "merged_from": None}
    known = []
    for run in ({"E1": heir, "E0": other}, {"E0": other}, {"E1": heir}):
        rows = [
            ROW | state | {"event_id": event, "version": 1, "alert_id": f"{event}.v1"}
            for event, state in run.items()
        ]
        found = new_versions(rows, asked(), known)
        known += delivered(found)
    assert {one.row["event_id"]: one.group for one in found} == {"E1": "back", "E0": "merged"}
    assert new_versions(rows, asked(), known) == []


EVENT = st.builds(
    dict,
    ha=st.sampled_from([0.4, 1.0, 2.5]),
    status=st.sampled_from(["provisional", "confirmed", "closed", "withdrawn"]),
    merged_from=st.sampled_from([None, "E0", "E1 E2"]),
    cause=st.sampled_from(["mining", "road"]),
)
RUNS = st.lists(st.dictionaries(st.sampled_from(["E0", "E1", "E2", "E3"]), EVENT, max_size=4), max_size=6)


@given(runs=RUNS, narrowed=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_runs_bring_each_version_is_told_once_and_a_run_that_was_told_has_nothing_more(
    runs, narrowed
):
    subscription = asked(causes=("mining",), least_ha=0.5) if narrowed else asked()
    known, versions, states = [], dict.fromkeys(["E0", "E1", "E2", "E3"], 0), {}
    for run in runs:
        for event, state in run.items():
            versions[event] += states.get(event) != state  # a version is of what is published
            states[event] = state
        rows = [
            ROW
            | state
            | {"event_id": event, "version": versions[event], "alert_id": f"{event}.v{versions[event]}"}
            for event, state in run.items()
        ]
        found = new_versions(rows, subscription, known)
        known += delivered(found)
        ids = [row.alert_id for row in known]
        assert len(set(ids)) == len(ids)
        assert new_versions(rows, subscription, known) == []
        live = {row["event_id"] for row in rows if row["status"] != "withdrawn"}
        last = {row.event_id: row.status for row in known}
        held = {event for event, status in last.items() if status != "withdrawn"}
        assert held <= live, "a reader holds what is not listed any more"
        assert {
            row["event_id"] for row in rows if row["event_id"] in live and is_wanted(row, subscription)
        } <= held
