# SPDX-License-Identifier: EUPL-1.2
"""Senders: each carries what is in the spool into one store, in order, for as long as that takes.

A store that is away is tried for ever; the spool grows and the kits notice nothing. How a store's answers are met is
in delivery.py. The service starts a sender for each store, and stops if one of them cannot go on.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence

from collector.ingest.delivery import LONGEST_WAIT, Delivery, Opener, Stopped
from collector.ingest.due import Notebook
from collector.ingest.spool import Quarantined, Spool, Spooled
from collector.judge import load_limits
from collector.judge.reading import ReadingJudge
from collector.message import Reason, readings_topic
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Rows

log = logging.getLogger(__name__)

_MESSAGES = 2000  # of one batch; the more, the more values of a series share a page of the embedded store
_BYTES = 2_000_000  # of one batch, or a message more; a message of a kit that catches up holds some 40 readings
_LOOK = 0.1  # how often an idle sender looks into the spool [s]


class Sender(threading.Thread):
    """Fills the store `sink` from the spool until told to stop; ends at a commit, never inside one."""

    def __init__(self, sink: str, settings: Settings, stop: threading.Event, open_: Opener = open_store) -> None:
        super().__init__(name=f"sender-{sink}", daemon=True)
        self.sink = sink
        self.failed: BaseException | None = None
        self._settings = settings
        self._stop_sending = stop
        self._open = open_
        self._told = ("", "")
        self._notebook = Notebook(sink)
        self._judge = ReadingJudge(load_limits(settings.limits))

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            self._carry()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def _carry(self) -> None:
        spool = Spool(self._settings.folder)
        delivery = Delivery(
            self.sink, self._settings, self._stop_sending, lambda *how: self._tell(spool, *how), self._open
        )
        wait = 0.5
        try:
            delivery.open()
            while not self._stop_sending.is_set():
                try:
                    if not self._carry_batch(delivery, spool):
                        self._stop_sending.wait(_LOOK)
                    wait = 0.5
                except sqlite3.OperationalError as error:
                    # The spool's disk is full, or its lock is held. What was written to the store may be written again.
                    log.warning("sender %s: the spool says: %s; trying again within %.0f s", self.sink, error, wait)
                    self._stop_sending.wait(random.uniform(wait / 2, wait))
                    wait = min(wait * 2, LONGEST_WAIT)
        finally:
            delivery.close()
            spool.close()

    def _carry_batch(self, delivery: Delivery, spool: Spool) -> bool:
        """Carries the next messages; False if there are none."""
        position = spool.position(self.sink)
        batch = spool.after(position, _MESSAGES, _BYTES)
        if not batch:
            return False
        if delivery.accepted is None:
            before = rows((one for one in spool.after(position - 1, 1) if one.id == position), self._judge)
            delivery.accepted = before[-1] if before else None
        some = rows(batch, self._judge)
        delivery.deliver(some, spool)
        keep_damaged(batch, spool)
        if self._settings.judge_s:
            self._notebook.note(spool, some.readings)
        spool.move(self.sink, batch[-1].id)
        return True

    def _tell(self, spool: Spool, state: str, trouble: str) -> None:
        """Notes in the spool how it goes, when that changes; on a full disk only the log knows."""
        if (state, trouble) == self._told:
            return
        try:
            spool.tell(self.sink, state, int(time.time() * 1000), trouble)
        except sqlite3.OperationalError:
            return
        self._told = (state, trouble)


def rows(messages: Iterable[Spooled], judge: ReadingJudge) -> Rows:
    """Messages of the spool as rows for a store."""
    return Rows([judge(message.device, reading, t) for message in messages for reading, t in message.readings])


def keep_damaged(batch: Sequence[Spooled], spool: Spool) -> None:
    """Keeps apart the messages of which no reading can be read any more, though they were sound when they came."""
    damaged = [one for one in batch if not one.readings]
    if not damaged:
        return
    detail = "it was taken, and cannot be read any more: the spool's file was damaged in between"
    log.error("spool: %d messages %s; they are in the quarantine", len(damaged), detail)
    with spool.transaction():
        for one in damaged:
            what = (None, Reason.DAMAGED, detail, "[]", False, one.payload)
            spool.add_quarantined([Quarantined(one.received, readings_topic(one.device), *what)])
        spool.count((one.device, Reason.DAMAGED, 1) for one in damaged)
