# SPDX-License-Identifier: EUPL-1.2
"""What `citimeasure sink` does: how each store stands, and stores filled again from the archive or from each other.

A collector may run beside all of it: cursors stay where they are, and a value that is written twice stays one.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from collector.errors import NothingFound
from collector.ingest.delivery import Delivery
from collector.ingest.due import days_of, note
from collector.ingest.sender import rows
from collector.ingest.spool import Spool
from collector.judge import load_limits
from collector.judge.reading import ReadingJudge
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Row, Store
from collector.store.copy import Comparison, compare, copy
from collector.store.sqlite import SqliteStore

_MESSAGES = 400  # of one batch
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Sink:
    """How a store stands. Times are seconds since 1970; None where there is nothing to tell."""

    sink: str
    state: str  # new, working, waiting (away or busy), refused (its settings are wrong): the last two need a look
    since: int | None
    cursor: int
    lag_messages: int
    lag_s: int  # how long the oldest waiting message has waited
    oldest_waiting: int | None
    set_aside: int  # values that it refused, in the quarantine
    last_error: str
    last_error_at: int | None


def sinks(spool: Spool, now: float | None = None) -> list[Sink]:
    """How each store stands that ever had a place in the spool."""
    now = time.time() if now is None else now
    backlog = spool.backlog()
    found = []
    query = "SELECT sink, position, state, since, trouble, trouble_at FROM cursor ORDER BY sink"
    for sink, position, state, since, trouble, trouble_at in spool.db.execute(query).fetchall():
        oldest = spool.db.execute(
            "SELECT received FROM message WHERE id > ? ORDER BY id LIMIT 1", (position,)
        ).fetchone()
        aside = spool.db.execute(
            "SELECT count(*) FROM quarantine WHERE reason IN ('store', 'store_type', 'store_age') AND detail LIKE ?",
            (f"{sink}:%",),
        ).fetchone()[0]
        waiting = oldest[0] // 1000 if oldest else None
        lag = max(0, int(now) - waiting) if waiting is not None else 0
        found.append(
            Sink(
                sink,
                state,
                since // 1000 or None,
                position,
                backlog[sink],
                lag,
                waiting,
                aside,
                trouble,
                trouble_at // 1000 or None,
            )
        )
    return found


def archive(spool: Spool, judge: ReadingJudge, after: int, until: int) -> Iterator[list[Row]]:
    """The values of a period (by the end of their interval) in the messages that the spool still has, in batches."""
    position = 0
    while batch := spool.after(position, _MESSAGES):
        position = batch[-1].id
        some = [row for row in rows(batch, judge) if after < row.t <= until]
        if some:
            yield some


def replay(
    settings: Settings, sink: str, after: int, until: int, progress: Progress = lambda _: None
) -> tuple[int, int]:
    """Writes a period of the archive into one store; returns how many values went in and how many were set aside."""
    spool = Spool(settings.folder)
    delivery = Delivery(sink, settings, threading.Event())
    written = aside = 0
    try:
        delivery.open()
        for some in archive(spool, ReadingJudge(load_limits(settings.limits)), after, until):
            refused = delivery.deliver(some, spool)
            if settings.judge_s:
                note(spool, sink, days_of(some))
            aside += refused
            written += len(some) - refused
            progress(written)
    finally:
        delivery.close()
        spool.close()
    return written, aside


@contextmanager
def source_of(settings: Settings, name: str, after: int, until: int) -> Iterator[Store]:
    """A store by its name, or the archive (`spool`) as a store for the time being, beside the spool."""
    if name != "spool":
        store = open_store(name, settings)
        try:
            yield store
        finally:
            store.close()
        return
    with tempfile.TemporaryDirectory(dir=settings.folder, prefix=".archive-") as folder:
        staged = SqliteStore(Path(folder))
        spool = Spool(settings.folder)
        try:
            for some in archive(spool, ReadingJudge(load_limits(settings.limits)), after, until):
                staged.write(some)
            yield staged
        finally:
            spool.close()
            staged.close()


def rebuild(
    settings: Settings, sink: str, source: str, after: int, until: int, progress: Progress = lambda _: None
) -> list[Comparison]:
    """Copies a source (`spool`, or another store) into a store, then compares them month by month."""
    spool = Spool(settings.folder)
    delivery = Delivery(sink, settings, threading.Event())
    done = 0

    def write(some: list[Row]) -> None:
        nonlocal done
        delivery.deliver(some, spool)
        if settings.judge_s:
            note(spool, sink, days_of(some))
        done += len(some)
        progress(done)

    try:
        with source_of(settings, source, after, until) as given:
            if not copy(given, write, after, until):
                raise NothingFound(
                    f"There is nothing in {source} of that period, so nothing to fill {sink} with.",
                    "`citimeasure sink status` shows how far the archive reaches.",
                )
            delivery.close()
            other = open_store(sink, settings)
            try:
                return list(compare(given, other, after, until))
            finally:
                other.close()
    finally:
        delivery.close()
        spool.close()
