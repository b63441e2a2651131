# SPDX-License-Identifier: EUPL-1.2
"""A serial line (UART) on which a sensor sends frames: finds where one begins, wherever the listening began."""

import asyncio

from kit.sensors.bus import BadFrame

_POLL_MS = const(20)  # at 9600 baud as many bytes
_TIMED_OUT = const(110)


class Serial:
    """Around machine.UART. Holds two frames of the longest kind at most; what nobody takes is lost."""

    def __init__(self, uart):
        self._uart = uart
        self._buffer = bytearray(64)
        self._n = 0

    def write(self, data):
        """Sends bytes."""
        self._uart.write(data)

    def flush(self):
        """Drops what came so far."""
        self._n = 0
        while self._uart.any():
            self._uart.readinto(self._buffer)

    async def hear(self, heads, wait_ms):
        """The first of the heads that comes, or None; nothing is dropped but what is before it."""
        for _ in range(0, wait_ms, _POLL_MS):
            self._fill()
            for head in heads:
                at = bytes(self._buffer[: self._n]).find(head)
                if at >= 0:
                    self._drop(at)
                    return head
            self._drop(max(self._n - 8, 0))
            await asyncio.sleep_ms(_POLL_MS)
        return None

    async def take(self, head, length, parse, wait_ms):
        """What `parse` makes of the next frame that begins with `head`. OSError if none comes in time.

        After a BadFrame only the head's first byte is dropped: a sound frame may begin within the damaged one.
        """
        while True:
            self._align(head)
            if self._n >= length:
                try:
                    values = parse(bytes(self._buffer[:length]))
                except BadFrame:
                    self._drop(1)
                    raise
                self._drop(length)
                return values
            if wait_ms <= 0:
                raise OSError(_TIMED_OUT)
            await asyncio.sleep_ms(_POLL_MS)
            wait_ms -= _POLL_MS
            self._fill()

    def _fill(self):
        if self._uart.any():
            self._n += self._uart.readinto(memoryview(self._buffer)[self._n :]) or 0

    def _align(self, head):
        """Drops what is before the head, or before what may become one."""
        have = bytes(self._buffer[: self._n])
        at = have.find(head)
        if at < 0:
            at = self._n
            for n in range(min(len(head) - 1, self._n), 0, -1):
                if have[-n:] == head[:n]:
                    at -= n
                    break
        self._drop(at)

    def _drop(self, n):
        if n:
            left = self._n - n
            self._buffer[:left] = self._buffer[n : self._n]
            self._n = left


def open_serial(tx, rx):
    """The line on two GPIO numbers of the board; the sensors' speed is 9600 baud."""
    from machine import UART

    return Serial(UART(1, baudrate=9600, tx=tx, rx=rx, rxbuf=256, timeout=0))
