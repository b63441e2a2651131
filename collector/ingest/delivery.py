# SPDX-License-Identifier: EUPL-1.2
"""Delivery: rows into one store, whatever the store says.

What is away is tried again, for ever. A batch that the store refuses is halved until the poison row stands alone; only
that one is set aside. A store that refuses everything is not poisoned but set up wrongly: then nothing is set aside,
and the delivery waits. Senders and `citimeasure sink` call it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from collector.errors import SettingError, StoreError, StoreRefused, StoreUnavailable
from collector.ingest.pulses import count_refused
from collector.ingest.spool import Quarantined, Spool
from collector.message import Reason, readings_topic
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Row, Store

log = logging.getLogger(__name__)

FIRST_WAIT = 0.5  # before the first new try [s]
LONGEST_WAIT = 60.0  # between two tries [s]
LONGEST_ASKED = 300.0  # so long at most is waited because a store asked for it [s]
_SUSPICIOUS = 64  # so many refused rows, and none taken, are no accident

_REASONS = {"type": Reason.STORE_TYPE, "age": Reason.STORE_AGE}
_SHOWN = 3  # of the rows that are set aside at once, so many are named in the log

Opener = Callable[[str, Settings], Store]
Poison = list[tuple[Row, StoreRefused]]


class Stopped(Exception):
    """The service ends; what was not delivered stays where it is."""


class Delivery:
    """The way into the store `sink`; belongs to one thread. `tell(state, trouble)` hears how it goes."""

    def __init__(
        self,
        sink: str,
        settings: Settings,
        stop: threading.Event,
        tell: Callable[[str, str], None] = lambda state, trouble: None,
        open_: Opener = open_store,
    ) -> None:
        self.sink = sink
        self.accepted: Row | None = None  # a row that the store took: written again, it shows whether it takes any
        self._settings, self._stop, self._tell, self._open_store = settings, stop, tell, open_
        self._store: Store | None = None
        self._opened = False
        self._refused = 0  # rows since the last one that was taken

    def open(self) -> None:
        """Opens the store; SettingError if its settings cannot be right."""
        self._persist(lambda _: None)

    def close(self) -> None:
        """Lets go of the store; the next delivery opens it again."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def deliver(self, rows: Sequence[Row], spool: Spool) -> int:
        """Returns when each row is in the store or set aside (so many); Stopped if the service ends before."""
        todo: list[Sequence[Row]] = [rows] if rows else []
        poison: Poison = []
        while todo:
            some = todo.pop()
            try:
                self._write(some)
            except StoreRefused as error:
                parts = _parts(some, error)
                todo += parts
                if parts:
                    continue
                poison += [(row, error) for row in some]
                self._refused += not error.kind
                if self._refused >= _SUSPICIOUS and not self._takes_any(some[0]):
                    todo, poison = [rows], []
        if poison:
            self._set_aside(spool, poison)
        return len(poison)

    def _write(self, rows: Sequence[Row]) -> None:
        self._persist(lambda store: store.write(rows))
        self.accepted, self._refused = rows[-1], 0

    def _takes_any(self, refused: Row) -> bool:
        """Whether the store takes what it took before. If not, waits until it does, and says False."""
        row = self.accepted or refused
        waited = False

        def probe(store: Store) -> None:
            nonlocal waited
            try:
                store.write([row])
            except StoreRefused as error:
                if error.access:
                    raise
                if error.kind:  # it reads lines, and this one has become too old since
                    return
                waited = True
                raise StoreRefused(
                    f"It refuses every value, also one it took before: {error}",
                    "Look at its settings and limits. If it is right to refuse, name another store.",
                    access=True,
                ) from error

        self._persist(probe)
        self._refused = 0
        return not waited

    def _persist(self, do: Callable[[Store], None]) -> None:
        """Does it until it works. A refusal of rows is raised; Stopped if the service ends first."""
        wait = FIRST_WAIT
        while True:
            try:
                if self._store is None:
                    self._store = self._open_store(self.sink, self._settings)
                    self._opened = True
                do(self._store)
                self._tell("working", "")
                return
            except StoreUnavailable as error:
                problem: StoreError | SettingError = error
                asked = min(error.retry_after or 0.0, LONGEST_ASKED)
                pause = asked * random.uniform(1, 1.1) if asked else random.uniform(wait / 2, wait)
                self._tell("waiting", str(error))
                text = "store %s: %s Nothing is lost; trying again in %.1f s. %s"
            except (StoreRefused, SettingError) as error:
                if isinstance(error, SettingError) and not self._opened:
                    raise
                if isinstance(error, StoreRefused) and not error.access:
                    self._tell("working", "")
                    raise
                problem, pause = error, random.uniform(wait / 2, wait)
                self.close()  # the secret in its file may be another one by then
                self._tell("refused", str(error))
                text = "store %s: ALARM: %s Everything is kept until that is put right; looking again in %.1f s. %s"
            log.log(
                logging.WARNING if isinstance(problem, StoreUnavailable) else logging.ERROR,
                text, self.sink, problem, pause, problem.hint,
            )  # fmt: skip
            wait = min(wait * 2, LONGEST_WAIT)
            if self._stop.wait(pause):
                raise Stopped

    def _set_aside(self, spool: Spool, poison: Poison) -> None:
        for row, error in poison[:_SHOWN]:
            log.error(
                "store %s: refused %s %s at %d, kept in the quarantine: %s %s",
                self.sink, row.source, row.quantity, row.t, error, error.hint,
            )  # fmt: skip
        if len(poison) > _SHOWN:
            log.error("store %s: refused %d more values, kept in the quarantine", self.sink, len(poison) - _SHOWN)
        now = int(time.time() * 1000)
        refused = []
        for row, error in poison:
            detail = f"{self.sink}: {row.quantity}={row.value!r} at {row.t}: {error} {error.hint}".rstrip()
            topic = readings_topic(row.source)
            refused.append(Quarantined(now, topic, None, reason_of(error), detail, "[]", False, None))
        with spool.transaction():
            spool.add_quarantined(refused)
            counts = [(row.source, reason_of(error), 1) for row, error in poison]
            spool.count(counts)
            count_refused(spool.db, counts, now)


def reason_of(error: StoreRefused) -> Reason:
    """The reason under which a refused row is kept."""
    return _REASONS.get(error.kind, Reason.STORE)


def _parts(rows: Sequence[Row], error: StoreRefused) -> list[Sequence[Row]]:
    """What to try next instead of rows that were refused together, last first; nothing if they are refused for good."""
    if len(rows) == 1:
        return []
    if error.quantity:
        others = [row for row in rows if row.quantity != error.quantity]
        same = [row for row in rows if row.quantity == error.quantity]
        if others and same:
            return [same, others]
    if error.kind and error.dropped == len({(row.source, row.t) for row in rows}):
        return []  # the store says itself that it was every one
    half = len(rows) // 2
    return [rows[half:], rows[:half]]
