# SPDX-License-Identifier: EUPL-1.2
"""Time: how long the kit has been on, always; what time it is, once somebody said so.

Integers only: a 32-bit float of today's Unix time is right to two minutes. The ESP32 counts from 2000, others from
1970; here it is 1970. `uptime_ms` must be called once a week or more often, as the chip's own counter wraps.
"""

import time

EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
RELEASED = 1767225600  # 2026-01-01: no true time lies before this [s since 1970]


class Clock:
    """One for the whole kit. `ticks` is time.ticks_ms, or a test's own."""

    def __init__(self, ticks=time.ticks_ms):
        self._ticks = ticks
        self._last = ticks()
        self._uptime = 0
        self._zero = None  # ms since 1970 when the uptime was 0

    def uptime_ms(self):
        """Since the start; never wraps, never goes back."""
        now = self._ticks()
        self._uptime += time.ticks_diff(now, self._last)
        self._last = now
        return self._uptime

    @property
    def known(self):
        """Whether it is known what time it is."""
        return self._zero is not None

    @property
    def zero_ms(self):
        """Unix time in ms at the start of this boot, or None."""
        return self._zero

    def set(self, unix_ms):
        """It is now `unix_ms`. Small corrections (under a second) are left out: time must not stutter."""
        zero = unix_ms - self.uptime_ms()
        if self._zero is None or abs(zero - self._zero) >= 1000:
            self._zero = zero
            return True
        return False

    def unix_ms(self, uptime_ms):
        """Unix time at a moment of the uptime; None while it is not known."""
        return None if self._zero is None else self._zero + uptime_ms


def set_chip(unix_s):
    """Sets the chip's own clock [s since 1970], by which TLS judges the dates of certificates."""
    import machine

    year, month, day, hour, minute, second, weekday = time.gmtime(unix_s - EPOCH)[:7]
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))
