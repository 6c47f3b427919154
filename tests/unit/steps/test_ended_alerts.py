"""Ids that are listed no more: which event goes on where they were given."""

from dataclasses import asdict
from types import SimpleNamespace

import pytest

from made_schedules import GRID, RULE, TILE, ground
from selvawatch.errors import StoreError
from selvawatch.steps import ended_alerts, products
from selvawatch.steps.ended_alerts import going_on

ROWS = [
    {"alert_id": "T-220101-AAAAAA.v3", "event_id": "T-220101-AAAAAA", "merged_from": "T-220109-BBBBBB"},
    {"alert_id": "T-220202-CCCCCC.v1", "event_id": "T-220202-CCCCCC", "merged_from": None},
]


@pytest.fixture(scope="module")
def stepped():
    made = ground(4)
    return made, made.run([*made.days[:-1:5], made.days[-1]])


@pytest.fixture
def store(stepped, monkeypatch, tmp_path):
    """What `going_on` reads of a store: the copy of its site and the layers of the last day."""
    made, _ = stepped
    text = "".join(f"{name} = {value}\n" for name, value in asdict(RULE).items() if value is not None)
    copy = SimpleNamespace(deciding={"grid": asdict(GRID)}, files={"events": SimpleNamespace(text=text)})
    monkeypatch.setattr(ended_alerts, "open_fallen", lambda *_: made.layers[made.days[-1]])
    monkeypatch.setattr(ended_alerts, "read_site_copy", lambda _: copy)
    monkeypatch.setattr(ended_alerts, "known_id_key", lambda _: b"")
    ledger = SimpleNamespace(
        tiles=lambda: {TILE.id: SimpleNamespace(state="s")},
        current=lambda: SimpleNamespace(until_day=made.days[-1]),
    )
    return SimpleNamespace(ledger=ledger, folder=tmp_path, snapshots=tmp_path)


def test_an_ended_id_leads_to_the_event_on_or_beside_its_ground(store, stepped):
    _, found = stepped
    last = found[-1].events.set_index("event_id")
    ended = {
        name: shape
        for one in found
        for name, status, shape in zip(
            one.events["event_id"], one.events["status"], one.events.geometry, strict=True
        )
        if name not in last.index and status != "withdrawn"
    }
    assert ended
    for name, shape in ended.items():
        heir = going_on(store, name)
        assert heir in last.index
        assert last.geometry[heir].distance(shape) <= 10 * GRID.resolution


def test_every_listed_id_leads_to_its_own_event(store, stepped):
    for name in stepped[1][-1].events["event_id"]:
        assert going_on(store, name) == name


@pytest.mark.parametrize(
    "name", ["", "T-221399-AAAAAA", "T-220101-AAAAAA", "T-220101-4DFW", "x" * 500, "-\n-"]
)
def test_what_was_never_an_id_leads_nowhere(store, name):
    assert going_on(store, name) is None


def test_show_answers_an_ended_id_with_the_alert_that_goes_on_and_says_so(monkeypatch, command):
    monkeypatch.setattr(products, "read_alerts", lambda *_: ROWS)
    monkeypatch.setattr(products, "open_store", lambda _: None)
    monkeypatch.setattr(
        products, "going_on", lambda _, name: {"T-220203-DDDDDD": "T-220202-CCCCCC"}.get(name)
    )
    for name, alert in (
        ("T-220109-BBBBBB", "T-220101-AAAAAA.v3"),
        ("T-220109-BBBBBB.v4", "T-220101-AAAAAA.v3"),
        ("T-220101-AAAAAA.v1", "T-220101-AAAAAA.v3"),
        ("T-220203-DDDDDD.v2", "T-220202-CCCCCC.v1"),
    ):
        found = products.find_alert("store", "public", name)
        assert (found["ended_id"], found["alert_id"]) == (name, alert)
    assert "ended_id" not in products.find_alert("store", "public", "T-220202-CCCCCC")
    with pytest.raises(StoreError, match="no such alert"):
        products.find_alert("store", "public", "T-220303-EEEEEE")
    shown = command("alerts", "show", "T-220109-BBBBBB")
    assert "T-220109-BBBBBB has ended and goes on as T-220101-AAAAAA.v3" in shown.out


def test_the_ground_of_a_withheld_event_answers_nothing(monkeypatch):
    monkeypatch.setattr(products, "read_alerts", lambda *_: ROWS)
    monkeypatch.setattr(products, "open_store", lambda _: None)
    monkeypatch.setattr(products, "going_on", lambda *_: "T-220404-FFFFFF")
    with pytest.raises(StoreError, match="no such alert"):
        products.find_alert("store", "public", "T-220303-EEEEEE")
