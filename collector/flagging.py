# SPDX-License-Identifier: EUPL-1.2
"""The flagger: judges new values of a running collector beside those before, behind and nearby.

Each sender notes of which days it has written values, in the same transaction that moves its cursor. From time to time
the flagger takes these notes, judges the days anew and drops the notes, unless there are new ones by then. It reads and
writes stores through connections of its own, and rests after each kit for three times as long as it worked: at most a
quarter of one core is its own, and acknowledgements never wait for it. The service starts it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable

from collector.errors import NetworkError, SettingError, StoreError
from collector.ingest.due import Due, SourceDay, drop, note, take
from collector.ingest.spool import Spool
from collector.judge import load_limits
from collector.judge.window import SPAN_BEHIND, span_before
from collector.judging import Judge, Places, Summary
from collector.moments import DAY, HOUR
from collector.registry import Registry
from collector.settings import Settings
from collector.store import open_store

log = logging.getLogger(__name__)

_LATE = HOUR  # values that come later than this may change what was said of kits nearby that are judged already
_REST = 3.0  # for each second of work


class Flagger(threading.Thread):
    """Judges until told to stop. `clock` gives seconds since 1970."""

    def __init__(self, settings: Settings, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name="flagger", daemon=True)
        self.failed: BaseException | None = None
        self._settings, self._stop_judging, self._clock = settings, stop, clock
        self._limits = load_limits(settings.limits)
        self._days_touched = -(-span_before(self._limits) // DAY)

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            spool = Spool(self._settings.folder)
            try:
                while not self._stop_judging.wait(self._settings.judge_s):
                    for sink in self._settings.stores:
                        self._try(sink, spool)
            finally:
                spool.close()
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def _try(self, sink: str, spool: Spool) -> None:
        try:
            done = self.look(sink, spool)
        except (StoreError, NetworkError, SettingError, sqlite3.OperationalError) as error:
            # The notes are still there: the next look finds them.
            log.warning("judge %s: %s New values keep the flags that they came with until the next try.", sink, error)
            return
        if done.values:
            log.info("judge %s: %d values looked at, %d flags changed", sink, done.values, done.changed)

    def look(self, sink: str, spool: Spool) -> Summary:
        """Judges what is due in one store now; returns what was found."""
        done = Summary()
        notes = {(one.source, one.day): one for one in take(spool, sink)}
        if not notes:
            return done
        with Registry(self._settings.registry_url) as registry:
            places = Places(registry.deployments())
        touched = self._touched(notes.values(), places)
        note(spool, sink, touched, marks=0)
        for (source, day), since in touched.items():
            known = notes.get((source, day), Due(source, day, since, 0))
            notes[source, day] = known._replace(since=min(since, known.since))
        store = open_store(sink, self._settings)
        try:
            judge, begun = Judge(store, places, self._limits), time.thread_time()
            for day in sorted({day for _, day in notes}):
                some = [one for one in notes.values() if one.day == day]
                after = max(min(one.since for one in some) - 1 - SPAN_BEHIND, (day - 1) * DAY)
                for _, part in judge.run([one.source for one in some], after, (day + 1) * DAY):
                    done.add(part)
                    worked = time.thread_time() - begun
                    if self._stop_judging.wait(_REST * worked):
                        return done
                    begun = time.thread_time()
                drop(spool, sink, some)
        finally:
            store.close()
        return done

    def _touched(self, notes: Iterable[Due], places: Places) -> dict[SourceDay, int]:
        """The days of which values that came late change what was said: those behind, and of the kits nearby."""
        now = self._clock()
        touched: dict[SourceDay, int] = {}
        for one in notes:
            if not one.marks:
                continue
            for day in range(one.day + 1, one.day + 1 + self._days_touched):
                if day * DAY < now:
                    touched[one.source, day] = day * DAY + 1
            if one.since < now - _LATE:
                for other in places.near(one.source, one.since):
                    touched[other, one.day] = min(one.since, touched.get((other, one.day), one.since))
        return touched
