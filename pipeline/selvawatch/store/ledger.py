"""The ledger: one SQLite file says which run is current and what became of every scene and alert."""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selvawatch.errors import StoreError

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
  sequence INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  area TEXT NOT NULL,
  until_day INTEGER NOT NULL,
  result TEXT NOT NULL
);
CREATE TABLE tiles (
  tile TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  until_day INTEGER NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(run_id)
) WITHOUT ROWID;
CREATE TABLE scenes (
  tile TEXT NOT NULL,
  scene_id TEXT NOT NULL,
  digest TEXT NOT NULL,
  sensor TEXT NOT NULL,
  stream TEXT NOT NULL,
  day INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  clear_share REAL NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(run_id),
  PRIMARY KEY (tile, scene_id, digest)
) WITHOUT ROWID;
CREATE TABLE alerts (
  alert_id TEXT PRIMARY KEY,
  event_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL,
  cause TEXT NOT NULL,
  ha REAL NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs(run_id)
) WITHOUT ROWID;
"""

_HOT_JOURNAL = ("SQLITE_READONLY_ROLLBACK", "SQLITE_READONLY_RECOVERY", "SQLITE_CANTOPEN")
"""What SQLite tells a read-only reader of a file whose last transaction was cut off
(https://www.sqlite.org/rescode.html#readonly_rollback)."""

_FORGET_UNPLACED = "DELETE FROM scenes WHERE tile = '' AND run_id IN (SELECT run_id FROM runs WHERE area = ?)"


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
    about it, such as `dark-targets:-0.1` for its offset, else empty.
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
    """The ledger of a store; `commit` is the one write, and reading changes no byte of a whole ledger."""

    path: Path

    def runs(self) -> list[RunRow]:
        """Every committed run, oldest first."""
        rows = self._rows("SELECT sequence, run_id, area, until_day, result FROM runs ORDER BY sequence")
        return [
            RunRow(sequence=sequence, run_id=run_id, area=area, until_day=until, result=json.loads(result))
            for sequence, run_id, area, until, result in rows
        ]

    def current(self) -> RunRow | None:
        """The run committed last, or None in an empty store."""
        runs = self.runs()
        return runs[-1] if runs else None

    def tiles(self) -> dict[str, TileRow]:
        """The current state of every tile by id."""
        rows = self._rows("SELECT tile, state, until_day FROM tiles ORDER BY tile")
        return {tile: TileRow(tile=tile, state=state, until_day=until) for tile, state, until in rows}

    def scenes(self) -> list[SceneRow]:
        """Every scene ever handled, by tile, day and id."""
        rows = self._rows(
            "SELECT tile, scene_id, digest, sensor, stream, day, state, reason, clear_share FROM scenes"
            " ORDER BY tile, day, scene_id, digest"
        )
        names = ("tile", "scene_id", "digest", "sensor", "stream", "day", "state", "reason", "clear_share")
        return [SceneRow(**dict(zip(names, row, strict=True))) for row in rows]

    def alerts(self) -> list[AlertRow]:
        """Every version ever published, by event and version."""
        rows = self._rows(
            "SELECT alert_id, event_id, version, status, cause, ha FROM alerts ORDER BY event_id, version"
        )
        names = ("alert_id", "event_id", "version", "status", "cause", "ha")
        return [AlertRow(**dict(zip(names, row, strict=True))) for row in rows]

    def commit(
        self,
        run: RunRow,
        *,
        tiles: Sequence[TileRow],
        scenes: Sequence[SceneRow],
        alerts: Sequence[AlertRow],
        searched_all: bool = True,
    ) -> None:
        """Make a run current in one transaction; its files must be complete before.

        searched_all: whether every sensor was searched. What earlier runs over the same area found and could
        not place is then forgotten but for what `scenes` still tells.

        Raises
        ------
        StoreError
            When another run was committed since this one was planned, or the file cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with contextlib.closing(
                sqlite3.connect(self.path, isolation_level=None, timeout=60)
            ) as connection:
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                self._prepare(connection)
                last = connection.execute("SELECT coalesce(max(sequence), 0) FROM runs").fetchone()[0]
                if run.sequence != last + 1:
                    connection.execute("ROLLBACK")
                    raise StoreError(
                        "another run was committed meanwhile",
                        where=self.path,
                        got=f"run {last}",
                        needed=f"run {run.sequence - 1}",
                        do="run the command again",
                    )
                if searched_all:
                    connection.execute(_FORGET_UNPLACED, (run.area,))
                _insert(connection, run, tiles, scenes, alerts)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(
                "the ledger cannot be written",
                where=self.path,
                got=error,
                do="check the disk and permissions",
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            self._check_version(connection)
            return
        for statement in _SCHEMA.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))

    def _check_version(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if found is None or int(found[0]) != SCHEMA_VERSION:
            raise StoreError(
                "the ledger was made by another version",
                where=self.path,
                got=f"schema {found and found[0]}",
                needed=f"schema {SCHEMA_VERSION}",
                do="use the version that made it, or a new --store",
            )

    def _rows(self, query: str) -> list[tuple]:
        if not self.path.exists():
            return []
        try:
            try:
                return self._read(query)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname not in _HOT_JOURNAL:
                    raise
                self._roll_back()
                return self._read(query)
        except sqlite3.Error as error:
            raise StoreError(
                "the ledger cannot be read", where=self.path, got=error, do="restore it from a copy"
            ) from error

    def _read(self, query: str) -> list[tuple]:
        with contextlib.closing(
            sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=60)
        ) as connection:
            self._check_version(connection)
            return connection.execute(query).fetchall()

    def _roll_back(self) -> None:
        """Undo what a run that was killed inside its commit left half written.

        SQLite does so itself at the first read by who may write; a reader of read-only kind can only refuse.
        """
        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=60)
            ) as connection:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            raise StoreError(
                "a run was killed inside its commit, and who reads may not undo it",
                where=self.path,
                got=error,
                needed="leave to write the ledger and its folder, once",
                do="run any command as who runs the monitoring",
            ) from error


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
        "INSERT OR REPLACE INTO tiles VALUES (?, ?, ?, ?)",
        [(row.tile, row.state, row.until_day, run.run_id) for row in tiles],
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


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the store alone; StoreError at once when another process holds it.

    The lock is the kernel's, so a killed run leaves none behind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreError(
                "another run is using the store",
                where=folder,
                do="wait for it to end, or give another --store",
            ) from error
        yield
