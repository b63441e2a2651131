# SPDX-License-Identifier: EUPL-1.2
"""Time that goes as fast as the work is done, or some times faster than the wall clock's. MicroPython.

`jump()` replaces the clock of asyncio: when every task sleeps, time jumps to the first that wakes; there are no sockets
then. `hurry(n)` lets time pass n times as fast, with real sockets.
"""

import asyncio.core as core
import time

START = 1767225600  # 2026-01-01, s since 1970


class _Now:
    # Tasks that are due at once are queued by C code under the real time: virtual time must start there.
    began = ms = time.ticks_ms()


def now_ms():
    """Virtual time since the start."""
    return _Now.ms - _Now.began


def work(ms):
    """Time goes by, and nobody else gets a turn."""
    _Now.ms += ms


def _ticks():
    return _Now.ms


class _Jump:
    """In place of asyncio's queue of sockets. A stream tells itself after how long it can be read."""

    def __init__(self):
        self.map = {}

    def wait_io_event(self, dt):
        if dt > 0:
            _Now.ms += dt

    def queue_read(self, stream):
        core._task_queue.push(core.cur_task, time.ticks_add(_Now.ms, stream.wait_ms()))

    def remove(self, task):
        pass


def jump():
    """From now on time jumps, from the real time at this moment: call it just before asyncio.run."""
    _Now.began = _Now.ms = time.ticks_ms()
    core.ticks = _ticks
    core._io_queue = _Jump()


class _Hurry:
    def __init__(self, queue, speed):
        self._queue, self._speed = queue, speed

    def __getattr__(self, name):
        return getattr(self._queue, name)

    def wait_io_event(self, dt):
        self._queue.wait_io_event(dt if dt <= 0 else max(dt // self._speed, 1))


def hurry(speed):
    """From now on a real millisecond is `speed` of them. Returns the function that tells the time [ticks]."""
    # It starts at the real time, as C code queues tasks that are due at once under that: they must lie in the past.
    began = time.ticks_ms()

    def ticks():
        return time.ticks_add(began, time.ticks_diff(time.ticks_ms(), began) * speed)

    core.ticks = ticks
    core._io_queue = _Hurry(core._io_queue, speed)
    return ticks
