"""Which records a store's snapshots had, and in which order they came, so that one that is gone is named."""

from pathlib import Path
from typing import Any

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
    return _read(root, "files") if (root / INDEX).exists() else {}


def _read(root: Path, part: str) -> dict[str, Any]:
    """A table of the index by name; DamagedError when it is not what was written."""
    path = root / INDEX
    try:
        content = read_checked_json(path)
        return dict(content[part] if part == "files" else content.get(part, {}))
    except (DamagedError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(
            "the index of snapshots is damaged",
            where=path,
            got=error,
            do="restore it from a copy; or, if every snapshot is there, remove it: the next import makes one",
        ) from error


def import_order(root: Path) -> dict[str, int]:
    """Number of each record, from 1, by the order in which they were imported; 0 is for one that is not here.

    Records that an earlier version wrote, or whose index was removed, have none: they came before all others.

    Raises
    ------
    DamagedError
        When the index is not what was written.
    """
    return _read(root, "order") if (root / INDEX).exists() else {}


def add_to_index(root: Path, name: str, sha256: str = "", *, last: bool = False) -> None:
    """Note a file of the folder of snapshots; the first note takes in the records that are there already.

    last: whether it is the record of what was imported last, though it may have been noted before.
    """
    there = (root / INDEX).exists()
    files = indexed(root) if there else {one: "" for one in _records(root)}
    order = import_order(root)
    placed = order
    if last and order.get(name, 0) < max(
        (n for one, n in order.items() if _layer(one) == _layer(name)), default=1
    ):
        placed = order | {name: max(order.values(), default=0) + 1}
    if not there or files.get(name) != sha256 or placed != order:
        write_checked_json(root / INDEX, {"files": files | {name: sha256}, "order": placed})


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


def _layer(name: str) -> str:
    return name.partition("/")[0]


def _records(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.glob("*/[!.]*.json"))
