"""The ledger: one SQLite file says which run is current and what became of every scene and alert."""

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from selvawatch.core.files import file_digest, read_checked_json, replacing, write_checked_json
from selvawatch.errors import DamagedError, StoreError
from selvawatch.store.ledger_file import (
    QUERIES,
    check_version,
    checked_rows,
    is_there,
    journal_of,
    make,
    note_digest,
)

_HOT_JOURNAL = ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN")
"""What SQLite tells a read-only reader of a file whose last transaction was cut off
(https://www.sqlite.org/rescode.html#readonly_rollback)."""

_FORGET_UNPLACED = "DELETE FROM scenes WHERE tile = '' AND run_id IN (SELECT run_id FROM runs WHERE area = ?)"

_FORGET_UNLISTED = "DELETE FROM items WHERE item NOT IN (SELECT item FROM listed)"

NOTE = "ledger.json"
"""File beside the ledger that says what its bytes are."""

Row = TypeVar("Row")
Answer = TypeVar("Answer")

Listing = Mapping[str, Mapping[str, str]]
"""What a search found over an area: by kind, the text of each item by its digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One committed run."""

    sequence: int
    """Order of commits, from 1."""
    run_id: str
    area: str
    until_day: int
    result: dict
    """What the run reported, as its `--json` line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRow:
    """Where the current state of a tile is."""

    tile: str
    state: str
    """Name of the tile's state folder."""
    until_day: int
    before: str = ""
    """Name of the state that was committed before it; empty: it is the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRow:
    """What became of one scene on one tile."""

    tile: str
    """Tile; empty for what a search found and could not place."""
    scene_id: str
    digest: str
    sensor: str
    stream: str
    day: int
    state: str
    """`found` (listed, cloudier than the site reads), `read`, `unread`, or `superseded` by a newer product
    of its acquisition.
    """
    reason: str
    """Why it is not read, a code; of a superseded one, the id of the newer. Of a read one what was decided
    about it, with semicolons: `dark-targets:-0.1` for its offset, `moved:0.62` for a picture that lay so many
    pixels off its place, `displaced:2.41` for one that lay too far off to be used; else empty.
    """
    clear_share: float
    """Share of the tile's pixels with a usable observation, 0-1."""

    @property
    def key(self) -> tuple[str, str]:
        """Id and digest, as `Scene.key`."""
        return self.scene_id, self.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One published version of an event."""

    alert_id: str
    event_id: str
    version: int
    status: str
    cause: str
    ha: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of a store; `commit` is the one write, and reading changes no byte of a whole ledger.

    Every table is held against its digest whenever it is read. Whatever reads raises StoreError for a ledger
    that is damaged, of another version, or missing beside what only came into the store after it.
    """

    path: Path

    def create(self) -> None:
        """Make a ledger without a run, whole or not at all; what is there stays.

        To be called before anything else comes into a store: from then on a store without ledger is damaged.
        """
        if not is_there(self.path):
            self._make()

    def _make(self) -> None:
        try:
            with (
                replacing(self.path) as part,
                contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection,
            ):
                _set_up(connection)
                make(connection)
            handle = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except (sqlite3.Error, OSError) as error:
            raise self._unwritten(error) from error

    def runs(self) -> list[RunRow]:
        """Every committed run, oldest first."""
        return self._built("runs", _run)

    def current(self) -> RunRow | None:
        """The run committed last, or None in an empty store."""
        runs = self.runs()
        return runs[-1] if runs else None

    def tiles(self) -> dict[str, TileRow]:
        """The current state of every tile by id."""
        return {row.tile: row for row in self._built("tiles", _tile)}

    def scenes(self) -> list[SceneRow]:
        """Every scene ever handled, by tile, day and id."""
        return self._built("scenes", _scene)

    def alerts(self) -> list[AlertRow]:
        """Every version ever published, by event and version."""
        return self._built("alerts", _alert)

    def listing(self, area: str) -> Listing:
        """What the last run over an area had found; empty where there was none."""
        tables = self._tables("items", "listed")
        texts = dict(tables["items"])
        found: dict[str, dict[str, str]] = {}
        for of, kind, item in tables["listed"]:
            if of == area:
                found.setdefault(kind, {})[item] = texts[item]
        return found

    def faults(self) -> list[str]:
        """Everything that is wrong with the file, one line each: SQLite's own check, and every digest."""
        try:
            if not is_there(self.path):
                return []
            found = self._read(lambda connection: connection.execute("PRAGMA quick_check").fetchall())
        except StoreError as error:
            return [str(error)]
        faults = [f"{self.path}: {row[0]}" for row in found if row[0] != "ok"]
        for table in QUERIES:
            try:
                self._tables(table)
            except StoreError as error:
                faults.append(str(error))
        return faults

    @property
    def note_path(self) -> Path:
        """Where the bytes of the file are noted after each commit."""
        return self.path.with_name(NOTE)

    def note(self) -> None:
        """Note what the bytes of the file are, for damages outside its rows; a note that is right stays.

        To be called after a commit, by who holds the store; again where a run was killed before it.
        """
        values = {
            "runs": len(self.runs()),
            "bytes": self.path.stat().st_size,
            "sha256": file_digest(self.path),
        }
        with contextlib.suppress(DamagedError):
            if read_checked_json(self.note_path) == values:
                return
        write_checked_json(self.note_path, values)

    def note_fault(self, *, deep: bool) -> str:
        """Why the file is not what the last commit left, or its note is not; empty where nothing is wrong.

        Nothing is known after a commit whose run was killed before it noted it. deep: content is compared,
        else the size.
        """
        count = len(self.runs())
        if not count:
            return ""
        try:
            noted = read_checked_json(self.note_path)
        except DamagedError as error:
            return str(error)
        if noted.get("runs") != count:
            return ""
        if noted.get("bytes") != (size := self.path.stat().st_size):
            return f"{self.path}: {size} bytes where the last commit left {noted.get('bytes')}"
        if deep and noted.get("sha256") != file_digest(self.path):
            return f"{self.path}: its bytes are not those that the last commit left"
        return ""

    def commit(
        self,
        run: RunRow,
        *,
        tiles: Sequence[TileRow],
        scenes: Sequence[SceneRow],
        alerts: Sequence[AlertRow],
        listing: Listing | None = None,
        searched_all: bool = True,
    ) -> None:
        """Make a run current in one transaction; its files must be complete before.

        listing: what the search of the run's area found, in place of what the run before had found; None: as
        it was. searched_all: whether every sensor was searched. What earlier runs over the same area found
        and could not place is then forgotten but for what `scenes` still tells.

        Raises
        ------
        StoreError
            When another run was committed since this one was planned, or the file is damaged or cannot be
            written.
        """
        if run.sequence == 1 and not self.path.exists():
            self._make()  # nothing was ever committed that could be missed
        self.create()
        try:
            with contextlib.closing(
                sqlite3.connect(self.path, isolation_level=None, timeout=60)
            ) as connection:
                _set_up(connection)
                connection.execute("BEGIN IMMEDIATE")
                check_version(connection, self.path)
                for table in QUERIES:
                    checked_rows(connection, table, self.path)
                self._check_turn(connection, run)
                if searched_all:
                    connection.execute(_FORGET_UNPLACED, (run.area,))
                _insert(connection, run, tiles, scenes, alerts)
                if listing is not None:
                    _list(connection, run.area, listing)
                for table in QUERIES:
                    note_digest(connection, table)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._unwritten(error) from error

    def _check_turn(self, connection: sqlite3.Connection, run: RunRow) -> None:
        last = connection.execute("SELECT coalesce(max(sequence), 0) FROM runs").fetchone()[0]
        if run.sequence != last + 1:
            raise StoreError(
                "another run was committed meanwhile",
                where=self.path,
                got=f"run {last}",
                needed=f"run {run.sequence - 1}",
                do="run the command again",
            )

    def _unwritten(self, error: Exception) -> StoreError:
        return StoreError(
            "the ledger cannot be written", where=self.path, got=error, do="check the disk and permissions"
        )

    def _built(self, table: str, build: Callable[[tuple], Row]) -> list[Row]:
        """The rows of a table as what they are."""
        return [build(row) for row in self._tables(table)[table]]

    def _tables(self, *tables: str) -> dict[str, list[tuple]]:
        """All rows of tables as of one moment, checked; none where there is no ledger yet."""
        if not is_there(self.path):
            return {table: [] for table in tables}
        return self._read(
            lambda connection: {table: checked_rows(connection, table, self.path) for table in tables}
        )

    def _read(self, query: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """What a query of a ledger that is there answers, after a commit that was cut off is undone."""
        try:
            try:
                return self._ask(query)
            except sqlite3.OperationalError as error:
                if not self._is_cut_off(error):
                    raise
                self._roll_back()
                return self._ask(query)
        except sqlite3.Error as error:
            raise StoreError(
                "the ledger cannot be read", where=self.path, got=error, do="restore it from a copy"
            ) from error

    def _ask(self, query: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with contextlib.closing(self._opened("ro")) as connection:
            connection.execute("BEGIN")
            check_version(connection, self.path)
            return query(connection)

    def _opened(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(address, uri=True, timeout=60, isolation_level=None)

    def _is_cut_off(self, error: sqlite3.OperationalError) -> bool:
        """Whether SQLite refuses a reader because the last commit was cut off."""
        name = getattr(error, "sqlite_errorname", "")  # text that is no UTF-8 is an error without a name
        return name in _HOT_JOURNAL and journal_of(self.path).exists()

    def _roll_back(self) -> None:
        """Undo what a run that was killed inside its commit left half written.

        SQLite does so itself at the first read by who may write; a reader of read-only kind can only refuse.
        """
        try:
            with contextlib.closing(self._opened("rw")) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            raise StoreError(
                "a run was killed inside its commit, and who reads may not undo it",
                where=self.path,
                got=error,
                needed="leave to write the ledger and its folder, once",
                do="run any command as who runs the monitoring",
            ) from error


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA synchronous = FULL")


def _run(row: tuple) -> RunRow:
    sequence, run_id, area, until, result = row
    return RunRow(sequence=sequence, run_id=run_id, area=area, until_day=until, result=json.loads(result))


def _tile(row: tuple) -> TileRow:
    tile, state, until, before, _ = row
    return TileRow(tile=tile, state=state, until_day=until, before=before)


def _scene(row: tuple) -> SceneRow:
    names = ("tile", "scene_id", "digest", "sensor", "stream", "day", "state", "reason", "clear_share")
    return SceneRow(**dict(zip(names, row, strict=False)))


def _alert(row: tuple) -> AlertRow:
    names = ("alert_id", "event_id", "version", "status", "cause", "ha")
    return AlertRow(**dict(zip(names, row, strict=False)))


def _insert(
    connection: sqlite3.Connection,
    run: RunRow,
    tiles: Sequence[TileRow],
    scenes: Sequence[SceneRow],
    alerts: Sequence[AlertRow],
) -> None:
    result = json.dumps(run.result, sort_keys=True, ensure_ascii=False)
    connection.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?)", (run.sequence, run.run_id, run.area, run.until_day, result)
    )
    connection.executemany(
        "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?, ?)",
        [(row.tile, row.state, row.until_day, row.before, run.run_id) for row in tiles],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO scenes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.tile,
                row.scene_id,
                row.digest,
                row.sensor,
                row.stream,
                row.day,
                row.state,
                row.reason,
                row.clear_share,
                run.run_id,
            )
            for row in scenes
        ],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (row.alert_id, row.event_id, row.version, row.status, row.cause, row.ha, run.run_id)
            for row in alerts
        ],
    )


def _list(connection: sqlite3.Connection, area: str, listing: Listing) -> None:
    """Put what a search found in place of what the search before had found; only what differs is written."""
    known = connection.execute("SELECT kind, item FROM listed WHERE area = ?", (area,)).fetchall()
    wanted = {(kind, item): text for kind, texts in listing.items() for item, text in texts.items()}
    gone = sorted(set(known) - wanted.keys())
    new = sorted(wanted.keys() - set(known))
    connection.executemany(
        "DELETE FROM listed WHERE area = ? AND kind = ? AND item = ?", [(area, *pair) for pair in gone]
    )
    connection.executemany(
        "INSERT OR IGNORE INTO items VALUES (?, ?)", [(item, wanted[kind, item]) for kind, item in new]
    )
    connection.executemany("INSERT INTO listed VALUES (?, ?, ?)", [(area, *pair) for pair in new])
    connection.execute(_FORGET_UNLISTED)
