"""The file of the ledger: its tables, and the digests by which every read of one is checked."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from selvawatch.errors import StoreError

SCHEMA_VERSION = 2

SCHEMA = """
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
  before TEXT NOT NULL,
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
CREATE TABLE items (item TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE listed (
  area TEXT NOT NULL,
  kind TEXT NOT NULL,
  item TEXT NOT NULL REFERENCES items(item),
  PRIMARY KEY (area, kind, item)
) WITHOUT ROWID;
"""

QUERIES: Mapping[str, str] = {
    "runs": "SELECT sequence, run_id, area, until_day, result FROM runs ORDER BY sequence",
    "tiles": "SELECT tile, state, until_day, before, run_id FROM tiles ORDER BY tile",
    "scenes": "SELECT tile, scene_id, digest, sensor, stream, day, state, reason, clear_share, run_id"
    " FROM scenes ORDER BY tile, day, scene_id, digest",
    "alerts": "SELECT alert_id, event_id, version, status, cause, ha, run_id FROM alerts"
    " ORDER BY event_id, version, alert_id",
    "items": "SELECT item, content FROM items ORDER BY item",
    "listed": "SELECT area, kind, item FROM listed ORDER BY area, kind, item",
}
"""Every column and row of each table, in an order that its content decides: what its digest is made of."""

EVIDENCE = ("runs", "state", "baselines", "checkpoints", "observations", "water", "plans", "reviews")
"""Folders of a store that nothing comes into before there is a ledger."""

_RESTORE = "restore it from a copy, or give a new --store"


def make(connection: sqlite3.Connection) -> None:
    """Make the tables of a ledger without a run."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA_VERSION),))
    for table in QUERIES:
        note_digest(connection, table)
    connection.execute("COMMIT")


def checked_rows(connection: sqlite3.Connection, table: str, path: Path) -> list[tuple]:
    """All rows of a table in their order.

    Raises
    ------
    StoreError
        When they are not those that were committed.
    """
    rows = connection.execute(QUERIES[table]).fetchall()
    noted = connection.execute("SELECT value FROM meta WHERE key = ?", (_key(table),)).fetchone()
    found = _digest(rows)
    if noted is None or noted[0] != found:
        raise StoreError(
            "the ledger is damaged",
            where=path,
            got=f"{len(rows)} rows of table {table}, digest {found[-12:]}",
            needed="no digest noted" if noted is None else f"those of {str(noted[0])[:8]}...{noted[0][-12:]}",
            do=_RESTORE,
        )
    return rows


def note_digest(connection: sqlite3.Connection, table: str) -> None:
    """Note how many rows a table has and their digest, in the transaction that changes them."""
    rows = connection.execute(QUERIES[table]).fetchall()
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_key(table), _digest(rows)))


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """StoreError for a ledger of another schema."""
    found = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if found is None or found[0] != str(SCHEMA_VERSION):
        raise StoreError(
            "the ledger was made by another version",
            where=path,
            got=f"schema {found and found[0]}",
            needed=f"schema {SCHEMA_VERSION}",
            do="use the version that made it, or a new --store",
        )


def is_there(path: Path) -> bool:
    """Whether there is a ledger; no in a store that holds nothing yet.

    Raises
    ------
    StoreError
        When it is missing or empty beside what only a store with a ledger holds.
    """
    try:
        if path.stat().st_size:
            return True
        what = "the ledger is empty"
    except FileNotFoundError:
        what = "the ledger is missing"
    if found := _evidence(path):
        raise StoreError(what, where=path, got=f"{', '.join(found)} beside it", do=_RESTORE)
    return False


def journal_of(path: Path) -> Path:
    """Where SQLite keeps what a transaction has replaced, until it is committed."""
    return path.with_name(f"{path.name}-journal")


def _evidence(path: Path) -> list[str]:
    """What a store without a ledger holds that came in after one, for people."""
    counts = {name: _count(path.parent / name) for name in EVIDENCE}
    found = [f"{count} in {name}/" for name, count in counts.items() if count]
    return [*found, *([journal_of(path).name] if journal_of(path).exists() else [])]


def _count(folder: Path) -> int:
    try:
        return sum(not entry.name.startswith(".") for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _key(table: str) -> str:
    return f"rows:{table}"


def _digest(rows: Sequence[tuple]) -> str:
    """Count of the rows, and sha256 (hex) of them as JSON; what JSON does not know is damage."""
    text = json.dumps(rows, separators=(",", ":"), default=repr)
    return f"{len(rows)} {hashlib.sha256(text.encode()).hexdigest()}"
