"""Records of snapshots that are gone or damaged are named, and a lost salt is never drawn again."""

import json

import pytest

from selvawatch.core.files import write_checked_json
from selvawatch.errors import DamagedError
from selvawatch.register.snapshot_index import INDEX, add_to_index, check_index, indexed
from selvawatch.register.snapshots import records
from selvawatch.steps.register import SALT, store_salt
from selvawatch.store.folders import Store

RECORD = {
    "layer": "mines",
    "date": "2026-01-02",
    "file": "2026-01-02-abcd.parquet",
    "sha256": "abcd",
    "source": "test",
    "licence": "CC0",
    "address": "here",
    "features": 1,
    "area_ha": 2.5,
    "state": "accepted",
}
NAME = "mines/2026-01-02-abcd.json"


def write_record(root):
    write_checked_json(root / NAME, RECORD)
    add_to_index(root, NAME)
    return root / NAME


def test_a_record_that_is_gone_is_named(tmp_path):
    path = write_record(tmp_path)
    assert [one.area_ha for one in records(tmp_path, "mines")] == [2.5]
    path.unlink()
    with pytest.raises(DamagedError, match=r"2026-01-02-abcd\.json: the record of a snapshot is gone"):
        records(tmp_path, "mines")
    assert records(tmp_path, "others") == []


@pytest.mark.parametrize(
    "change", [("2.5", "7.5"), ("accepted", "quarantined"), ('"features": 1', '"features": "1"')]
)
def test_a_record_that_was_changed_is_named(tmp_path, change):
    path = write_record(tmp_path)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(DamagedError, match="damaged"):
        records(tmp_path, "mines")


def test_records_of_a_version_that_wrote_no_digest_are_read_and_taken_into_the_index(tmp_path):
    (tmp_path / "mines").mkdir()
    (tmp_path / NAME).write_text(json.dumps(RECORD))
    assert len(records(tmp_path, "mines")) == 1 and not (tmp_path / INDEX).exists()
    add_to_index(tmp_path, "mines/other.json")
    assert set(indexed(tmp_path)) == {NAME, "mines/other.json"}


def test_a_damaged_index_is_named_and_says_what_to_do(tmp_path):
    write_record(tmp_path)
    (tmp_path / INDEX).write_text("{")
    with pytest.raises(DamagedError, match="remove it: the next import makes one"):
        check_index(tmp_path, "mines")


@pytest.mark.parametrize("damage", ["gone", "other"])
def test_a_salt_that_was_drawn_is_never_drawn_again(tmp_path, damage):
    store = Store(tmp_path)
    salt = store_salt(store)
    assert store_salt(store) == salt and len(salt) == 32
    path = store.snapshots / SALT
    path.unlink() if damage == "gone" else path.write_bytes(salt[:-1] + bytes([salt[-1] ^ 1]))
    with pytest.raises(DamagedError, match="restore it from a copy"):
        store_salt(store)
