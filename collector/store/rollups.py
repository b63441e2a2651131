# SPDX-License-Identifier: EUPL-1.2
"""Hours that the embedded store keeps ready beside its values, so that a year is read from twelve rows.

Per series, hours up to one moment are packed in blocks of 31 days. A write of a value that is not newer than the newest
packed hour of any series marks that value's hour stale, in the same transaction; a stale hour is made from its values
again, by whoever reads it and in time by the collector. So packed hours never differ from what the values say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from collector.moments import HOUR
from collector.store.base import HourSums, RolledHours, Values

SCHEMA = (
    "CREATE TABLE rolled (series INTEGER PRIMARY KEY, until INTEGER NOT NULL)",
    "CREATE INDEX rolled_until ON rolled (until)",
    "CREATE TABLE rollup (series INTEGER NOT NULL, block INTEGER NOT NULL, hours BLOB NOT NULL,"
    " PRIMARY KEY (series, block)) WITHOUT ROWID",
    "CREATE TABLE stale (series INTEGER NOT NULL, hour INTEGER NOT NULL, PRIMARY KEY (series, hour)) WITHOUT ROWID",
)
BLOCK = 744  # hours
_PACKED = np.dtype([("value", "<f8"), ("seconds", "<u2"), ("flag", "u1"), ("tests", "<i4")])

Ints = NDArray[np.int64]
Make = Callable[[Values, Ints], HourSums | None]  # from values and the ends of hours; None: not to be had


def end_of_hour(t: int) -> int:
    """The end of the hour in which an interval that ends at `t` lies.

    >>> end_of_hour(3600), end_of_hour(3601)
    (3600, 7200)
    """
    return -(-t // HOUR) * HOUR


def newest(db: sqlite3.Connection) -> int:
    """The newest packed hour of any series; later values need no mark."""
    return int(db.execute("SELECT coalesce(max(until), -1) FROM rolled").fetchone()[0])


def mark(db: sqlite3.Connection, changed: Iterable[tuple[int, int]]) -> None:
    """Marks the hours of values (series, t) stale, where they are packed. Within a transaction."""
    db.executemany(
        "INSERT OR IGNORE INTO stale SELECT series, ?2 FROM rolled WHERE series = ?1 AND until >= ?2",
        {(series, end_of_hour(t)) for series, t in changed},
    )


def read(db: sqlite3.Connection, series: int, first: int, last: int) -> RolledHours | None:
    """The packed hours that end from `first` to `last`; None if there are none up to there."""
    found = db.execute("SELECT until FROM rolled WHERE series = ?", (series,)).fetchone()
    if found is None or found[0] < first:
        return None
    n = (min(last, found[0]) - first) // HOUR + 1
    packed = np.zeros(n, _PACKED)
    packed["value"] = np.nan
    here = first // HOUR
    blocks = db.execute(
        "SELECT block, hours FROM rollup WHERE series = ? AND block BETWEEN ? AND ?",
        (series, here // BLOCK, (here + n - 1) // BLOCK),
    )
    for block, data in blocks:
        hours = np.frombuffer(data, _PACKED)
        begin = block * BLOCK - here
        low = max(begin, 0)
        high = max(low, min(begin + len(hours), n))  # a block may end early, if nothing was measured in its rest
        packed[low:high] = hours[low - begin : high - begin]
    ready = np.ones(n, bool)
    stale = db.execute(
        "SELECT hour FROM stale WHERE series = ? AND hour BETWEEN ? AND ?", (series, first, first + (n - 1) * HOUR)
    ).fetchall()
    ready[[(hour - first) // HOUR for (hour,) in stale]] = False
    return RolledHours(HourSums(*(packed[name] for name in ("value", "seconds", "flag", "tests"))), ready)


def work(db: sqlite3.Connection, until: int, slack: int, most: int) -> list[tuple[int, str, str]]:
    """Series (number, source, quantity) with stale hours, or with values more than `slack` before `until` to pack."""
    return db.execute(
        "SELECT no, source, quantity FROM series LEFT JOIN rolled ON rolled.series = no WHERE"
        " EXISTS (SELECT 1 FROM value WHERE value.series = no AND t > coalesce(until, -1) AND t <= ?)"
        " OR EXISTS (SELECT 1 FROM stale WHERE stale.series = no) LIMIT ?",
        (until - slack, most),
    ).fetchall()


def pack(db: sqlite3.Connection, series: int, until: int, make: Make, values: Callable[[int, int], Values]) -> bool:
    """Packs the next block of a series, or its stale hours of one block; False if all is packed. Within a transaction.

    `values` gives those with after < t <= until.
    """
    stale = db.execute("SELECT min(hour) FROM stale WHERE series = ?", (series,)).fetchone()[0]
    found = db.execute("SELECT until FROM rolled WHERE series = ?", (series,)).fetchone()
    done = found[0] if found else None
    if stale is not None and done is not None:
        block = (stale // HOUR) // BLOCK
        last = min(done, ((block + 1) * BLOCK - 1) * HOUR)
    else:
        if done is None:
            oldest = db.execute("SELECT min(t) FROM value WHERE series = ? AND t <= ?", (series, until)).fetchone()[0]
            if oldest is None:
                return False
            block = (end_of_hour(oldest) // HOUR) // BLOCK
        else:
            if done >= until:
                return False
            following = db.execute("SELECT min(t) FROM value WHERE series = ? AND t > ?", (series, done)).fetchone()[0]
            if following is None or end_of_hour(following) > until:
                return False
            block = (end_of_hour(following) // HOUR) // BLOCK
        last = min(until, ((block + 1) * BLOCK - 1) * HOUR)
    first = block * BLOCK * HOUR
    hours = make(values(first - HOUR, last), np.arange(first, last + 1, HOUR, dtype=np.int64))
    if hours is not None:
        packed = np.zeros(len(hours.value), _PACKED)
        for name in _PACKED.names or ():
            packed[name] = getattr(hours, name)
        db.execute("INSERT OR REPLACE INTO rollup VALUES (?, ?, ?)", (series, block, packed.tobytes()))
    db.execute("DELETE FROM stale WHERE series = ? AND hour BETWEEN ? AND ?", (series, first, last))
    db.execute("INSERT OR REPLACE INTO rolled VALUES (?, ?)", (series, max(last, done or last)))
    return True
