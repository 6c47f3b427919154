"""Reviews of a store: a file for each batch that came in, never changed, each naming the one before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selvawatch.core.files import digest, read_checked_json, write_checked_json
from selvawatch.errors import DamagedError
from selvawatch.reviews.review import Review, as_values, from_values
from selvawatch.store.folders import Store
from selvawatch.store.lock import HeldStore

REVIEWS = "reviews"
"""Folder of a store that keeps them."""
HEAD = "head.json"
"""File that says how many batches there are, so that none is missed at the end."""
_RESTORE = "restore the folder from a copy of the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Reviews that came in together."""

    source: Mapping[str, str]
    """Where they come from: `form`, and of a file its `sha256`."""
    reviews: tuple[Review, ...]


def reviews_folder(store: Store) -> Path:
    """Where a store keeps its reviews."""
    return store.folder / REVIEWS


def read_batches(store: Store) -> tuple[Batch, ...]:
    """Every batch of a store, in the order in which they came in; none where nothing came in.

    Raises
    ------
    DamagedError
        Where a batch is missing, or is not what was written.
    """
    folder, batches, before = reviews_folder(store), [], ""
    for number, path in enumerate(_paths(folder), 1):
        values = read_checked_json(path)
        if values.get("number") != number or values.get("before") != before:
            raise DamagedError(
                "a batch of reviews is missing before this one",
                where=path,
                needed=f"batch {number}",
                do=_RESTORE,
            )
        before = digest(values)
        batches.append(_batch(values, path))
    _check_head(folder, len(batches))
    return tuple(batches)


def read_reviews(store: Store) -> tuple[Review, ...]:
    """Every review of a store, in the order in which they came in; DamagedError as `read_batches`."""
    return tuple(review for batch in read_batches(store) for review in batch.reviews)


def append_reviews(
    held: HeldStore, source: Mapping[str, str], reviews: Sequence[Review]
) -> tuple[Review, ...]:
    """Add those of some reviews that the store does not have, as one batch, and return them; none, no file.

    Raises
    ------
    DamagedError
        Where the reviews that are there are damaged: nothing is added to them.
    """
    store = held.store
    there = read_batches(store)
    known = {review.review_id for batch in there for review in batch.reviews}
    new = tuple({one.review_id: one for one in reviews if one.review_id not in known}.values())
    if not new:
        return ()
    store.ledger.create()
    folder, number = reviews_folder(store), len(there) + 1
    paths = _paths(folder)
    values = {
        "number": number,
        "before": digest(read_checked_json(paths[-1])) if paths else "",
        "source": dict(source),
        "reviews": [as_values(review) for review in new],
    }
    write_checked_json(folder / f"{number:06d}.json", values)
    write_checked_json(folder / HEAD, {"batches": number})
    return new


def review_faults(store: Store) -> list[tuple[Path, str]]:
    """What is wrong with the reviews of a store, by file; empty where nothing is."""
    try:
        read_batches(store)
    except DamagedError as error:
        return [(reviews_folder(store), str(error))]
    return []


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9][0-9][0-9][0-9].json"))


def _check_head(folder: Path, count: int) -> None:
    """Compare the number of batches with the one noted; a batch more was written by a killed command."""
    head = folder / HEAD
    if not head.exists() and count < 2:
        return
    noted = read_checked_json(head).get("batches")
    if noted not in (count, count - 1):
        raise DamagedError(
            "batches of reviews are missing", where=folder, got=count, needed=noted, do=_RESTORE
        )


def _batch(values: Mapping[str, Any], path: Path) -> Batch:
    try:
        return Batch(
            source=dict(values["source"]), reviews=tuple(from_values(one) for one in values["reviews"])
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            "the batch of reviews cannot be read", where=path, got=error, needed="one of this version"
        ) from error
