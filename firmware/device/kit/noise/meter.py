# SPDX-License-Identifier: EUPL-1.2
"""The sound level meter: listens without a pause, keeps energies, tells levels at the end of each interval.

Samples live in one buffer of 12.5 ms and are written over by the next; nothing hands them on. What was not heard is
counted: an interval of which too little was heard, or in which the microphone was at fault, gives no levels.
"""

import asyncio
import time
from array import array

from kit.noise.kernel import RATE, weigh
from kit.noise.levels import BLOCK, Levels
from kit.noise.microphone import MODELS

_BLOCK_MS = BLOCK * 1000 // RATE
_PIECE = BLOCK // 2  # samples that are read at once: a small heap has no room for more in one place
_BYTES = 4 * _PIECE
_NAP_MS = const(20)  # between two blocks, so that reads find whole pieces
_SETTLE = const(40)  # blocks that are left out at first: the microphone wakes up, the filter settles
_WINDOW = const(40)  # blocks; in so many the reader is in time at least once
_JUMP_MS = const(4)  # later than in the last window by so much: samples were lost, a DMA buffer of 5.3 ms or more
_STALL_S = const(3)
_LONGEST_PAUSE = const(600)  # s
_GRACE = const(120)  # s that it may be late before the watchdog calls it hung
_COVERAGE = const(90)  # % of an interval that must have been heard
_OFFSET = const(
    52429
)  # a tenth of full scale, as the filter's memory has it: no sound microphone has that direct current
_TOO_QUIET = const(1000)  # hundredths of a dB under the microphone's own noise


