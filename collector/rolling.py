# SPDX-License-Identifier: EUPL-1.2
"""The roller: packs the hours of a running collector's embedded store, once a day for each series.

It works through a connection of its own, a block at a time, and rests for three times as long as it worked. What it has
not packed yet is made from values when asked for, so answers are the same with it and without. The service starts it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from collector.errors import SettingError, StoreError
from collector.moments import HOUR
from collector.quantities import QUANTITIES, Averaging
from collector.series.hours import hour_sums
from collector.settings import Settings
from collector.store.base import HourSums, Values
from collector.store.rollups import Ints
from collector.store.sqlite import SqliteStore

log = logging.getLogger(__name__)

_SETTLED = 2 * HOUR  # most values are there by then, and judged
_REST = 3.0  # for each second of work


class Roller(threading.Thread):
    """Packs hours until told to stop. `clock` gives seconds since 1970."""

    def __init__(self, settings: Settings, stop: threading.Event, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name="roller", daemon=True)
        self.failed: BaseException | None = None
        self._settings, self._stop_rolling, self._clock = settings, stop, clock

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            while not self._stop_rolling.wait(self._settings.rollup_s):
                try:
                    self.look()
                except (StoreError, SettingError) as error:
                    log.warning("roll up: %s Answers are slower until the next try.", error)
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def look(self) -> int:
        """Packs what there is to pack now; returns of how many series."""
        store = SqliteStore(self._settings.folder)
        try:
            until, done = int(self._clock()) - _SETTLED, 0
            while True:
                begun = time.thread_time()
                some = roll_up(store, until)
                done += some
                if not some or self._stop_rolling.wait(_REST * (time.thread_time() - begun)):
                    return done
        finally:
            store.close()


def roll_up(store: SqliteStore, until: int) -> int:
    """Packs the hours of some series up to a moment; returns of how many, 0 when all is done."""
    return store.roll_up(until, _make, most=20)


def _make(quantity: str, values: Values, grid: Ints) -> HourSums | None:
    """The hours of a quantity; None where its rule allows none."""
    if quantity in QUANTITIES and QUANTITIES[quantity].averaging is Averaging.NONE:
        return None
    return hour_sums(values, quantity, grid)
