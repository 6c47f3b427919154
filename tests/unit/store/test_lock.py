"""A store is held by one process, which it names, and by none that is dead."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from command_line import PACKAGE
from selvawatch.errors import StoreError
from selvawatch.store.ledger import Ledger
from selvawatch.store.lock import exclusive, remove_leftovers

HOLDER = """
import os, sys, time
from selvawatch.store.lock import exclusive
with exclusive(sys.argv[1], "selvawatch monitor") as held:
    held.store.ledger.create()
    child = os.fork() if sys.argv[2] == "fork" else None
    if child == 0:
        time.sleep(60)
    print(child or os.getpid(), flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["alone", "fork"])
def holder(request, tmp_path):
    """A process that holds a store, alone or with a child that was forked meanwhile; and the child."""
    started = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "store"), request.param],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    child = int(started.stdout.readline())
    yield started
    started.kill()
    started.wait()
    started.stdout.close()
    if child != started.pid:
        os.kill(child, signal.SIGKILL)


@contextlib.contextmanager
def when_free(store, tries=200):
    """The store, held; a child that was just forked may need a moment to let its copy of the lock go."""
    with contextlib.ExitStack() as stack:
        for left in reversed(range(tries)):
            try:
                held = stack.enter_context(exclusive(store, "test"))
                break
            except StoreError:
                if not left:
                    raise
                time.sleep(0.05)
        yield held


def test_who_comes_second_is_refused_at_once_by_the_name_of_the_first_and_free_when_it_is_killed(
    tmp_path, holder
):
    said = rf"got selvawatch monitor \(process {holder.pid} on .*, since 20..-..-..T..:..:..Z\); wait"
    with pytest.raises(StoreError, match=said), exclusive(tmp_path / "store", "test"):
        pass
    assert Ledger(tmp_path / "store" / "ledger.sqlite").runs() == []  # who reads is not refused
    holder.kill()
    holder.wait()
    with when_free(tmp_path / "store") as held:
        assert held.store.folder == tmp_path / "store"


def test_a_store_that_is_let_go_can_no_longer_be_written_through_what_held_it(tmp_path):
    with exclusive(tmp_path, "test") as held:
        assert held.store.folder == tmp_path
    with pytest.raises(StoreError, match="held no longer"):
        _ = held.store


def test_a_folder_made_for_the_lock_alone_goes_again(tmp_path):
    store = tmp_path / "not" / "there"
    with pytest.raises(RuntimeError), exclusive(store, "test"):
        raise RuntimeError
    assert not store.exists()
    with exclusive(store, "test") as held:
        held.store.ledger.create()
    assert sorted(path.name for path in store.iterdir()) == [".lock", "ledger.sqlite"]


def test_a_store_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"), exclusive(tmp_path / "file" / "store", "test"):
        pass
    (tmp_path / ".lock").mkdir()
    with pytest.raises(StoreError, match="the store cannot be written"), exclusive(tmp_path, "test"):
        pass


LEFT = (
    ".12-0a1b2c3d.ledger.sqlite",
    "plans/.12-0a1b2c3d.r1.json",
    "runs/.12-0a1b2c3d.r1/public/alerts.csv",
    "state/x1/.12-0a1b2c3d.s1/state.json",
    "baselines/x1/.12-0a1b2c3d.b1/zarr.json",
    "checkpoints/x1/.12-0a1b2c3d.c1/zarr.json",
    "observations/x1/landsat/.12-0a1b2c3d.20240101.tif",
    "water/x1/.12-0a1b2c3d.2024.tif",
    "zones/parks/.12-0a1b2c3d.2024.parquet",
    "zones/parks/.12-abc_efgh/layer.zip",
    "products/amw/.12-0a1b2c3d.cells.parquet",
    "products/.12-0a1b2c3d.amw/cells.parquet",
)
STAYS = (
    "zones/.salt",
    "runs/r1/public/.hidden",
    "runs/r1/.12-0a1b2c3d.of-a-run-that-was-committed",
    "observations/x1/landsat/20240101.tif",
    "notes/.12-0a1b2c3d.notes.txt",
)


def test_what_killed_runs_left_goes_with_the_next_that_holds_the_store_and_nothing_else(tmp_path):
    Ledger(tmp_path / "ledger.sqlite").create()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = (*LEFT, f"cache/faces/.{dead.pid}-0a1b2c3d.f.npz")
    stays = (*STAYS, f"cache/faces/.{os.getpid()}-0a1b2c3d.g.npz")
    for name in (*left, *stays):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with exclusive(tmp_path, "test"):
        found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert found == {*stays, ".lock", "ledger.sqlite"}
        assert remove_leftovers(tmp_path) == []
        assert not [path for path in tmp_path.rglob("*") if re.match(r"\.12-", path.name) and path.is_dir()]


WRITERS = (
    ("monitor", "--until", "2024-03-01", "--source", "folder:."),
    ("baseline", "--source", "folder:."),
    ("zones", "fetch"),
    ("zones", "import", "protected-areas", "nowhere.gpkg"),
    ("zones", "accept", "protected-areas"),
    ("attribute", "--loss", "nowhere.gpkg", "--register-as", "amw"),
)


@pytest.mark.parametrize("words", WRITERS, ids=lambda words: " ".join(words[:2]))
def test_whatever_writes_to_a_store_asks_for_it_first(tmp_path, command, monkeypatch, words):
    monkeypatch.setattr("selvawatch.steps.register.client_for", lambda _: None)
    with exclusive(tmp_path / "store", "somebody else"):
        error = command(*words, "--store", tmp_path / "store").error
    assert "another run is using the store; got somebody else (process" in error
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "words",
    [
        *WRITERS,
        ("table", "loss_by_type"),
        ("alerts", "list"),
        ("bulletin", "--lang", "es"),
        ("alerts", "export", "--format", "csv", "--out", "out.csv"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_store_that_lost_its_ledger_is_no_empty_store_to_any_command(tmp_path, command, monkeypatch, words):
    monkeypatch.setattr("selvawatch.steps.register.client_for", lambda _: None)
    store = tmp_path / "store"
    (store / "runs" / "r1").mkdir(parents=True)
    error = command(*words, "--store", store).error
    assert f"{store}/ledger.sqlite: the ledger is missing; got 1 in runs/ beside it; restore it" in error
    assert not (store / "ledger.sqlite").exists()