class Meter:
    """`open_` gives a stream of samples, as machine.I2S is one; `alive` is told the watchdog's words; tests have ticks.

    `faulty` is whether the microphone was at fault in the last interval.
    """

    NAME = "noise"

    def __init__(self, open_, settings, alive=None, ticks=time.ticks_ms):
        self._open, self._alive, self._ticks = open_, alive, ticks
        self.faulty = False
        self._sensitivity, self._own_noise = MODELS[settings["microphone"]]
        self._offset = settings["microphone_offset"]
        self._bytes = memoryview(bytearray(_BYTES))
        # Two views, one sample apart, are equal only if all samples are.
        self._but_last, self._but_first, self._first = self._bytes[:-4], self._bytes[4:], self._bytes[:4]
        self._state = array("i", bytes(44))
        self._levels = Levels()
        self._heard = self._restarts = 0  # blocks, and streams that ended, since the start
        self._lost = self._clips = self._withheld = self._us = 0  # samples; samples; intervals; of the last piece
        self._accounted = ticks()  # until here each millisecond was heard or is lost
        self._told = {"coverage": 0, "fault": "starting"}
        self._clear()

    def _clear(self):
        self._levels.clear()
        self._left_out = self._lost_ms = self._direct = 0
        self._same = ""  # or what a block was in which all samples are the same, as no sound has it

    async def run(self):
        """Runs for ever: listens, and when the stream fails or falls silent begins again, with growing pauses."""
        pause = 1
        while True:
            began, last = self._heard, -1
            task = asyncio.create_task(self._listen())
            try:
                while self._heard != last and not task.done():
                    last = self._heard
                    await self._sleep(_STALL_S)
            finally:
                task.cancel()
            self._restarts += 1
            if self._heard - began > 1000:
                pause = 1
            await self._sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _sleep(self, seconds):
        if self._alive:
            self._alive(self.NAME, seconds + _GRACE)
        await asyncio.sleep(seconds)

    async def _listen(self):
        try:
            stream = self._open()
        except OSError:
            return  # `run` sees that the task has ended
        try:
            reader = asyncio.StreamReader(stream)
            self._begin()
            while True:
                reads = 0
                for _ in range(BLOCK // _PIECE):
                    at = 0
                    while at < _BYTES:
                        at += await reader.readinto(self._bytes[at:] if at else self._bytes) or 0
                        reads += 1
                    self._weigh()
                self._take()
                if reads > BLOCK // _PIECE:  # else it is late
                    await asyncio.sleep_ms(_NAP_MS)
        except OSError:
            pass  # likewise
        finally:
            stream.deinit()

    def _begin(self):
        """A stream begins: what came before it is lost."""
        now = self._ticks()
        self._lose(time.ticks_diff(now, self._accounted))
        self._accounted = now
        self._late = self._in_window = 0
        self._least_late = self._late_before = None
        for i in range(11):
            self._state[i] = 0
        self._settling, self._moves = _SETTLE, False

    def _weigh(self):
        """Weighs a piece; from here on there are only energies."""
        began = time.ticks_us()
        weigh(0, 0, 0, self._bytes, _PIECE, self._state)
        self._us = time.ticks_diff(time.ticks_us(), began)
        if self._but_last != self._but_first:
            self._moves = True

    def _take(self):
        """Takes the energies of a block."""
        state = self._state
        c, a = state[7] * 65536 + state[6], state[9] * 65536 + state[8]
        clips = state[10]
        for i in range(6, 11):
            state[i] = 0
        self._heard += 1
        self._account()
        if self._settling:
            self._settling -= 1
            self._left_out += 1
            self._levels.restart()
        elif not self._moves:
            self._same = "stuck" if any(self._first) else "silent"
            self._left_out += 1
            self._settling = _SETTLE
        else:
            self._levels.add(a, c)
            self._direct += state[0] >> 10
            self._clips += clips
        self._moves = False

    def _account(self):
        """Finds gaps: after one, the reader is later than it ever was in the window before."""
        now = self._ticks()
        self._late += time.ticks_diff(now, self._accounted) - _BLOCK_MS
        self._accounted = now
        if self._least_late is None or self._late < self._least_late:
            self._least_late = self._late
        self._in_window += 1
        if self._in_window < _WINDOW:
            return
        jump = 0 if self._late_before is None else self._least_late - self._late_before
        if abs(jump) >= _JUMP_MS:
            self._lose(max(jump, -self._lost_ms))  # less than 0: it was busy for the whole window, and nothing was lost
        # A drift between the clocks of sound and time is no gap: each window is compared with the last one only.
        self._late_before, self._least_late, self._in_window = self._least_late, None, 0

    def _lose(self, ms):
        self._lost_ms += ms
        self._lost += ms * (RATE // 1000)

    def close(self):
        """The interval's levels in hundredths of a dB, {name: int}, or {} if they would not be true; begins anew."""
        now = self._ticks()
        behind = time.ticks_diff(now, self._accounted)
        if behind > 1000:  # nothing comes
            self._lose(behind)
            self._accounted = now
        blocks = self._levels.blocks
        arrived = blocks + self._left_out
        coverage = blocks * _BLOCK_MS * 100 // max(arrived * _BLOCK_MS + self._lost_ms, 1)
        values = self._levels.values(self._sensitivity, self._offset) if blocks else {}
        fault = ""
        if not arrived:
            fault = "no data"
        elif self._same:
            fault = self._same  # and were it for a moment only: the step into it is loud
        elif coverage < _COVERAGE:
            fault = "gaps"
        elif abs(self._direct) > _OFFSET * blocks:
            fault = "offset"
        elif values["laeq"] - self._offset < self._own_noise - _TOO_QUIET:
            fault = "silent"
        self._told = {"coverage": coverage, "fault": fault}
        self.faulty = fault not in ("", "gaps")
        self._clear()
        if fault:
            self._withheld += 1
            return {}
        return values

    def health(self):
        """For the status: the last interval's coverage [%] and fault, and what was counted since the start."""
        return dict(
            self._told,
            clips=self._clips,
            lost=self._lost,
            withheld=self._withheld,
            restarts=self._restarts,
            us=self._us,
        )
