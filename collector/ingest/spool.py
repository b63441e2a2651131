# SPDX-License-Identifier: EUPL-1.2
"""The spool: where a message is safe once its commit returned, and the one place that must never lose anything.

A SQLite file (WAL, synchronous FULL) with the raw messages, what was refused of them (the quarantine), which readings
were seen before, counters per device, and how far each sink has come. The intake writes it, in groups; each sender
reads it through a connection of its own and moves its own cursor. What every sink has passed stays as an archive until
the keeper (archive.py) lets it go; repair.py looks after a damaged file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from collector.errors import SettingError
from collector.ingest import pulses
from collector.ingest.pulses import DeviceRow
from collector.message import Reading, Reason, decode

FILE = "spool.sqlite"
# What each version of the schema adds to the one before; a file of an older version gets what it lacks.
_STEPS = (
    """
CREATE TABLE device (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL, received INTEGER NOT NULL,
    payload BLOB NOT NULL, taken BLOB
);
CREATE TABLE seen (
    device INTEGER NOT NULL, t INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (device, t)
) WITHOUT ROWID;
CREATE TABLE dated (
    device INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, t INTEGER NOT NULL,
    PRIMARY KEY (device, boot, seq)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received INTEGER NOT NULL, topic TEXT NOT NULL, boot INTEGER,
    reason TEXT NOT NULL, detail TEXT NOT NULL, seqs TEXT NOT NULL, kept INTEGER NOT NULL, payload BLOB
);
CREATE INDEX quarantine_reason ON quarantine (reason, topic);
CREATE TABLE counter (
    device TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (device, name)
) WITHOUT ROWID;
CREATE TABLE cursor (sink TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
""",
    """
ALTER TABLE cursor ADD COLUMN state TEXT NOT NULL DEFAULT 'new';
ALTER TABLE cursor ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
ALTER TABLE cursor ADD COLUMN trouble_at INTEGER NOT NULL DEFAULT 0;
""",
    # In the order of time the readings of all devices that come now lie side by side, however many devices there are.
    """
ALTER TABLE device ADD COLUMN newest INTEGER NOT NULL DEFAULT 0;
UPDATE device SET newest = coalesce((SELECT max(t) FROM seen WHERE device = no), 0);
CREATE TABLE seen_by_time (
    t INTEGER NOT NULL, device INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (t, device)
) WITHOUT ROWID;
INSERT INTO seen_by_time (t, device, boot, seq) SELECT t, device, boot, seq FROM seen ORDER BY t, device;
DROP TABLE seen;
ALTER TABLE seen_by_time RENAME TO seen;
""",
    # Days of which a sink got new values that are not judged yet beside those before, behind and nearby: due.py.
    """
CREATE TABLE due (
    sink TEXT NOT NULL, source TEXT NOT NULL, day INTEGER NOT NULL, since INTEGER NOT NULL, marks INTEGER NOT NULL,
    PRIMARY KEY (sink, day, source)
) WITHOUT ROWID;
CREATE TABLE look (sink TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
""",
    # What there is to tell of each kit (pulses.py); the hour first, as what is asked for is always what is new.
    """
ALTER TABLE device ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN pace INTEGER NOT NULL DEFAULT 0;
ALTER TABLE device ADD COLUMN clock INTEGER;
ALTER TABLE device ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE device SET heard = newest * 1000;
CREATE TABLE refusal (
    hour INTEGER NOT NULL, device TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (hour, device, reason)
) WITHOUT ROWID;
""",
)
SCHEMA_VERSION = len(_STEPS)


class Spooled(NamedTuple):
    """A message as it lies in the spool, with those of its readings that were taken, and their settled times."""

    id: int
    device: str
    received: int  # ms since 1970
    payload: bytes
    readings: list[tuple[Reading, int]]  # none if the row was damaged after it was written


class Quarantined(NamedTuple):
    """What was refused, or noted though it was kept (then without a copy of the message)."""

    received: int  # ms since 1970
    topic: str
    boot: int | None
    reason: str
    detail: str
    seqs: str  # ranges as JSON
    kept: bool
    payload: bytes | None


Key = tuple[int, int, int, int]  # (t, device's number, boot, seq): what makes a reading itself


class Spool:
    """One connection to the spool; each thread opens its own. Only the intake's is opened with `writer`."""

    def __init__(self, folder: Path, *, writer: bool = False) -> None:
        self.path = folder / FILE
        if not writer and not self.path.exists():
            raise SettingError(f"There is no spool in {folder}.", "Start `citimeasure run` with this folder once.")
        try:
            self.db = sqlite3.connect(self.path, isolation_level=None, timeout=30, check_same_thread=False)
            self.db.execute("PRAGMA journal_mode = WAL")
            # Cursors may be set back by a power cut (a repeated write to a store changes nothing); messages may not.
            self.db.execute(f"PRAGMA synchronous = {'FULL' if writer else 'NORMAL'}")
            self._open_schema()
        except sqlite3.Error as error:
            if hasattr(self, "db"):
                self.db.close()
            raise SettingError(
                f"The spool {self.path} cannot be opened: {error}.",
                "Check that the folder is writable and has room, and that the file is a spool of citimeasure.",
            ) from error

    def _open_schema(self) -> None:
        with self.transaction():
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
            for step in _STEPS[version:]:
                for statement in step.split(";\n"):
                    self.db.execute(statement)
            if version < SCHEMA_VERSION:
                self.db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version > SCHEMA_VERSION:
                raise SettingError(
                    f"The spool {self.path} has schema {version}; this program knows schema {SCHEMA_VERSION}.",
                    "Use the version of citimeasure that made it, or a newer one.",
                )
            self.db.execute("CREATE INDEX IF NOT EXISTS quarantine_topic ON quarantine (topic)")

    def close(self) -> None:
        """Closes the connection; what was committed stays."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed, or nothing of it is there."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:  # a commit that found the disk full leaves it open
                self.db.execute("ROLLBACK")
            raise

    def reusable(self) -> int:
        """Bytes inside the file that are free for new rows."""
        pages, size = (self.db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_size"))
        return int(pages) * int(size)

    # What the intake writes, inside a transaction.

    def device_row(self, device: str) -> DeviceRow:
        """What this file knows of a device."""
        return pulses.row_of(self.db, device)

    def write_devices(self, devices: Iterable[DeviceRow]) -> None:
        """Writes down what is known of devices."""
        pulses.write(self.db, devices)

    def mark_all_seen(self, keys: Sequence[Key]) -> bool:
        """Remembers readings; False, and nothing done, if the time of any was taken already."""
        before = self.db.total_changes
        self.db.execute("SAVEPOINT seen")
        self.db.executemany("INSERT OR IGNORE INTO seen (t, device, boot, seq) VALUES (?, ?, ?, ?)", keys)
        fresh = self.db.total_changes - before == len(keys)
        if not fresh:
            self.db.execute("ROLLBACK TO seen")
        self.db.execute("RELEASE seen")
        return fresh

    def mark_seen(self, key: Key) -> tuple[int, int] | None:
        """Remembers one reading, or returns the (boot, seq) of the one that has its time already."""
        row = self.db.execute("SELECT boot, seq FROM seen WHERE t = ? AND device = ?", key[:2]).fetchone()
        if row is None:
            self.db.execute("INSERT INTO seen (t, device, boot, seq) VALUES (?, ?, ?, ?)", key)
        return None if row is None else (int(row[0]), int(row[1]))

    def newest_of_all(self) -> dict[str, int]:
        """The time of the newest reading of each device that ever sent one, to a minute."""
        return dict(self.db.execute("SELECT id, newest FROM device WHERE newest > 0"))

    def latest(self) -> int:
        """When the latest message came, by the clock of that time [ms since 1970]; 0 if there is none."""
        query = "SELECT max(received) FROM (SELECT received FROM message ORDER BY id DESC LIMIT 1000)"
        return int(self.db.execute(query).fetchone()[0] or 0)

    def dated(self, no: int, boot: int, seq: int) -> int | None:
        """The time that was given to a reading which came without one, if it came before."""
        key = (no, boot, seq)
        row = self.db.execute("SELECT t FROM dated WHERE device = ? AND boot = ? AND seq = ?", key).fetchone()
        return None if row is None else int(row[0])

    def date(self, no: int, boot: int, seq: int, t: int) -> None:
        """Remembers the time given to a reading without one, so that sending it again changes nothing."""
        self.db.execute("INSERT INTO dated (device, boot, seq, t) VALUES (?, ?, ?, ?)", (no, boot, seq, t))

    def dated_boots(self) -> set[tuple[int, int]]:
        """The (device, boot) of which some readings were dated here."""
        return set(self.db.execute("SELECT DISTINCT device, boot FROM dated"))

    def add_messages(self, rows: Iterable[tuple[int, int, bytes, bytes | None]]) -> None:
        """Adds (device, received [ms], payload, taken): `taken` is None if every reading was, with its own time."""
        self.db.executemany("INSERT INTO message (device, received, payload, taken) VALUES (?, ?, ?, ?)", rows)

    def add_quarantined(self, rows: Iterable[Quarantined]) -> None:
        """Keeps what was refused or noted."""
        self.db.executemany(
            "INSERT INTO quarantine (received, topic, boot, reason, detail, seqs, kept, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def count(self, counts: Iterable[tuple[str, str, int]]) -> None:
        """Adds to the counters of (device, name)."""
        self.db.executemany(
            "INSERT INTO counter (device, name, n) VALUES (?, ?, ?)"
            " ON CONFLICT (device, name) DO UPDATE SET n = n + excluded.n",
            counts,
        )

    def take_quarantined(self, reason: Reason, topic: str, limit: int) -> list[tuple[int, int, bytes]]:
        """(id, received, payload) of refused messages of a topic, oldest first, to be tried again."""
        return self.db.execute(
            "SELECT id, received, payload FROM quarantine"
            " WHERE reason = ? AND topic = ? AND kept = 0 AND payload IS NOT NULL ORDER BY id LIMIT ?",
            (reason, topic, limit),
        ).fetchall()

    def drop_quarantined(self, ids: Iterable[int]) -> None:
        """Forgets quarantined messages that were taken after all."""
        self.db.executemany("DELETE FROM quarantine WHERE id = ?", [(id_,) for id_ in ids])

    def quarantined_topics(self, reason: Reason) -> list[str]:
        """The topics of which messages were refused for a reason."""
        query = "SELECT DISTINCT topic FROM quarantine WHERE reason = ? AND kept = 0"
        return [topic for (topic,) in self.db.execute(query, (reason,))]

    def quarantine_sizes(self) -> list[tuple[str, int]]:
        """How many entries the quarantine has of each topic."""
        return self.db.execute("SELECT topic, count(*) FROM quarantine GROUP BY topic").fetchall()

    def trim_quarantined(self, topic: str, most: int) -> None:
        """Keeps the newest entries of a topic; what waits for its device to be registered stays in any case."""
        self.db.execute(
            "DELETE FROM quarantine WHERE topic = ? AND reason != ? AND id NOT IN"
            " (SELECT id FROM quarantine WHERE topic = ? ORDER BY id DESC LIMIT ?)",
            (topic, Reason.UNKNOWN_DEVICE, topic, most),
        )

    # What the senders do.

    def position(self, sink: str) -> int:
        """How far a sink has come. A sink that is new begins behind what was already let go."""
        row = self.db.execute("SELECT position FROM cursor WHERE sink = ?", (sink,)).fetchone()
        if row is not None:
            return int(row[0])
        with self.transaction():
            self.db.execute("INSERT OR IGNORE INTO cursor (sink, position) VALUES (?, 0)", (sink,))
        return 0

    def after(self, position: int, limit: int, size: int = 2**62) -> list[Spooled]:
        """The next messages behind a position, decoded, with the readings that were taken; no more once over a size."""
        found = []
        for row in self.db.execute(
            "SELECT message.id, device.id, received, payload, taken FROM message"
            " JOIN device ON device.no = message.device WHERE message.id > ? ORDER BY message.id LIMIT ?",
            (position, limit),
        ):
            found.append(row)
            size -= len(row[3])
            if size <= 0:
                break
        return [
            Spooled(id_, device, received, payload, _readings(device, payload, taken))
            for id_, device, received, payload, taken in found
        ]

    def move(self, sink: str, position: int) -> None:
        """Moves a sink's cursor: what lies before it is in the store."""
        with self.transaction():
            self.db.execute(
                "INSERT INTO cursor (sink, position) VALUES (?, ?)"
                " ON CONFLICT (sink) DO UPDATE SET position = excluded.position",
                (sink, position),
            )

    def tell(self, sink: str, state: str, now_ms: int, trouble: str = "") -> None:
        """Notes how a sink does, for `citimeasure sink status`; a trouble is remembered when it is over."""
        self.position(sink)
        with self.transaction():
            self.db.execute("UPDATE cursor SET state = ?, since = ? WHERE sink = ?", (state, now_ms, sink))
            if trouble:
                self.db.execute("UPDATE cursor SET trouble = ?, trouble_at = ? WHERE sink = ?", (trouble, now_ms, sink))

    # What people ask.

    def counters(self, device: str | None = None) -> dict[str, dict[str, int]]:
        """Counters by device and name; the device '' is what came on no device's topic."""
        result: dict[str, dict[str, int]] = {}
        where, args = (" WHERE device = ?", (device,)) if device is not None else ("", ())
        for name, counter, n in self.db.execute(f"SELECT device, name, n FROM counter{where} ORDER BY 1, 2", args):
            result.setdefault(name, {})[counter] = n
        return result

    def quarantined(self, topic: str | None = None, limit: int = 100) -> list[Quarantined]:
        """What was refused or noted, newest first."""
        where, args = (" WHERE topic = ?", [topic]) if topic is not None else ("", [])
        query = (
            "SELECT received, topic, boot, reason, detail, seqs, kept, payload FROM quarantine"
            f"{where} ORDER BY id DESC LIMIT ?"
        )
        return [
            Quarantined(received, topic, boot, reason, detail, seqs, bool(kept), payload)
            for received, topic, boot, reason, detail, seqs, kept, payload in self.db.execute(query, [*args, limit])
        ]

    def backlog(self) -> dict[str, int]:
        """How many messages each sink still has before it."""
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'"
        last = int(self.db.execute(query).fetchone()[0])
        first = self.db.execute("SELECT min(id) FROM message").fetchone()[0] or last + 1
        positions = self.db.execute("SELECT sink, position FROM cursor")
        return {sink: last - max(position, first - 1) for sink, position in positions}


Taken = list[tuple[Reading, int]]
_taken = msgspec.json.Decoder(Taken)


def encode_taken(taken: Taken) -> bytes:
    """The readings that were taken of a message that held others too, or readings without a time of their own."""
    return msgspec.json.encode(taken)


def _readings(device: str, payload: bytes, taken: bytes | None) -> Taken:
    if taken is None:
        return [(reading, reading.t) for reading in decode(device, payload).readings if reading.t is not None]
    try:
        return _taken.decode(taken)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the second: damage inside a text
        return []
