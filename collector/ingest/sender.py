# SPDX-License-Identifier: EUPL-1.2
"""Senders: each carries what is in the spool into one store, in order, for as long as that takes.

A store that is away is tried for ever; the spool grows and the kits notice nothing. A batch that the store refuses is
halved until the poison row stands alone; that one goes into the quarantine with the store's own words, the rest in.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from collector.errors import StoreError, StoreRefused, StoreUnavailable
from collector.ingest.spool import Quarantined, Spool, Spooled
from collector.judge import rows_of
from collector.message import Reason, readings_topic
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Row, Store

log = logging.getLogger(__name__)
T = TypeVar("T")

_MESSAGES = 400  # of one batch; a message of a kit that catches up holds some 40 readings
_LONGEST_WAIT = 60.0  # between two tries [s]
_LOOK = 0.1  # how often an idle sender looks into the spool [s]


class Sender(threading.Thread):
    """Fills the store `sink` from the spool until told to stop; ends at a commit, never inside one."""

    def __init__(
        self,
        sink: str,
        settings: Settings,
        stop: threading.Event,
        open_: Callable[[str, Settings], Store] = open_store,
    ) -> None:
        super().__init__(name=f"sender-{sink}", daemon=True)
        self.sink = sink
        self.failed: BaseException | None = None
        self._settings = settings
        self._stop_sending = stop
        self._open = open_

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            self._carry()
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def _carry(self) -> None:
        spool = Spool(self._settings.folder)
        store: Store | None = None
        try:
            store = self._retry(lambda: self._open(self.sink, self._settings))
            position = spool.position(self.sink)
            while store is not None:
                batch = spool.after(position, _MESSAGES)
                if batch:
                    if not self._send(store, spool, _rows(batch)):
                        return
                    position = batch[-1].id
                    spool.move(self.sink, position, self._settings.stores)
                elif self._stop_sending.wait(_LOOK):
                    return
        finally:
            if store is not None:
                store.close()
            spool.close()

    def _send(self, store: Store, spool: Spool, rows: Sequence[Row]) -> bool:
        """Writes rows, whatever it takes; False if the service stops before they are in."""
        if not rows:
            return True
        try:
            return self._retry(lambda: _write(store, rows)) is not None
        except StoreRefused as error:
            if len(rows) > 1:
                half = len(rows) // 2
                return self._send(store, spool, rows[:half]) and self._send(store, spool, rows[half:])
            self._set_aside(spool, rows[0], error)
            return True

    def _set_aside(self, spool: Spool, row: Row, error: StoreRefused) -> None:
        log.error("store %s: refused %s %s at %d: %s", self.sink, row.source, row.quantity, row.t, error)
        detail = f"{self.sink}: {row.quantity}={row.value!r} at {row.t}: {error}"
        refused = Quarantined(
            int(time.time() * 1000), readings_topic(row.source), None, Reason.STORE, detail, "[]", False, None
        )
        with spool.transaction():
            spool.add_quarantined([refused])
            spool.count([(row.source, Reason.STORE, 1)])

    def _retry(self, do: Callable[[], T]) -> T | None:
        """Does it until it works; None if the service stops first. A refusal of rows is raised."""
        wait = 0.5
        while True:
            try:
                return do()
            except StoreUnavailable as error:
                problem: StoreError = error
                pause = error.retry_after or random.uniform(wait / 2, wait)
            except StoreRefused as error:
                if not error.access:
                    raise
                problem = error
                pause = _LONGEST_WAIT
            text = "store %s: %s Nothing is lost; trying again in %.1f s. %s"
            log.warning(text, self.sink, problem, pause, problem.hint)
            wait = min(wait * 2, _LONGEST_WAIT)
            if self._stop_sending.wait(pause):
                return None


def _rows(batch: Sequence[Spooled]) -> list[Row]:
    return [row for message in batch for reading, t in message.readings for row in rows_of(message.device, reading, t)]


def _write(store: Store, rows: Sequence[Row]) -> int:
    store.write(rows)
    return len(rows)
