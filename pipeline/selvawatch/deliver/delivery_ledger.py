"""The ledger of deliveries: one SQLite file says what every recipient got of every alert version.

A message is `pending` when it is planned, `sending` from before an attempt to after it, and then `delivered`,
`uncertain` (the other side may have it), `refused` (a dead letter), `pending` again, or `closed` by a person.
"""

import base64
import contextlib
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selvawatch.core.files import canonical_json
from selvawatch.deliver.channel import Attachment, Message
from selvawatch.errors import DeliveryError

VERSION = 1
PENDING, SENDING, DELIVERED, UNCERTAIN, REFUSED, CLOSED = STATES = (
    "pending",
    "sending",
    "delivered",
    "uncertain",
    "refused",
    "closed",
)
"""States of a message."""
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (
  key TEXT PRIMARY KEY,
  recipient TEXT NOT NULL,
  channel TEXT NOT NULL,
  kind TEXT NOT NULL,
  run_id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  planned_s REAL NOT NULL,
  changed_s REAL NOT NULL,
  next_s REAL NOT NULL,
  detail TEXT NOT NULL,
  reference TEXT NOT NULL,
  content BLOB,
  sha256 TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE deliveries (
  number INTEGER NOT NULL,
  recipient TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  status TEXT NOT NULL,
  ha REAL NOT NULL,
  key TEXT NOT NULL REFERENCES messages(key),
  PRIMARY KEY (recipient, alert_id)
) WITHOUT ROWID;
CREATE TABLE digests (
  reader TEXT PRIMARY KEY,
  run_id TEXT NOT NULL,
  until_day INTEGER NOT NULL,
  sent_day INTEGER NOT NULL
) WITHOUT ROWID;
"""
_MESSAGES = (
    "SELECT key, recipient, channel, kind, run_id, state, attempts, planned_s, changed_s, next_s, detail,"
    " reference FROM messages"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message to a recipient, and what became of it."""

    key: str
    """Idempotency key."""
    recipient: str
    """Digest of the recipient (`recipients`) in its tier."""
    channel: str
    """Kind of channel."""
    kind: str
    """`digest`, `at-once`, or what an operator is told of."""
    run_id: str
    """Run that it tells of; empty: of none."""
    state: str = PENDING
    attempts: int = 0
    planned_s: float
    """When it was planned, seconds since 1970 (UTC)."""
    changed_s: float
    """When its state changed last, seconds since 1970."""
    next_s: float
    """Before when no attempt is made, seconds since 1970."""
    detail: str = ""
    """Why it is not delivered; holds no address."""
    reference: str = ""
    """Name that the other side gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery: one alert version to one recipient."""

    recipient: str
    alert_id: str
    event_id: str
    version: int
    status: str
    """Status of the alert, as the recipient was given it."""
    ha: float
    """Hectares of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRow:
    """The digest that a subscription got last."""

    run_id: str
    until_day: int
    """Last day of that run."""
    sent_day: int
    """Day on which it was planned."""


@dataclass(frozen=True, slots=True)
class DeliveryLedger:
    """The ledger at a path; who writes holds `store.lock` of deliveries, so that one process does.

    Everything raises DeliveryError for a file that is damaged, of another version, or cannot be written.
    """

    path: Path

    @property
    def is_there(self) -> bool:
        """Whether anything was ever planned."""
        return self.path.exists()

    def check(self) -> str:
        """What tells the key of recipients that the ledger was begun with; empty: it is not begun."""
        return self._meta("recipient_key") if self.is_there else ""

    def begin(self, check: str) -> None:
        """Make the file where there is none, for recipients of a key (`RecipientKey.check`)."""
        if self.is_there:
            return
        part = self.path.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.{self.path.name}")
        try:
            part.touch(mode=0o600, exist_ok=False)
            with self._opened(part) as connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA.split(";"):
                    if statement.strip():
                        connection.execute(statement)
                rows = [("version", str(VERSION)), ("recipient_key", check)]
                connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
                connection.execute("COMMIT")
            part.replace(self.path)
        except OSError as error:
            raise self._unusable(error) from error
        finally:
            part.unlink(missing_ok=True)

    def messages(self, *states: str) -> list[MessageRow]:
        """Messages in some states (none given: all), in the order in which they were planned."""
        if not self.is_there:
            return []
        where = f" WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        query = f"{_MESSAGES}{where} ORDER BY planned_s, kind, key"
        names = MessageRow.__dataclass_fields__
        return [MessageRow(**dict(zip(names, row, strict=True))) for row in self._rows(query, *states)]

    def deliveries(self, recipient: str) -> list[DeliveryRow]:
        """Every alert version that was planned for a recipient, in the order in which that was."""
        if not self.is_there:
            return []
        query = (
            "SELECT recipient, alert_id, event_id, version, status, ha FROM deliveries"
            " WHERE recipient = ? ORDER BY number"
        )
        names = DeliveryRow.__dataclass_fields__
        return [DeliveryRow(**dict(zip(names, row, strict=True))) for row in self._rows(query, recipient)]

    def last_digest(self, reader: str) -> DigestRow | None:
        """The digest that a subscription, by its digest, got last; None: none yet."""
        if not self.is_there:
            return None
        query = "SELECT run_id, until_day, sent_day FROM digests WHERE reader = ?"
        found = self._rows(query, reader)
        return DigestRow(run_id=found[0][0], until_day=found[0][1], sent_day=found[0][2]) if found else None

    def plan(
        self,
        row: MessageRow,
        message: Message,
        alerts: Sequence[DeliveryRow] = (),
        digest: tuple[str, DigestRow] | None = None,
    ) -> bool:
        """Plan a message with the alert versions that it tells of, all or nothing; whether it is a new one.

        A message whose key was planned before stays as it is. digest: the subscription and what it got, where
        the message is one.

        Raises
        ------
        DeliveryError
            When a recipient was given one of the alert versions before, too.
        """
        content = _packed(message)
        values = (
            *(getattr(row, name) for name in MessageRow.__dataclass_fields__),
            content,
            hashlib.sha256(content).hexdigest(),
        )
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM messages WHERE key = ?", (row.key,)).fetchone():
                return False
            connection.execute(f"INSERT INTO messages VALUES ({', '.join('?' * len(values))})", values)
            last = connection.execute("SELECT coalesce(max(number), 0) FROM deliveries").fetchone()[0]
            names = ("recipient", "alert_id", "event_id", "version", "status", "ha")
            connection.executemany(
                "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (last + number, *(getattr(one, name) for name in names), row.key)
                    for number, one in enumerate(alerts, 1)
                ],
            )
            if digest is not None:
                reader, sent = digest
                connection.execute(
                    "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)",
                    (reader, sent.run_id, sent.until_day, sent.sent_day),
                )
        return True

    def content(self, key: str, recipient: str) -> Message:
        """The message of a key, addressed; DeliveryError where its content is gone or damaged."""
        found = self._rows("SELECT content, sha256 FROM messages WHERE key = ?", key)
        if not found or found[0][0] is None:
            raise DeliveryError("the content of the message is gone", where=self.path, got=key)
        content, sha256 = found[0]
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DeliveryError("the content of the message is damaged", where=self.path, got=key)
        return _unpacked(key, recipient, content)

    def begin_attempt(self, key: str, now_s: float) -> None:
        """Note, before it, that an attempt is made: from here to `end_attempt` nobody knows how it ends."""
        with self._writing() as connection:
            done = connection.execute(
                "UPDATE messages SET state = ?, attempts = attempts + 1, changed_s = ?"
                " WHERE key = ? AND state = ?",
                (SENDING, now_s, key, PENDING),
            )
            if done.rowcount != 1:
                raise DeliveryError("the message is not pending", where=self.path, got=key)

    def end_attempt(self, row: MessageRow) -> None:
        """Note what became of a message; the content of a delivered one goes."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE messages SET state = ?, attempts = ?, changed_s = ?, next_s = ?, detail = ?,"
                " reference = ?, content = CASE WHEN ? IN (?, ?) THEN NULL ELSE content END WHERE key = ?",
                (
                    *(row.state, row.attempts, row.changed_s, row.next_s, row.detail, row.reference),
                    *(row.state, DELIVERED, CLOSED, row.key),
                ),
            )

    def faults(self) -> list[str]:
        """What is wrong with the file, one line each."""
        if not self.is_there:
            return []
        try:
            found = [str(row[0]) for row in self._rows("PRAGMA quick_check")]
            states = {row.state for row in self.messages()} - set(STATES)
        except DeliveryError as error:
            return [str(error)]
        return [f"{self.path}: {text}" for text in found if text != "ok"] + [
            f"{self.path}: {state!r} is no state" for state in sorted(states)
        ]

    def _meta(self, key: str) -> str:
        found = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return str(found[0][0]) if found else ""

    def _rows(self, query: str, *values: object) -> list[tuple]:
        with self._opened(self.path) as connection:
            self._check_version(connection)
            return connection.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._opened(self.path) as connection:
            self._check_version(connection)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _check_version(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        if found is None or found[0] != str(VERSION):
            raise DeliveryError(
                "the ledger of deliveries was made by another version",
                where=self.path,
                got=found and found[0],
                needed=VERSION,
            )

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection that makes no file; it is closed on leaving, what was not committed is undone."""
        address = f"{path.absolute().as_uri()}?mode=rw"
        try:
            with contextlib.closing(
                sqlite3.connect(address, uri=True, timeout=60, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                yield connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> DeliveryError:
        return DeliveryError(
            "the ledger of deliveries cannot be used",
            where=self.path,
            got=error,
            do="check the disk and permissions, or restore it from a copy: a new one would send all again",
        )


def key_of(recipient: str, kind: str, run_id: str, parts: Iterable[str]) -> str:
    """The idempotency key of a message: 40 hex digits that follow from whom it is for and what it tells."""
    text = canonical_json([recipient, kind, run_id, sorted(parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _packed(message: Message) -> bytes:
    """A message without its recipient, as bytes."""
    values: Mapping[str, object] = {
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "files": [
            [one.name, one.media_type, base64.b64encode(one.content).decode()] for one in message.attachments
        ],
    }
    return zlib.compress(canonical_json(values).encode())


def _unpacked(key: str, recipient: str, content: bytes) -> Message:
    values = json.loads(zlib.decompress(content))
    return Message(
        key=key,
        recipient=recipient,
        subject=values["subject"],
        text=values["text"],
        html=values["html"],
        attachments=tuple(
            Attachment(name=name, media_type=kind, content=base64.b64decode(text))
            for name, kind, text in values["files"]
        ),
    )
