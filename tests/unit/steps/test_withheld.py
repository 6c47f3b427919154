"""Whoever reads all files that a lower tier is given learns nothing of what is withheld from it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import planted_leaks
import withheld_pairs
from selvawatch.core.schema import Tier
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from withheld_pairs import Pair, Pixel

pytestmark = pytest.mark.slow

TABLES = ("loss_by_right",)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, Store]:
    """A site with a register and a reserve, and an empty store."""
    return withheld_pairs.make_store(tmp_path_factory.mktemp("blank"))


def pair_of(kind: str, seed: int = 20240101) -> Pair:
    """A random pair of a kind."""
    return next(one for one in withheld_pairs.pairs(np.random.default_rng(seed)) if one.kind == kind)


@pytest.mark.parametrize("kind", ["into", "merge", "suspect", "suspect lately"])
def test_two_histories_that_differ_in_what_is_withheld_give_a_tier_the_same_bytes(
    kind: str, blank: tuple[Site, Store], tmp_path: Path
) -> None:
    pair = pair_of(kind)
    assert pair.mine != pair.other
    assert withheld_pairs.differences(tmp_path / "pair", blank, pair, TABLES) == []


@pytest.mark.parametrize(("leak", "kind"), [("disappearance", "into"), ("suspects", "suspect")])
def test_a_planted_leak_is_found(
    leak: str, kind: str, blank: tuple[Site, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_leaks.plant(monkeypatch, leak)
    assert withheld_pairs.differences(tmp_path / "pair", blank, pair_of(kind), ())


def test_a_front_that_reaches_guarded_ground_stays_as_it_was_told(
    blank: tuple[Site, Store], tmp_path: Path
) -> None:
    begin, start = withheld_pairs.FIRST + 12, withheld_pairs.GUARDED_COLUMN - 8
    front = {
        (row, start + column): Pixel(begin + 2 * column, begin + 2 * column + 9, 0, True)
        for row in range(20, 27)
        for column in range(16)
    }
    site, store = withheld_pairs.published(tmp_path, blank, front)
    last = store.run(f"{len(withheld_pairs.RUNS):016x}")
    (told,) = read_tracked(last, Tier.PARTNER).events.to_dict("records")
    (every,) = read_tracked(last, Tier.RESTRICTED).events.to_dict("records")
    assert told["geometry"].equals(withheld_pairs.ground(slice(20, 27), slice(start, start + 8)))
    assert told["event_id"] == every["event_id"] and every["ha"] == pytest.approx(2 * told["ha"])
    grown = pd.Timestamp(begin + 2 * 7 - 5, unit="D")
    assert told["last_grown"] == grown < every["last_grown"]
    assert told["status"] == every["status"] == "confirmed"
