"""One damaged file of a store, and what the four commands that a store is read by then say."""

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from command_line import Command, Said, program
from damages import Damage
from small_site import Place

MIDWAY = "2024-07-10"
"""A day before the last of the small archive."""

TABLE = "loss_by_type"
"""The table that is asked for; it keeps faces and pieces in the store."""

DELAY_DAYS = 30
"""Days by which the public tier lags, so that tiles keep a second state."""

SAME, ERROR, OTHER = "same", "error", "OTHER"
"""What a command gave: the numbers of an undamaged store, one line and no numbers, or something else."""

KINDS = {
    "ledger": "ledger.sqlite",
    "copy of the site": "site.json",
    "observation": "observations/*/*/*.tif",
    "water": "water/*/*.tif",
    "baselines": "baselines/*/*/baselines.zarr/**/*",
    "reason": "baselines/*/*/reason.zarr/**/*",
    "seal of a baseline": "baselines/*/*/seal.json",
    "checkpoint": "checkpoints/*/*/**/*",
    "state.json": "state/*/*/state.json",
    "accumulators": "state/*/*/accumulators.zarr/**/*",
    "layers": "state/*/*/layers.zarr/**/*",
    "composite": "state/*/*/composite.zarr/**/*",
    "recent values": "state/*/*/recent.zarr/**/*",
    "accumulators of the second state": "state/*/*/delayed-accumulators.zarr/**/*",
    "layers of the second state": "state/*/*/delayed-layers.zarr/**/*",
    "composite of the second state": "state/*/*/delayed-composite.zarr/**/*",
    "seal of a state": "state/*/*/seal.json",
    "events": "runs/*/internal/events.parquet",
    "cells": "runs/*/internal/cells.parquet",
    "events of a tier": "runs/*/internal/public/events.parquet",
    "snapshots": "runs/*/internal/snapshots.json",
    "report": "runs/*/report.json",
    "seal of a run": "runs/*/seal.json",
    "alerts": "runs/*/restricted/alerts.parquet",
    "bulletin": "runs/*/public/bulletin-es.txt",
    "faces": "cache/faces/*/faces.npz",
    "pieces": "cache/faces/*/*.parquet",
    "seal of faces": "cache/faces/*/seal.json",
}
"""Kinds of files of a store, as patterns below it."""

PERIODS = """
[[set]]
name = "legal"
title = "Mitades"

[[set.periods]]
name = "first"
title = "Primera"
start = 2023-01-01
end = 2024-07-01
source = "test"

[[set.periods]]
name = "second"
title = "Segunda"
start = 2024-07-01
source = "test"
"""
"""One set of two periods."""


@dataclass(frozen=True)
class Answers:
    """What the commands give on one store: their text, or None where they refused in one line."""

    table: str | None
    bulletin: str | None
    run: dict[str, bytes] | None
    """Files of numbers of the next run."""


def slim_site(site: Path, folder: Path, layers: int = 3) -> Path:
    """A copy of a site with its first layers and one set of periods, whose tables take little time, and a
    delay.
    """
    shutil.copytree(site, folder)
    zones = folder / "aoi" / "zones.toml"
    before, *entries = zones.read_text(encoding="utf-8").split("[[layer]]")
    zones.write_text("[[layer]]".join([before, *entries[:layers]]), encoding="utf-8")
    (folder / "aoi" / "periods.toml").write_text(PERIODS, encoding="utf-8")
    settings = folder / "aoi" / "site.toml"
    text = settings.read_text(encoding="utf-8")
    assert "delay_days = 0 " in text
    settings.write_text(text.replace("delay_days = 0 ", f"delay_days = {DELAY_DAYS} "), encoding="utf-8")
    return folder


def begin(place: Place, folder: Path) -> Place:
    """A place with few layers and periods and a store of its own, monitored to `MIDWAY`."""
    begun = replace(place, site=slim_site(place.site, folder / "site"), store=folder / "store")
    begun.store.mkdir()
    begun.opened.ledger.create()
    for name in ("observations", "baselines"):
        shutil.copytree(place.store / name, begun.store / name, copy_function=os.link)
    begun.run(MIDWAY)
    table = program("table", TABLE, "--site", begun.site, "--store", begun.store, "--tier", "restricted")
    assert table.code == 0, table.err
    return begun


def files_of(place: Place, kind: str) -> list[Path]:
    """Files of a kind in a place's store, sorted; what processes lock or left is none."""
    found = place.store.glob(KINDS[kind])
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def copied(place: Place, folder: Path) -> Place:
    """The same place with a store of its own, which shares its files until they are replaced."""

    def copy(source: str, target: str) -> None:
        (shutil.copyfile if source.endswith(".sqlite") else os.link)(source, target)

    shutil.copytree(place.store, folder, copy_function=copy)
    return replace(place, store=folder)


def hurt(place: Place, path: Path, damage: Damage, rng: random.Random) -> Path:
    """Damage the file of a copied place that `path` was copied from, and return it; the original stays."""
    target = place.store / path
    content = target.read_bytes()
    target.unlink()
    target.write_bytes(content)
    damage(target, rng)
    return target


def answers(command: Command, place: Place, until: str, out: Path) -> Answers:
    """What `table`, `bulletin` and the next `monitor` give on a place."""
    where = ["--store", place.store]
    table = command("table", TABLE, "--site", place.site, *where, "--tier", "restricted", "--out", out)
    text = out.read_text(encoding="utf-8") if _went_well(table) else None
    out.unlink(missing_ok=True)
    bulletin = command("bulletin", *where, "--format", "txt", "--out", out)
    page = out.read_text(encoding="utf-8") if _went_well(bulletin) else None
    out.unlink(missing_ok=True)
    run = numbers(place) if _went_well(command(*place.words(until))) else None
    return Answers(table=text, bulletin=page, run=run)


def numbers(place: Place) -> dict[str, bytes]:
    """The files of the current run that numbers stand in: alerts and tables of the restricted tier."""
    folder = place.products / "restricted"
    paths = [folder / "alerts.csv", *sorted((folder / "tables").glob("*.csv"))]
    return {path.name: path.read_bytes() for path in paths}


def verdicts(found: Answers, wanted: Answers) -> Iterator[tuple[str, str]]:
    """Command and what it gave."""
    for name in ("table", "bulletin", "run"):
        mine, right = getattr(found, name), getattr(wanted, name)
        yield name, ERROR if mine is None else SAME if mine == right else OTHER


def is_named(said: Said, place: Place, path: Path) -> bool:
    """Whether `doctor --deep` failed and named a file."""
    return said.code != 0 and str(path.relative_to(place.store)) in said.out + said.err


def _went_well(said: Said) -> bool:
    """Whether a command did what it should; False for one line of an error, AssertionError for all else."""
    if said.code == 0:
        return True
    assert "Traceback" not in said.err, said.err
    assert said.error
    return False
