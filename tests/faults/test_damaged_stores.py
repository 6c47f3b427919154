"""Every kind of file of a store, damaged in every way, through the four commands that a store is read by."""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from command_line import Command
from damage_campaign import (
    KINDS,
    OTHER,
    SAME,
    answers,
    begin,
    copied,
    files_of,
    hurt,
    is_named,
    verdicts,
)
from damages import FLIPS, damages
from small_site import Place

pytestmark = pytest.mark.faults

ALL_FLIPS = int(os.environ.get("SELVAWATCH_FAULT_FLIPS", FLIPS))
"""Random places at which one bit is flipped, for each kind."""


@pytest.fixture(scope="module")
def begun(small_run: Place, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The small place with few layers and periods, monitored to a day before its last."""
    return begin(small_run, tmp_path_factory.mktemp("begun"))


@pytest.fixture
def wanted(begun: Place, tmp_path: Path, command: Command):
    """What the commands give on the store without damage."""
    return answers(command, copied(begun, tmp_path / "whole"), "2024-08-31", tmp_path / "out.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_gives_other_numbers_and_doctor_names_each(kind, begun, wanted, tmp_path, command):
    assert None not in (wanted.table, wanted.bulletin, wanted.run)
    counts: Counter[tuple[str, str]] = Counter()
    wrong, unnamed = [], []
    for damage, change in damages(ALL_FLIPS):
        rng = random.Random(f"{kind} {damage}")
        place = copied(begun, tmp_path / damage)
        path = hurt(place, rng.choice(files_of(begun, kind)).relative_to(begun.store), change, rng)
        if not is_named(
            command("doctor", "--store", place.store, "--site", place.site, "--deep"), place, path
        ):
            unnamed.append(f"{damage} {path.name}")
        for name, verdict in verdicts(answers(command, place, "2024-08-31", tmp_path / "out.csv"), wanted):
            counts[name, verdict] += 1
            if verdict == OTHER:
                wrong.append(f"{damage} {path.name}: {name}")
        shutil.rmtree(place.store)
    told = ", ".join(f"{name} {verdict} {count}" for (name, verdict), count in sorted(counts.items()))
    print(f"\n{kind}: {4 + ALL_FLIPS} damages; {told}; not named by doctor {len(unnamed)}")
    assert (wrong, unnamed) == ([], [])
    assert counts["bulletin", SAME] or kind in ("ledger", "seal of a run", "bulletin")
