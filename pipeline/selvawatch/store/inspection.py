"""Every kind of file that a store keeps, and what is wrong with each: missing, of another size or content."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from selvawatch.core.files import END_BYTES, MAGIC, file_digest, read_checked_json, read_sealed
from selvawatch.errors import DamagedError, StoreError
from selvawatch.prepare.observation_files import observation_path
from selvawatch.register.snapshot_index import INDEX, indexed
from selvawatch.register.snapshots import read_record
from selvawatch.store.folders import Store
from selvawatch.store.lock import LEFT
from selvawatch.store.loss_products import product_damages
from selvawatch.store.returned.draws import draw_faults
from selvawatch.store.returned.review_batches import review_faults
from selvawatch.store.seal import damages_of
from selvawatch.store.site_copy import SITE_COPY, read_site_copy
from selvawatch.store.tile_state import TileState

Fault = tuple[Path, str]
"""A file, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """A file of a store that is not what was written."""

    path: Path
    what: str
    do: str
    """What to do, or what happens by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a store holds, and what of it is wrong."""

    counts: Mapping[str, int]
    """Files by kind; kinds without a file are left out."""
    damages: tuple[Damage, ...]
    """By kind, in the order of `KINDS`, then by path."""
    unknown: tuple[Path, ...]
    """Files of no kind, sorted: nothing of the program wrote them."""
    leftovers: tuple[Path, ...]
    """What a process is writing, or was when it was killed, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKind:
    """One kind of file of a store."""

    name: str
    pattern: str
    """Paths of its files below the store, a regular expression; its group is what is checked as one."""
    verify: Callable[[Store, Path, bool], Iterable[Fault]]
    """What is wrong with what the group names, by file; the flag says whether content is compared."""
    do: str
    """What to do about a damaged one."""


def is_store(store: Store) -> bool:
    """Whether a folder may be a store: it is empty, or holds something that stores hold."""
    names = {path.name for path in store.folder.iterdir()}
    return not names or bool(names & {*_FOLDERS, *_FILES})


def inspect_store(store: Store, *, deep: bool) -> Inspection:
    """What is wrong with the files of a store; nothing is written, and the ledger is not opened.

    deep: content is compared, else names, numbers and sizes.
    """
    patterns = [(kind, re.compile(kind.pattern)) for kind in KINDS]
    counts: dict[str, int] = {}
    units: dict[str, set[str]] = {kind.name: set() for kind in KINDS}
    unknown, leftovers = [], set()
    for name in _names(store.folder):
        if left := _leftover(name):
            leftovers.add(store.folder / left)
            continue
        kind, match = next(
            ((kind, match) for kind, pattern in patterns if (match := pattern.fullmatch(name))), (None, None)
        )
        if kind is None or match is None:
            unknown.append(store.folder / name)
            continue
        counts[kind.name] = counts.get(kind.name, 0) + 1
        units[kind.name].add(match[1])
    damages = [
        Damage(path=path, what=what, do=kind.do)
        for kind in KINDS
        for unit in sorted(units[kind.name])
        for path, what in kind.verify(store, store.folder / unit, deep)
    ]
    return Inspection(
        counts=counts,
        damages=tuple(damages),
        unknown=tuple(sorted(unknown)),
        leftovers=tuple(sorted(leftovers)),
    )


def committed_faults(store: Store) -> list[Damage]:
    """What the ledger names and the store lacks: the current run, states, their baselines and observations.

    Raises
    ------
    StoreError
        When the ledger cannot be read.
    """
    found = []
    current = store.ledger.current()
    if current is None:
        return []
    if not store.run(current.run_id).is_dir():
        found.append(Damage(path=store.run(current.run_id), what="the current run is missing", do=_RESTORE))
    if not (store.folder / SITE_COPY).exists():
        found.append(
            Damage(path=store.folder / SITE_COPY, what="the copy of the site is missing", do=_COPIED)
        )
    for tile, row in store.ledger.tiles().items():
        folder = store.state(tile, row.state)
        if not folder.is_dir():
            found.append(Damage(path=folder, what="the state of the tile is missing", do=_REPLAYED))
            continue
        try:
            state = TileState.read(folder)
        except DamagedError:
            continue  # `inspect_store` names it
        if not store.baseline(tile, state.baseline).is_dir():
            path = store.baseline(tile, state.baseline)
            found.append(Damage(path=path, what="the baseline of the tile is missing", do=_FITTED))
    return found + [
        Damage(path=path, what="the observation is missing", do=_READ_AGAIN)
        for path in _missing_observations(store)
    ]


def snapshot_faults(store: Store, seen: Iterable[tuple[str, str, str]]) -> list[Damage]:
    """Snapshots of layers that a run saw (layer, day, digest) and the store and its records have no more."""
    kept = set()
    for path in store.snapshots.glob("*/*.json"):
        try:
            record = read_record(path)
        except DamagedError:
            continue  # `inspect_store` names it
        kept.add((record.layer, record.date, record.sha256))
    return [
        Damage(
            path=store.snapshots / layer,
            what=f"the snapshot of {day} that the last run saw ({sha256[:12]}) has no record",
            do=_RESTORE,
        )
        for layer, day, sha256 in sorted(set(seen) - kept)
    ]


def _missing_observations(store: Store) -> Iterator[Path]:
    """Observations of scenes that the ledger tells as read and the store lacks, sorted."""
    read = {(row.tile, row.stream, row.day) for row in store.ledger.scenes() if row.state == "read"}
    for tile, stream, day in sorted(read):
        path = observation_path(store.observations(tile), stream, day)
        if not path.is_file():
            yield path


def _names(folder: Path) -> Iterator[str]:
    """Paths of all files below a folder, with slashes; a link below its folders is a file, and a folder that
    is none of a store's is told as one name.
    """
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not entry.is_dir() or entry.name not in _FOLDERS:
            yield f"{entry.name}/" if entry.is_dir() else entry.name
            continue
        for parent, folders, files in os.walk(entry):
            linked = [name for name in folders if (Path(parent) / name).is_symlink()]
            for name in (*files, *linked):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _leftover(name: str) -> str:
    """The part of a path that is still being written; empty where none is."""
    parts = name.rstrip("/").split("/")
    for number, part in enumerate(parts, 1):
        if LEFT.fullmatch(part):
            return "/".join(parts[:number])
    return ""


def _sealed_folder(_store: Store, folder: Path, deep: bool) -> list[Fault]:
    return damages_of(folder, deep=deep)


def _sealed_file(_store: Store, path: Path, deep: bool) -> list[Fault]:
    try:
        if deep:
            read_sealed(path)
        else:
            _check_end(path)
    except DamagedError as error:
        return [(path, str(error))]
    return []


def _check_end(path: Path) -> None:
    """Compare the size of a sealed file with the one that its end states; DamagedError."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - END_BYTES))
            end = file.read()
    except OSError as error:
        raise DamagedError("the file cannot be read", where=path, got=error.strerror or error) from error
    stated = int.from_bytes(end[len(MAGIC) : len(MAGIC) + 8], "little")
    if len(end) < END_BYTES or not end.startswith(MAGIC) or stated != size - END_BYTES:
        raise DamagedError("the file is damaged", where=path, got=f"{size} bytes", needed="its sealed end")


