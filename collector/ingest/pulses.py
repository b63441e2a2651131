# SPDX-License-Identifier: EUPL-1.2
"""What the spool remembers of each kit: its newest reading, when it was heard, its pace, its clock, its refusals.

The intake keeps a `DeviceRow` of each kit in memory, touches it with every message, and writes down once a minute those
that moved, inside a commit that happens anyway. The rounds judge by it; `citimeasure device` reads what was written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from collector.health import Pulse

NEVER = 1 << 62
HOUR = 3_600_000  # [ms]
KEPT_HOURS = 48  # counts of refusals
_COLUMNS = "no, newest, heard, pace, clock, state, since"


@dataclass(slots=True)
class DeviceRow:
    """A device in a spool's file; what is written down may be a minute old."""

    no: int  # the short number that stands for it
    newest: int = 0  # t of its newest reading, or 0
    heard: int = 0  # when a message came last [ms since 1970], or 0
    pace: int = 0  # the shorter of the last two steps of `newest` [s], or 0
    clock: int | None = None  # how far its clock is ahead [s], as the rounds found
    state: str = ""  # the state in which the rounds found it, and since when [s since 1970]
    since: int = 0
    step: int = 0  # the last step of `newest` [s]
    least: int = NEVER  # the least delay of readings since the rounds took it [ms]

    def beat(self, t: int, received: int, *, own_time: bool) -> None:
        """A reading came that is newer than all before; `own_time` if it was the kit that dated it."""
        if self.newest:
            step = t - self.newest
            self.pace = min(step, self.step or step)
            self.step = step
        self.newest = t
        if own_time:
            self.delayed(received - t * 1000)

    def delayed(self, delay: int) -> None:
        """A reading came so long after the time that it says [ms]."""
        if delay < self.least:
            self.least = delay

    @property
    def pulse(self) -> Pulse:
        """What there is to judge by."""
        return Pulse(self.heard // 1000, self.newest, self.pace, self.clock)


def row_of(db: sqlite3.Connection, device: str) -> DeviceRow:
    """What the file knows of a device, which gets a number if it has none."""
    row = db.execute(f"SELECT {_COLUMNS} FROM device WHERE id = ?", (device,)).fetchone()
    if row is None:
        return DeviceRow(int(db.execute("INSERT INTO device (id) VALUES (?)", (device,)).lastrowid or 0))
    return DeviceRow(*row)


def rows(db: sqlite3.Connection) -> dict[str, DeviceRow]:
    """Every device of the file, by its id."""
    return {row[0]: DeviceRow(*row[1:]) for row in db.execute(f"SELECT id, {_COLUMNS} FROM device")}


def write(db: sqlite3.Connection, devices: Iterable[DeviceRow]) -> None:
    """Writes them down, inside a transaction."""
    db.executemany(
        "UPDATE device SET newest = ?, heard = ?, pace = ?, clock = ?, state = ?, since = ? WHERE no = ?",
        [(one.newest, one.heard, one.pace, one.clock, one.state, one.since, one.no) for one in devices],
    )


def count_refused(db: sqlite3.Connection, counts: Iterable[tuple[str, str, int]], now_ms: int) -> None:
    """Adds to the refusals of this hour, by (device, reason), inside a transaction. What came of nobody is left out."""
    db.executemany(
        "INSERT INTO refusal (hour, device, reason, n, last) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (hour, device, reason) DO UPDATE SET n = n + excluded.n, last = excluded.last",
        [(now_ms // HOUR, device, reason, n, now_ms // 1000) for device, reason, n in counts if device],
    )


def forget_refused(db: sqlite3.Connection, now_ms: int) -> None:
    """Lets go of counts that nobody asks for any more, inside a transaction."""
    db.execute("DELETE FROM refusal WHERE hour < ?", (now_ms // HOUR - KEPT_HOURS,))


def last_refused(db: sqlite3.Connection, since_ms: int) -> dict[str, dict[str, int]]:
    """When something was refused last [s since 1970], by device and reason, since the beginning of that hour."""
    found: dict[str, dict[str, int]] = {}
    query = "SELECT device, reason, max(last) FROM refusal WHERE hour >= ? GROUP BY device, reason"
    for device, reason, last in db.execute(query, (since_ms // HOUR,)):
        found.setdefault(device, {})[reason] = last
    return found


def refused_in_a_day(db: sqlite3.Connection, device: str, now_ms: int) -> dict[str, int]:
    """How many were refused of a device, by reason, within the last day and the part of an hour before it."""
    query = "SELECT reason, sum(n) FROM refusal WHERE hour >= ? AND device = ? GROUP BY reason ORDER BY 2 DESC, 1"
    return dict(db.execute(query, (now_ms // HOUR - 24, device)).fetchall())
