"""What would stop a run: versions, site, store, disk."""

import importlib.metadata
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from selvawatch.errors import SelvawatchError
from selvawatch.provenance import code_version
from selvawatch.site import Site
from selvawatch.steps.register import unchecked_note
from selvawatch.store.folders import open_store

FREE_GB = 5.0
"""Free disk space below which a store is called short, GB."""

_BROKEN = {"fastapi": (0, 155), "sqlalchemy": (2, 1)}
"""First versions with which Prefect's server or its scheduler fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    good: bool
    text: str


def examine(folder: Path, store: str) -> list[Finding]:
    """Findings in a fixed order; nothing is changed."""
    return [*_versions(), *_site(folder, store), *_store(store)]


def _versions() -> Iterator[Finding]:
    yield Finding(good=True, text=f"selvawatch {code_version()}")
    for name, broken in _BROKEN.items():
        found = importlib.metadata.version(name)
        numbers = tuple(int(part) for part in found.split(".")[:2])
        good = numbers < broken
        needed = "" if good else f"; needed below {'.'.join(map(str, broken))}: install with constraints.txt"
        yield Finding(good=good, text=f"{name} {found}{needed}")


def _site(folder: Path, store: str) -> Iterator[Finding]:
    try:
        site = Site.load(folder)
    except SelvawatchError as error:
        yield Finding(good=False, text=str(error))
        return
    yield Finding(
        good=True,
        text=f"site {site.config.name} in {folder}: {len(site.areas)} areas, model {site.model.name}",
    )
    try:
        opened = open_store(store)
    except SelvawatchError:
        return  # `_store` says why
    try:
        note = unchecked_note(site, opened)
    except SelvawatchError as error:
        yield Finding(good=False, text=str(error))
        return
    if note:
        yield Finding(good=True, text=f"note: {note}")


def _store(text: str) -> Iterator[Finding]:
    try:
        store = open_store(text)
        current = store.ledger.current()
    except SelvawatchError as error:
        yield Finding(good=False, text=str(error))
        return
    run = "no run yet" if current is None else f"run {current.run_id} of {len(store.ledger.runs())}"
    yield Finding(good=True, text=f"store {store.folder}: {run}")
    existing = next(
        path for path in (store.folder.resolve(), *store.folder.resolve().parents) if path.exists()
    )
    free = shutil.disk_usage(existing).free / 1e9
    needed = "" if free >= FREE_GB else f"; needed {FREE_GB:.0f} GB: remove old runs or give another --store"
    yield Finding(good=free >= FREE_GB, text=f"{free:.1f} GB free{needed}")
