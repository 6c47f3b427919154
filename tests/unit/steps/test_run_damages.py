"""A store with damaged files, through the commands: the same numbers as before, or one line."""

import random

import pytest

from damage_campaign import SAME, answers, begin, copied, files_of, hurt, verdicts
from damages import cut, deleted, emptied, flipped, zeroed
from small_site import Place

pytestmark = pytest.mark.slow

MENDED = {
    "observation": flipped,
    "baselines": zeroed,
    "state.json": cut,
    "accumulators": deleted,
    "layers": deleted,
    "faces": zeroed,
}
"""Damages that the next run makes good, all in one store."""
NAMED = {"ledger": emptied, "cells": flipped}
"""Damages that nothing stands behind, each in a store of its own."""


@pytest.fixture(scope="module")
def begun(small_run: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The small place with few layers and periods, monitored to a day before its last."""
    return begin(small_run, tmp_path_factory.mktemp("begun"))


def damaged(begun, folder, kinds):
    place, rng = copied(begun, folder), random.Random(5)
    for kind, damage in kinds.items():
        hurt(place, rng.choice(files_of(begun, kind)).relative_to(begun.store), damage, rng)
    return place


def test_a_run_over_six_damages_gives_the_numbers_of_a_store_without_any(begun, small_run, tmp_path, command):
    out, until = tmp_path / "out.csv", small_run.until
    wanted = answers(command, copied(begun, tmp_path / "whole"), until, out)
    assert None not in (wanted.table, wanted.bulletin, wanted.run)
    found = answers(command, damaged(begun, tmp_path / "mended", MENDED), until, out)
    assert set(dict(verdicts(found, wanted)).values()) == {SAME}


@pytest.mark.parametrize("kind", NAMED)
def test_what_nothing_stands_behind_is_refused_by_every_command_that_reads_it(
    begun, small_run, tmp_path, command, kind
):
    place = damaged(begun, tmp_path / "store", {kind: NAMED[kind]})
    found = answers(command, place, small_run.until, tmp_path / "out.csv")
    assert (found.table, found.run) == (None, None)
    assert (found.bulletin is None) == (kind == "ledger")
