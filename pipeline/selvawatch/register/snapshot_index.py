"""Which records a store's snapshots had, so that one that is gone is named and not taken for never there."""

from pathlib import Path

from selvawatch.core.files import read_checked_json, write_checked_json
from selvawatch.errors import DamagedError

INDEX = "index.json"


def indexed(root: Path) -> dict[str, str]:
    """Records by path below the folder of snapshots, and what else was kept there, with digests where known.

    Empty where there is no index: nothing was kept yet, or by a version that wrote none.

    Raises
    ------
    DamagedError
        When the index is not what was written.
    """
    path = root / INDEX
    if not path.exists():
        return {}
    try:
        return dict(read_checked_json(path)["files"])
    except (DamagedError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            "the index of snapshots is damaged",
            where=path,
            got=error,
            do="restore it from a copy; or, if every snapshot is there, remove it: the next import makes one",
        ) from error


def add_to_index(root: Path, name: str, sha256: str = "") -> None:
    """Note a file of the folder of snapshots; the first note takes in the records that are there already."""
    there = (root / INDEX).exists()
    files = indexed(root) if there else {one: "" for one in _records(root)}
    if not there or files.get(name) != sha256:
        write_checked_json(root / INDEX, {"files": files | {name: sha256}})


def check_index(root: Path, layer: str) -> None:
    """Compare a layer's records with the index.

    Raises
    ------
    DamagedError
        When a record that was written is gone, or the index is not what was written.
    """
    for name in indexed(root):
        if name.startswith(f"{layer}/") and not (root / name).is_file():
            raise DamagedError(
                "the record of a snapshot is gone",
                where=root / name,
                do=f"restore it from a copy; to do without it, remove {INDEX} too",
            )


def _records(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.glob("*/[!.]*.json"))
