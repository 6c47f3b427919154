"""The ledger is read as it was committed, or named: damaged, cut, emptied, missing."""

import json
import random
import shutil
import sqlite3

import pytest

from selvawatch.errors import StoreError
from selvawatch.store.ledger import AlertRow, Ledger, RunRow, SceneRow, TileRow

READERS = ("runs", "tiles", "scenes", "alerts")


def run_row(sequence, area="a"):
    result = {"ha": 1.5 * sequence, "failed": {}}
    return RunRow(sequence=sequence, run_id=f"r{sequence}", area=area, until_day=20000, result=result)


def scene_rows(count, tile="x0001y0001"):
    return [
        SceneRow(
            tile=tile,
            scene_id=f"S2A_{number:05d}",
            digest=f"{number:08x}",
            sensor="sentinel-2",
            stream="sentinel-2",
            day=19000 + number,
            state="read",
            reason="",
            clear_share=number / count,
        )
        for number in range(count)
    ]


def commit(ledger, sequence, scenes=30, listing=None):
    alerts = [
        AlertRow(
            alert_id=f"E{number}.v{sequence}",
            event_id=f"E{number}",
            version=sequence,
            status="confirmed",
            cause="mining",
            ha=number + 0.25,
        )
        for number in range(12)
    ]
    ledger.commit(
        run_row(sequence),
        tiles=[TileRow(tile="x0001y0001", state=f"s{sequence}", until_day=20000, before=f"s{sequence - 1}")],
        scenes=scene_rows(scenes),
        alerts=alerts,
        listing=listing,
    )


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "store" / "ledger.sqlite")
    commit(made, 1, listing={"scenes": {"i1": '{"id":"A"}', "i2": '{"id":"B"}'}})
    commit(made, 2, scenes=150)
    return made


def answers(ledger):
    """What every reader of a ledger gives, or the error that it raises."""
    found = {}
    for name in READERS:
        try:
            found[name] = getattr(ledger, name)()
        except StoreError as error:
            found[name] = str(error)
    try:
        found["listing"] = ledger.listing("a")
    except StoreError as error:
        found["listing"] = str(error)
    return found


def test_a_flipped_bit_is_named_or_changes_no_answer(ledger):
    whole, content = answers(ledger), ledger.path.read_bytes()
    rng, named = random.Random(10), 0
    for _ in range(120):
        place = rng.randrange(8 * len(content))
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        ledger.path.write_bytes(damaged)
        for name, answer in answers(ledger).items():
            is_error = isinstance(answer, str)
            assert is_error or answer == whole[name], (place, name)
            assert not is_error or (str(ledger.path) in answer and "\n" not in answer), answer
            named += is_error
    assert named > 20


@pytest.mark.parametrize("damage", ["cut", "zeroed", "emptied", "deleted"])
def test_a_ledger_that_lost_a_part_is_named_by_whatever_reads_and_writes(ledger, damage):
    (ledger.path.parent / "runs" / "r1").mkdir(parents=True)
    content = ledger.path.read_bytes()
    third = len(content) // 3
    ledger.path.write_bytes(
        {"cut": content[:-third], "zeroed": content[:third] + bytes(third) + content[2 * third :]}.get(
            damage, b""
        )
    )
    if damage == "deleted":
        ledger.path.unlink()
    whole = answers(ledger)
    assert any(isinstance(answer, str) for answer in whole.values())
    if damage in ("emptied", "deleted"):
        assert all("1 in runs/ beside it; restore it from a copy" in answer for answer in whole.values())
        with pytest.raises(StoreError, match="beside it"):
            ledger.create()
    with pytest.raises(StoreError):
        commit(ledger, 3)
    assert ledger.faults()


@pytest.mark.parametrize("folder", ["runs", "state", "baselines", "observations", "plans"])
def test_what_only_comes_after_a_ledger_is_no_empty_store(tmp_path, folder):
    (tmp_path / folder / "something").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"the ledger is missing; got 1 in {folder}/ beside it"):
        Ledger(tmp_path / "ledger.sqlite").runs()


def test_a_store_of_layers_and_products_alone_needs_no_ledger(tmp_path):
    for name in ("zones/communities", "products/amw", "cache/faces"):
        (tmp_path / name).mkdir(parents=True)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert (ledger.runs(), ledger.tiles(), ledger.listing("a"), ledger.faults()) == ([], {}, {}, [])
    ledger.create()
    before = ledger.path.read_bytes()
    ledger.create()
    assert ledger.path.read_bytes() == before and ledger.runs() == []


def test_a_journal_without_its_ledger_is_not_rolled_back_into_a_new_one(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    (tmp_path / "ledger.sqlite-journal").write_bytes(b"of another ledger")
    with pytest.raises(StoreError, match="ledger.sqlite-journal beside it"):
        ledger.create()


def test_a_damaged_ledger_is_not_sealed_by_the_next_commit(ledger):
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE scenes SET clear_share = 0.9 WHERE day = 19001")
    connection.close()
    before = ledger.path.read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match="the ledger is damaged; got 150 rows of table scenes"):
            commit(ledger, 3)
    assert ledger.path.read_bytes() == before
    assert len(ledger.faults()) == 1 and "table scenes" in ledger.faults()[0]
    assert ledger.runs()[-1] == run_row(2)


def test_a_row_that_is_gone_or_too_many_is_named(ledger):
    content = ledger.path.read_bytes()
    for change in (
        "DELETE FROM scenes WHERE day = 19001",
        "INSERT INTO alerts VALUES ('X', 'X', 1, 'a', 'b', 1.0, 'r1')",
        "UPDATE runs SET result = '{' WHERE sequence = 1",
        "UPDATE tiles SET until_day = 'never'",
        "DELETE FROM meta WHERE key = 'rows:scenes'",
    ):
        ledger.path.write_bytes(content)
        with sqlite3.connect(ledger.path) as connection:
            connection.execute(change)
        connection.close()
        assert len(ledger.faults()) == 1, change
        assert any(isinstance(answer, str) for answer in answers(ledger).values()), change


@pytest.mark.parametrize("name", ["50% done", "a#b", "what?", "ñandú"])
def test_a_store_is_read_whatever_its_folder_is_called(tmp_path, ledger, name):
    folder = shutil.copytree(ledger.path.parent, tmp_path / name)
    assert answers(Ledger(folder / "ledger.sqlite")) == answers(ledger)


def test_a_ledger_of_the_schema_before_is_told_what_to_do(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        connection.execute("INSERT INTO meta VALUES ('schema', '1')")
    connection.close()
    with pytest.raises(StoreError, match="another version; got schema 1; needed schema 2; use the version"):
        Ledger(path).runs()


def test_only_what_a_search_found_anew_is_written(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    items = {f"i{number:05d}": json.dumps({"id": number, "assets": "x" * 1500}) for number in range(400)}
    commit(ledger, 1, scenes=1, listing={"scenes": items})
    assert ledger.listing("a") == {"scenes": items} and ledger.listing("b") == {}
    before = ledger.path.stat().st_size
    later = {**items, "new": "{}"}
    del later["i00007"]
    commit(ledger, 2, scenes=1, listing={"scenes": later, "problems": {"p": "{}"}})
    assert ledger.listing("a") == {"scenes": later, "problems": {"p": "{}"}}
    assert ledger.path.stat().st_size - before < 10_000
    with sqlite3.connect(ledger.path) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (401,)
    connection.close()
