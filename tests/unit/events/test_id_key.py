"""The secret that ids are made with: drawn once, private, never another one in silence."""

import datetime as dt

import pytest

from selvawatch.errors import DamagedError, StoreError
from selvawatch.events.id_key import FILE, VARIABLE, id_key, id_key_digest, keep_id_key, known_id_key
from selvawatch.events.linking import letters
from selvawatch.health.store_findings import store_findings
from selvawatch.store.folders import Store


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "zones"


def test_a_secret_is_drawn_once_kept_private_and_differs_between_stores(root, tmp_path):
    key = id_key(root)
    assert id_key(root) == key == known_id_key(root) and len(key) == 32
    assert (root / FILE).stat().st_mode & 0o077 == 0
    assert id_key(tmp_path / "other") != key


def test_a_rebuilt_store_into_which_the_file_is_copied_gives_the_same_ids(root, tmp_path):
    other, key = tmp_path / "other", id_key(root)
    other.mkdir(parents=True)
    (other / FILE).write_bytes((root / FILE).read_bytes())
    assert letters((5, 7), id_key(other)) == letters((5, 7), key) != letters((5, 7))


def test_a_declared_secret_is_not_kept_and_must_stay_the_same(root, monkeypatch):
    monkeypatch.setenv(VARIABLE, "one secret")
    key = id_key(root)
    assert b"one secret" not in (root / FILE).read_bytes() and key not in (root / FILE).read_bytes()
    monkeypatch.setenv(VARIABLE, "another")
    with pytest.raises(StoreError, match="would rename every event"):
        id_key(root)
    monkeypatch.delenv(VARIABLE)
    assert known_id_key(root) is None
    with pytest.raises(StoreError, match=f"set {VARIABLE}"):
        id_key(root)


def test_a_secret_that_is_gone_or_damaged_is_never_drawn_anew(root):
    id_key(root)
    path = root / FILE
    content = path.read_bytes()
    path.write_bytes(content[:10] + bytes([content[10] ^ 1]) + content[11:])
    with pytest.raises(DamagedError):
        id_key(root)
    path.unlink()
    with pytest.raises(DamagedError, match="restore it from a copy"):
        id_key(root)


def test_two_stores_are_told_apart_by_the_digest_of_their_secret_which_never_tells_the_secret(
    root, tmp_path, monkeypatch
):
    assert id_key_digest(root) == (True, "")
    key = id_key(root)
    drawn, digest = id_key_digest(root)
    assert drawn and len(digest) == 32 and digest not in (key.hex(), key.hex()[:32])
    assert id_key(tmp_path / "other") and id_key_digest(tmp_path / "other")[1] != digest
    monkeypatch.setenv(VARIABLE, "a declared secret")
    id_key(tmp_path / "third")
    declared = id_key_digest(tmp_path / "third")
    monkeypatch.delenv(VARIABLE)
    assert declared[0] is False and declared == id_key_digest(tmp_path / "third") != id_key_digest(root)


def test_doctor_says_which_secret_a_store_has_and_when_no_run_can_go_on(root, tmp_path, monkeypatch):
    Store(tmp_path).ledger.create()

    def ids():
        found = store_findings(str(tmp_path), None, dt.date(2026, 1, 1), deep=False)
        return " ".join(one.line for one in found if " ids: " in one.line)

    assert ids() == ""
    key = id_key(root)
    assert id_key_digest(root)[1] in ids() and "the store's own" in ids() and key.hex() not in ids()
    monkeypatch.setenv(VARIABLE, "another")
    assert "another secret" in ids() and "another one would rename" in ids()
    (root / FILE).unlink()
    assert "the secret of ids is gone" in ids()
    monkeypatch.setenv(VARIABLE, "declared")
    keep_id_key(root, known_id_key(tmp_path / "nowhere"))
    assert f"declared by {VARIABLE}" in ids() and "set " not in ids()
    monkeypatch.delenv(VARIABLE)
    assert f"set {VARIABLE} as it was" in ids()
