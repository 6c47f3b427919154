"""Two hundred pairs of histories that tell a lower tier nothing apart, and eleven leaks that would."""

import itertools
import os
from collections import Counter

import numpy as np
import pytest

import planted_leaks
import withheld_pairs

pytestmark = pytest.mark.faults

PAIRS = int(os.environ.get("SELVAWATCH_WITHHELD_PAIRS", "200"))
FIRST = int(os.environ.get("SELVAWATCH_WITHHELD_FIRST", "0"))
TABLES = ("loss_by_type", "loss_by_right", "overlap_conflicts", "loss_by_named_zone", "front_age")


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A site with a register and a reserve, and an empty store."""
    return withheld_pairs.make_store(tmp_path_factory.mktemp("blank"))


def endless_pairs():
    for seed in itertools.count():
        yield from withheld_pairs.pairs(np.random.default_rng([11, seed]))


def test_histories_that_differ_in_what_is_withheld_give_lower_tiers_the_same_bytes(blank, tmp_path):
    kinds, found = Counter(), []
    for number, pair in enumerate(itertools.islice(endless_pairs(), FIRST, FIRST + PAIRS)):
        kinds[pair.kind] += 1
        found += withheld_pairs.differences(tmp_path / str(number), blank, pair, TABLES)
        print(f"pair {FIRST + number}: {len(found)} files differ so far", flush=True)
    print(f"{sum(kinds.values())} pairs of three runs, {dict(kinds)}: {len(found)} files differ")
    assert found == []


@pytest.mark.parametrize("leak", planted_leaks.LEAKS)
def test_each_planted_leak_is_found(leak, blank, tmp_path, monkeypatch):
    planted_leaks.plant(monkeypatch, leak)
    found = []
    for number, pair in enumerate(itertools.islice(endless_pairs(), 12)):
        found += withheld_pairs.differences(tmp_path / str(number), blank, pair, ())
        if found:
            break
    print(f"{leak}: found in {number + 1} pairs, by {len(found)} files")
    assert found
