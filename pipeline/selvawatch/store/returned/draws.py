"""Samples of alerts that a store drew: a file each, never changed."""

from dataclasses import asdict
from pathlib import Path

from selvawatch.core.files import read_checked_json, write_checked_json
from selvawatch.errors import DamagedError
from selvawatch.reviews.sampling import Draw, DrawnAlert
from selvawatch.store.folders import Store
from selvawatch.store.lock import HeldStore
from selvawatch.store.returned.review_batches import reviews_folder


def read_draws(store: Store) -> tuple[Draw, ...]:
    """Every sample of a store, oldest first.

    Raises
    ------
    DamagedError
        Where one is not what was written.
    """
    return tuple(_read(path) for path in _paths(store))


def keep_draw(held: HeldStore, draw: Draw) -> int:
    """Keep a sample and return its number; the same one drawn again is not kept twice."""
    kept = read_draws(held.store)
    if draw in kept:
        return kept.index(draw) + 1
    held.store.ledger.create()
    number = len(kept) + 1
    write_checked_json(reviews_folder(held.store) / f"draw-{number:06d}.json", asdict(draw))
    return number


def draw_faults(store: Store) -> list[tuple[Path, str]]:
    """What is wrong with the samples of a store, by file; empty where nothing is."""
    faults = []
    for number, path in enumerate(_paths(store), 1):
        try:
            _read(path)
            if path.name != f"draw-{number:06d}.json":
                faults.append((path, f"sample {number} is missing before this one"))
        except DamagedError as error:
            faults.append((path, str(error)))
    return faults


def _paths(store: Store) -> list[Path]:
    return sorted(reviews_folder(store).glob("draw-[0-9][0-9][0-9][0-9][0-9][0-9].json"))


def _read(path: Path) -> Draw:
    values = read_checked_json(path)
    try:
        alerts = tuple(DrawnAlert(**one) for one in values["alerts"])
        return Draw(run_id=values["run_id"], seed=values["seed"], sizes=dict(values["sizes"]), alerts=alerts)
    except (KeyError, TypeError) as error:
        raise DamagedError("the sample cannot be read", where=path, got=error) from error