def _product(store: Store, folder: Path, _deep: bool) -> list[Fault]:
    faults = product_damages(store, folder.name)
    if faults:
        return faults
    named = {"product.json", str(read_checked_json(folder / "product.json")["cells"])}
    names = sorted(path.name for path in folder.iterdir() if not LEFT.fullmatch(path.name))
    return [(folder / name, "nothing of the product names this file") for name in names if name not in named]


def _snapshots(_store: Store, folder: Path, deep: bool) -> Iterator[Fault]:
    """Records of a layer, and the files that they name: both ways."""
    named = set()
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_record(path)
        except DamagedError as error:
            yield path, str(error)
            continue
        if path.name != f"{record.date}-{record.sha256[:8]}.json":
            yield path, f"the record is of {record.date}-{record.sha256[:8]}"
        file = folder / Path(record.file).name
        named.add(file.name)
        if not file.is_file():
            yield file, "the file is missing"
        elif deep and file_digest(file) != record.sha256:
            yield file, "the file is not what its record says"
    for path in sorted(folder.glob("[!.]*.parquet")):
        if path.name not in named:
            yield path, "no record names the file"


def _index(store: Store, path: Path, _deep: bool) -> list[Fault]:
    """The index of snapshots, and the files that it names and that are gone."""
    try:
        named = indexed(store.snapshots)
    except DamagedError as error:
        return [(path, str(error))]
    return [
        (store.snapshots / name, "the file is missing")
        for name in sorted(named)
        if not (store.snapshots / name).is_file()
    ]


def _salt(store: Store, path: Path, _deep: bool) -> list[Fault]:
    """The secret for hashes of holders, and the index that is written with it."""
    if not (store.snapshots / INDEX).exists():
        return [(store.snapshots / INDEX, "the index of snapshots is missing")]
    try:
        wanted = indexed(store.snapshots).get(path.name)
    except DamagedError:
        return []
    found = file_digest(path)
    return [] if wanted in (None, found) else [(path, "the file is not what was drawn")]


def _reviews(store: Store, _folder: Path, _deep: bool) -> list[Fault]:
    return [*review_faults(store), *draw_faults(store)]


def _site_copy(store: Store, path: Path, _deep: bool) -> list[Fault]:
    try:
        read_site_copy(store)
    except StoreError as error:
        return [(path, str(error))]
    return []


