# SPDX-License-Identifier: EUPL-1.2
"""Notices when the computer's clock jumps, by holding it against a clock that cannot be set.

The intake asks before it gives a reading its time, the keeper before it throws away what is old: both would do wrong by
a clock that somebody, or a time server gone mad, has just set a day ahead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

JUMP = 120.0  # more than this at once is no correction [s]
SETTLE = 600.0  # so long after a jump the clock is believed again [s]


def _boot_time() -> float:
    """Seconds since the computer was started, sleep included."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """The time of day, and whether it may be believed. One thread asks."""

    def __init__(self, clock: Callable[[], float] = time.time, boot_time: Callable[[], float] = _boot_time) -> None:
        self._clock, self._boot_time = clock, boot_time
        self._offset: float | None = None
        self._settled_at = 0.0

    def __call__(self) -> float:
        """Seconds since 1970."""
        now, since_boot = self._clock(), self._boot_time()
        offset = now - since_boot
        if self._offset is not None and abs(offset - self._offset) > JUMP:
            self._settled_at = since_boot + SETTLE
            log.error(
                "clock: it jumped by %+.0f s. For %.0f minutes no reading is dated by it and nothing is thrown away;"
                " kits keep such readings. Look after the time server.",
                offset - self._offset,
                SETTLE / 60,
            )
        self._offset = offset
        return now

    def peek(self) -> float:
        """The same for another thread; whether it jumped is looked for by the one that asks."""
        return self._clock()

    def hold_against(self, latest: float) -> None:
        """At a start: a clock that is behind what has come before was set wrong while nobody watched it [s]."""
        behind = latest - self()
        if latest and behind > JUMP:
            self._settled_at = self._boot_time() + SETTLE
            log.error(
                "clock: it is %.0f s behind the latest message of the spool. For %.0f minutes no reading is dated by it"
                "; kits keep such readings. Look after the time server.",
                behind,
                SETTLE / 60,
            )

    @property
    def settled(self) -> bool:
        """Whether it has not jumped for a while."""
        return self._boot_time() >= self._settled_at
