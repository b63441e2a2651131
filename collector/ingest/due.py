# SPDX-License-Identifier: EUPL-1.2
"""What is due to be judged beside the values before, behind and nearby: notes in the spool of sources and their days.

Senders, and the commands that fill a store, note the days of what they have written, before they go on. The flagger
takes the notes, judges, and drops those to which nothing came meanwhile. So whatever is killed when, no new value stays
unjudged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collector.ingest.spool import Spool
from collector.moments import DAY
from collector.store.base import Judged, Row

SourceDay = tuple[str, int]  # a source, and a UTC day since 1970; t belongs to the day in which its interval began


class Due(NamedTuple):
    """A day of a source that is to be judged."""

    source: str
    day: int
    since: int  # t of the first value that is new, s since 1970
    marks: int  # how often it was noted; 0 where no value is new, but one nearby or before is


def days_of(some: Iterable[Judged | Row]) -> dict[SourceDay, int]:
    """The days of readings or rows, each with the first time of it."""
    found: dict[SourceDay, int] = {}
    for one in some:
        key = one.source, (one.t - 1) // DAY
        if found.setdefault(key, one.t) > one.t:
            found[key] = one.t
    return found


def note(spool: Spool, sink: str, days: Mapping[SourceDay, int], marks: int = 1) -> None:
    """Notes days that are to be judged since a time."""
    with spool.transaction():
        spool.db.executemany(
            "INSERT INTO due (sink, source, day, since, marks) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (sink, day, source)"
            " DO UPDATE SET since = min(since, excluded.since), marks = marks + excluded.marks",
            [(sink, source, day, since, marks) for (source, day), since in days.items()],
        )


def take(spool: Spool, sink: str) -> list[Due]:
    """What is to be judged, in order of days. It stays noted until it is dropped."""
    with spool.transaction():
        spool.db.execute("INSERT INTO look (sink, n) VALUES (?, 1) ON CONFLICT (sink) DO UPDATE SET n = n + 1", (sink,))
        query = "SELECT source, day, since, marks FROM due WHERE sink = ? ORDER BY day, source"
        return [Due(*row) for row in spool.db.execute(query, (sink,))]


def drop(spool: Spool, sink: str, done: Iterable[Due]) -> None:
    """Forgets what was judged, unless it was noted again meanwhile."""
    with spool.transaction():
        spool.db.executemany(
            "DELETE FROM due WHERE sink = ? AND day = ? AND source = ? AND marks = ?",
            [(sink, one.day, one.source, one.marks) for one in done],
        )


class Notebook:
    """One sender's notes: what is noted and was not taken since need not be written again for each batch."""

    def __init__(self, sink: str) -> None:
        self._sink, self._looks = sink, -1
        self._noted: dict[SourceDay, int] = {}

    def note(self, spool: Spool, some: Iterable[Judged | Row]) -> None:
        """Notes the days of what is in the store now; before the cursor moves."""
        # If nobody has taken the notes by now, whoever does so later reads values that are in the store already.
        row = spool.db.execute("SELECT n FROM look WHERE sink = ?", (self._sink,)).fetchone()
        looks = row[0] if row else 0
        if looks != self._looks:
            self._noted.clear()
        days = days_of(some)
        new = {key: since for key, since in days.items() if since < self._noted.get(key, since + 1)}
        if new:
            note(spool, self._sink, new)
            self._noted |= new
        self._looks = looks