def _plan(_store: Store, path: Path, _deep: bool) -> list[Fault]:
    try:
        read_checked_json(path)
    except DamagedError as error:
        return [(path, str(error))]
    return []


def _elsewhere(_store: Store, _path: Path, _deep: bool) -> list[Fault]:
    """Nothing: it is checked elsewhere, or holds nothing to compare."""
    return []


LEDGER, LOCK = "ledger.sqlite", ".lock"
_TILE = r"x\w+y\w+"
_RESTORE = "restore it from a copy of the store"
_COPIED = "the next monitor makes it again from the site, where nothing in the store contradicts it"
_REPLAYED = "the next run that finds something new makes it again from the observations"
_FITTED = "the next run that finds something new fits it again from the observations"
_READ_AGAIN = "the next run that needs it reads it again from the archive, or says that it cannot"

_FOLDERS = frozenset(
    ("baselines", "cache", "checkpoints", "observations", "plans", "products", "runs", "schemas", "state")
    + ("reviews", "water", "zones")
)
"""Folders of a store; `schemas` and README.md lie in the default one, and say what it holds."""

_FILES = frozenset((LEDGER, SITE_COPY, LOCK))
"""Files that lie loose in a store."""

KINDS: tuple[StoredKind, ...] = (
    StoredKind(
        name="ledger", pattern=r"(ledger\.(?:json|sqlite(?:-journal)?))", verify=_elsewhere, do=_RESTORE
    ),
    StoredKind(name="lock", pattern=r"(\.lock|\.deliver\.lock)", verify=_elsewhere, do=""),
    StoredKind(
        name="deliveries", pattern=r"(deliveries\.sqlite(?:-journal)?)", verify=_elsewhere, do=_RESTORE
    ),
    StoredKind(name="site copy", pattern=r"(site\.json)", verify=_site_copy, do=_COPIED),
    StoredKind(
        name="plan", pattern=r"(plans/\w+\.json)", verify=_plan, do="remove it: the next monitor plans again"
    ),
    StoredKind(name="run", pattern=r"(runs/\w+)/.+", verify=_sealed_folder, do=_RESTORE),
    StoredKind(
        name="observation",
        pattern=rf"(observations/{_TILE}/[\w-]+/\d{{8}}\.tif)",
        verify=_sealed_file,
        do=_READ_AGAIN,
    ),
    StoredKind(
        name="water",
        pattern=rf"(water/{_TILE}/\d{{4}}-\w+\.tif)",
        verify=_sealed_file,
        do="the next run that finds something new counts it again from the observations",
    ),
    StoredKind(
        name="baseline",
        pattern=rf"(baselines/{_TILE}/[\w-]+)/.+",
        verify=_sealed_folder,
        do=_FITTED,
    ),
    StoredKind(
        name="state",
        pattern=rf"(state/{_TILE}/[\w-]+)/.+",
        verify=_sealed_folder,
        do=_REPLAYED,
    ),
    StoredKind(
        name="checkpoint",
        pattern=rf"(checkpoints/{_TILE}/\d+-[\w-]+)/.+",
        verify=_sealed_folder,
        do="nothing is lost but time: the next replay begins earlier",
    ),
    StoredKind(
        name="faces",
        pattern=r"(cache/faces/[\w-]+)/.+",
        verify=_sealed_folder,
        do="the next table makes it again",
    ),
    StoredKind(
        name="product",
        pattern=r"(products/[^/]+)/[^/]+",
        verify=_product,
        do="register the product again: `selvawatch attribute --register-as NAME --replace`",
    ),
    StoredKind(
        name="snapshot",
        pattern=r"(zones/[^/]+)/[^/]+\.(?:json|parquet)",
        verify=_snapshots,
        do=f"{_RESTORE}, or remove the snapshot's record and take the layer in again",
    ),
    StoredKind(
        name="reviews", pattern=r"(reviews)/(?:(?:draw-)?\d{6}|head)\.json", verify=_reviews, do=_RESTORE
    ),
    StoredKind(
        name="bulletin with reviews",
        pattern=r"(cache/bulletins/\w+)/.+",
        verify=_sealed_folder,
        do="remove it: the next bulletin makes it again",
    ),
    StoredKind(
        name="specification", pattern=r"(README\.md|schemas/\w+\.json|\.gitignore)", verify=_elsewhere, do=""
    ),
    StoredKind(name="secret of ids", pattern=r"(zones/\.id-key)", verify=_sealed_file, do=_RESTORE),
    StoredKind(name="index of snapshots", pattern=r"(zones/index\.json)", verify=_index, do=_RESTORE),
    StoredKind(name="salt", pattern=r"(zones/\.salt)", verify=_salt, do=_RESTORE),
)
"""Every kind of file of a store, in the order in which they are told; each path is of one kind at most."""
