"""The ledger and the store's folders: whole or absent, and reading changes nothing."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from selvawatch.core.files import folder_digests
from selvawatch.errors import StoreError
from selvawatch.store.folders import Store, new_folder, open_store, prune
from selvawatch.store.ledger import AlertRow, Ledger, RunRow, SceneRow, TileRow
from selvawatch.store.lock import exclusive
from selvawatch.store.seal import SEAL


def _run(sequence):
    return RunRow(sequence=sequence, run_id=f"r{sequence}", area="a", until_day=20000, result={"ha": 1.5})


def _commit(ledger, sequence):
    ledger.commit(
        _run(sequence),
        tiles=[TileRow(tile="x0001y0001", state=f"s{sequence}", until_day=20000 + sequence)],
        scenes=[
            SceneRow(
                tile="x0001y0001",
                scene_id="S",
                digest="d",
                sensor="sentinel-2",
                stream="sentinel-2",
                day=20000,
                state="read",
                reason="",
                clear_share=0.5,
            )
        ],
        alerts=[
            AlertRow(
                alert_id=f"E.v{sequence}",
                event_id="E",
                version=sequence,
                status="confirmed",
                cause="mining",
                ha=1.0,
            )
        ],
    )


def test_an_empty_store_has_no_run_and_reading_it_makes_no_file(tmp_path):
    store = Store(tmp_path / "store")
    assert store.ledger.current() is None
    assert store.ledger.tiles() == {}
    assert not store.folder.exists()


def test_what_was_committed_is_read_back_and_the_last_run_is_current(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    _commit(ledger, 1)
    _commit(ledger, 2)
    assert ledger.current() == _run(2)
    assert [row.run_id for row in ledger.runs()] == ["r1", "r2"]
    assert ledger.tiles()["x0001y0001"].state == "s2"
    assert len(ledger.scenes()) == 1
    assert [row.alert_id for row in ledger.alerts()] == ["E.v1", "E.v2"]


def test_what_could_not_be_placed_is_forgotten_by_the_next_full_search_of_its_area(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def commit(sequence, area, *unplaced, searched_all=True):
        rows = [
            SceneRow(
                tile="",
                scene_id=name,
                digest="",
                sensor="",
                stream="",
                day=0,
                state="unread",
                reason="datetime",
                clear_share=0.0,
            )
            for name in unplaced
        ]
        run = replace(_run(sequence), area=area)
        ledger.commit(run, tiles=[], scenes=rows, alerts=[], searched_all=searched_all)
        return [row.scene_id for row in ledger.scenes()]

    assert commit(1, "north", "A", "B") == ["A", "B"]
    assert commit(2, "south", "C") == ["A", "B", "C"]
    assert commit(3, "north", "B", searched_all=False) == ["A", "B", "C"]
    assert commit(4, "north", "B") == ["B", "C"]


def test_reading_the_ledger_changes_no_byte(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    _commit(ledger, 1)
    before = folder_digests(tmp_path)
    ledger.runs(), ledger.tiles(), ledger.scenes(), ledger.alerts()
    assert folder_digests(tmp_path) == before


def test_a_run_planned_before_another_commit_is_refused_and_changes_nothing(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    _commit(ledger, 1)
    before = folder_digests(tmp_path)
    with pytest.raises(StoreError, match="run the command again"):
        _commit(ledger, 1)
    assert folder_digests(tmp_path) == before


def test_a_ledger_of_another_schema_is_named_not_read(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    _commit(ledger, 1)
    import sqlite3

    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    connection.close()
    with pytest.raises(StoreError, match="schema 99"):
        ledger.runs()


def test_a_file_that_is_no_ledger_is_one_line(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        Ledger(path).runs()


def test_a_store_is_held_by_one_run_at_a_time(tmp_path):
    with (
        exclusive(tmp_path, "first"),
        pytest.raises(StoreError, match="another run.*first"),
        exclusive(tmp_path, "second"),
    ):
        pass
    with exclusive(tmp_path, "second"):
        pass


def test_an_error_halfway_leaves_neither_folder_nor_part(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "run") as part:
        (part / "a.txt").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_left_over_folder_is_replaced(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old.txt").write_text("old")
    with new_folder(tmp_path / "run") as part:
        (part / "new.txt").write_text("new")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["new.txt", SEAL]


def test_an_address_that_is_no_folder_is_refused():
    with pytest.raises(StoreError, match="not supported"):
        open_store("s3://bucket/store")


def test_only_what_is_kept_stays(tmp_path):
    for name in ("a", "b", "c", ".half"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    assert prune(tmp_path, {"b", "x"}) == ["a", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".half", "b"]


CUT_OFF = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 4")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE runs SET area = 'half written'")
for number in range(4000):
    connection.execute(
        "INSERT INTO scenes VALUES ('x', ?, 'd', 's', 's', 1, 'read', '', 1.0, 'a')", (f"S{number:05d}",)
    )
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A commit that has spilled pages into the file when it is killed: the journal beside it is hot."""


def killed_inside_its_commit(folder):
    ledger = Ledger(folder / "ledger.sqlite")
    row = RunRow(sequence=1, run_id="a", area="all", until_day=1, result={})
    ledger.commit(row, tiles=[], scenes=[], alerts=[])
    before = ledger.path.read_bytes()
    done = subprocess.run([sys.executable, "-c", CUT_OFF, str(ledger.path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert ledger.path.with_name("ledger.sqlite-journal").exists() and ledger.path.read_bytes() != before
    return ledger, before


def test_a_run_killed_inside_its_commit_leaves_the_ledger_of_before_to_the_next_reader(tmp_path):
    ledger, before = killed_inside_its_commit(tmp_path)
    assert [(run.run_id, run.area) for run in ledger.runs()] == [("a", "all")]
    assert ledger.scenes() == [] and ledger.path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite"]


def test_what_is_no_ledger_is_told_and_left_as_it_is(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database " * 400)
    with pytest.raises(StoreError, match="cannot be read.*from a copy"):
        Ledger(path).runs()
    assert path.read_bytes() == b"no database " * 400
