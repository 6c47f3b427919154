"""Commands that read write nothing into a store but in its cache."""

import shutil
from dataclasses import replace

import pytest

from selvawatch.store.lock import CACHE, exclusive

pytestmark = pytest.mark.slow

READERS = (
    ("table", "loss_by_type", "--site", "SITE"),
    ("table", "loss_by_zone", "--site", "SITE", "--tier", "restricted"),
    ("alerts", "list"),
    ("alerts", "export", "--format", "csv", "--out", "OUT"),
    ("bulletin", "--lang", "es"),
    ("doctor", "--site", "SITE"),
    ("zones", "status", "--site", "SITE"),
    ("zones", "check", "--site", "SITE"),
)


def listed(folder):
    """What is in a folder but in its cache: size, number and time of change, and of every folder the same."""
    paths = [path for path in sorted(folder.rglob("*")) if path.relative_to(folder).parts[0] != CACHE]
    found = {
        str(path): (path.lstat().st_size, path.lstat().st_ino, path.lstat().st_mtime_ns) for path in paths
    }
    return {name: values for name, values in found.items() if name != str(folder / CACHE)}


def test_reading_changes_nothing_but_the_cache_which_may_be_gone_and_waits_for_nobody(
    small_run, tmp_path, command
):
    place = replace(small_run, store=shutil.copytree(small_run.store, tmp_path / "store"))
    shutil.rmtree(place.store / CACHE, ignore_errors=True)
    with exclusive(place.store, "selvawatch monitor"):
        before = listed(place.store)
        for words in READERS:
            known = {"SITE": place.site, "OUT": tmp_path / "out.csv"}
            done = command(*(known.get(word, word) for word in words), "--store", place.store)
            assert done.code in (0, 1) and "another run" not in done.err, (words, done.err)
            assert listed(place.store) == before, words


def test_a_cache_that_cannot_be_written_stops_no_table(small_run, tmp_path, command):
    place = replace(small_run, store=shutil.copytree(small_run.store, tmp_path / "store"))
    shutil.rmtree(place.store / CACHE, ignore_errors=True)
    (place.store / CACHE).write_text("a file where a folder should be")
    before = listed(place.store)
    words = ("table", "loss_by_type", "--site", place.site, "--store", place.store)
    done = command(*words)
    usual = command(*words[:-1], shutil.copytree(small_run.store, tmp_path / "usual"))
    assert done.code == 0 and done.out == usual.out
    assert listed(place.store) == before
    assert (place.store / CACHE).read_text() == "a file where a folder should be"
