# SPDX-License-Identifier: EUPL-1.2
"""The keeper: lets go of what need not be kept any more, in the background and in small bites.

Messages that every sink has passed stay in the spool as an archive, from which a store can be filled again
(`citimeasure sink replay`). The keeper holds it to its days and megabytes; where the disk runs short the archive goes
first. Refused messages and remembered readings have their days too. The service starts it, with its own connection.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from collector.ingest.pulses import forget_refused
from collector.ingest.spool import Spool
from collector.ingest.steady import SteadyClock
from collector.settings import Settings

log = logging.getLogger(__name__)

_ROUND = 5.0  # between two looks [s]
_RARELY = 3600.0  # between two looks at what is kept for weeks [s]
_BITE = 2000  # rows of one transaction: the intake waits for no more than that
_SIZE = "length(payload) + coalesce(length(taken), 0)"
_DAY = 86_400_000  # [ms]


class Archived(NamedTuple):
    """What the spool holds of messages."""

    messages: int
    bytes: int
    oldest: int | None  # received [ms since 1970]


def archived(spool: Spool) -> Archived:
    """Counts it; a look at every row."""
    query = f"SELECT count(*), coalesce(sum({_SIZE}), 0), min(received) FROM message"
    return Archived(*spool.db.execute(query).fetchone())


class Keeper(threading.Thread):
    """Keeps the spool within its bounds until told to stop."""

    def __init__(self, settings: Settings, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name="keeper", daemon=True)
        self.failed: BaseException | None = None
        self._settings, self._stop_keeping = settings, stop
        self._clock = SteadyClock(clock)
        self._bytes = self._counted = 0  # of the messages up to the id `_counted`

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            self._keep()
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def _keep(self) -> None:
        next_rare = 0.0
        spool = Spool(self._settings.folder)
        try:
            while True:
                try:
                    self.trim(spool)
                    if time.monotonic() >= next_rare:
                        next_rare = time.monotonic() + _RARELY
                        self.forget(spool)
                except sqlite3.OperationalError as error:  # a full disk, or a lock that another holds
                    log.warning("keeper: the spool could not be trimmed: %s; trying again", error)
                if self._stop_keeping.wait(_ROUND):
                    return
        finally:
            spool.close()

    def trim(self, spool: Spool) -> int:
        """Lets go of archived messages that are too old or too many; returns how many went."""
        now = self._clock() * 1000
        if not self._clock.settled:
            return 0
        self._count(spool)
        oldest = now - self._settings.archive_days * _DAY
        gone = 0
        while not self._stop_keeping.is_set():
            too_many = self._bytes - self._settings.archive_mb * 1_000_000
            if self._short_of_room(spool):
                too_many = max(too_many, self._settings.free_mb * 1_000_000)
            bite = self._bite(spool, oldest, too_many)
            gone += bite
            if bite < _BITE:
                break
        return gone

    def _count(self, spool: Spool) -> None:
        """Adds the messages that have come since the last look."""
        query = f"SELECT sum({_SIZE}), max(id) FROM message WHERE id > ?"
        size, last = spool.db.execute(query, (self._counted,)).fetchone()
        if last is not None:
            self._bytes += size
            self._counted = last

    def _bite(self, spool: Spool, oldest: float, too_many: float) -> int:
        """Removes at most `_BITE` messages from the old end."""
        positions = dict(spool.db.execute("SELECT sink, position FROM cursor"))
        passed = min((positions.get(name, 0) for name in self._settings.stores), default=0)
        rows = spool.db.execute(
            f"SELECT id, received, {_SIZE} FROM message WHERE id <= ? ORDER BY id LIMIT ?",
            (min(passed, self._counted), _BITE),
        ).fetchall()
        cut = n = freed = 0
        for id_, received, size in rows:
            if received >= oldest and freed >= too_many:
                break
            cut, n, freed = id_, n + 1, freed + size
        if n:
            with spool.transaction():
                spool.db.execute("DELETE FROM message WHERE id <= ?", (cut,))
            self._bytes -= freed
        return n

    def _short_of_room(self, spool: Spool) -> bool:
        """Whether the intake will soon have to stop for want of room."""
        wanted = 2_000_000 * self._settings.free_mb
        free = shutil.disk_usage(spool.path.parent).free
        return free < wanted and free + spool.reusable() < wanted

    def forget(self, spool: Spool) -> None:
        """Forgets readings seen long before their device's newest, and old refusals."""
        now = self._clock() * 1000
        if not self._clock.settled:
            return
        remembered = self._settings.remember_days * 86400
        old = (
            "SELECT seen.t, seen.device FROM seen JOIN device ON device.no = seen.device"
            f" WHERE seen.t < ? AND seen.t < device.newest - ? LIMIT {_BITE}"
        )
        while rows := spool.db.execute(old, (int(now / 1000) - remembered, remembered)).fetchall():
            with spool.transaction():
                spool.db.executemany("DELETE FROM seen WHERE t = ? AND device = ?", rows)
        with spool.transaction():
            spool.db.execute(
                "DELETE FROM dated WHERE t < (SELECT newest - ? FROM device WHERE no = dated.device)", (remembered,)
            )
            forget_refused(spool.db, int(now))
        cut = (now - self._settings.quarantine_days * _DAY,)
        while spool.db.execute("SELECT 1 FROM quarantine WHERE received < ? LIMIT 1", cut).fetchone():
            with spool.transaction():
                some = f"SELECT id FROM quarantine WHERE received < ? LIMIT {_BITE}"
                spool.db.execute(f"DELETE FROM quarantine WHERE id IN ({some})", cut)
