# SPDX-License-Identifier: EUPL-1.2
"""From energies of blocks of 25 ms to the levels of an interval, in hundredths of a dB.

Means are of energies, never of decibels; their sums are integers, which MicroPython lets grow as they need. Floats of
32 bits, as boards have them, only appear as one block's energy and in logarithms: there they are right to 0.0001 dB.
"""

import math
from array import array

BLOCK = 1200  # samples in 25 ms

# A block's part in the time weighting "fast", 125 ms (IEC 61672-1, 3.8): 1 - exp(-25 / 125).
_FAST = 0.1812692
# Percentiles come from classes of half a dB, from 10 lg 0.1 of the kernel's mean square to its limit.
_CLASSES = const(216)
_LOWEST = const(-1000)
# Hundredths of a dB. A full-scale sine is 20 lg (2^17) - 3.01 for the kernel; at 1 kHz both weightings are 0 dB.
_FULL_SCALE = const(9934)
_GAIN_A = const(151)
_GAIN_C = const(5)
_PASCAL = const(9400)  # 1 Pa, at which data sheets give the sensitivity


def _level(mean_square):
    """10 lg in hundredths; silence is what the classes begin with."""
    if mean_square < 0.1:
        return _LOWEST
    return int(434.29448 * math.log(mean_square) + 1000.5) - 1000  # plus 1000: int() rounds to 0


class Levels:
    """Takes blocks, gives levels. `blocks` is how many it has taken in this interval."""

    def __init__(self):
        self._classes = array("H", bytes(2 * _CLASSES))
        self._fast = None  # mean square with the time weighting, which runs on from interval to interval
        self.clear()

    def clear(self):
        """Begins a new interval."""
        self.blocks = self._a = self._c = 0
        self._highest = self._least = None
        for i in range(_CLASSES):
            self._classes[i] = 0

    def restart(self):
        """What comes next has no connection with what was before."""
        self._fast = None

    def add(self, a, c):
        """A block's sums of squares behind the A- and the C-weighting."""
        self.blocks += 1
        self._a += a
        self._c += c
        mean = a / BLOCK
        fast = mean if self._fast is None else self._fast + (mean - self._fast) * _FAST
        self._fast = fast
        if self.blocks == 1:
            self._highest = self._least = fast
        elif fast > self._highest:
            self._highest = fast
        elif fast < self._least:
            self._least = fast
        self._classes[min((_level(fast) - _LOWEST) // 50, _CLASSES - 1)] += 1

    def _exceeded(self, percent):
        """The level that is exceeded for so much of the time: linear within a class, within what there was."""
        wanted = self.blocks * percent
        i = _CLASSES - 1
        while wanted > self._classes[i] * 100:
            wanted -= self._classes[i] * 100
            i -= 1
        found = _LOWEST + 50 * (i + 1) - 50 * wanted // (self._classes[i] * 100)
        return min(max(found, _level(self._least)), _level(self._highest))

    def values(self, sensitivity, offset):
        """{quantity: level} for a microphone of a sensitivity (of 1 Pa, under full scale), and what is to be added."""
        a = _PASCAL - sensitivity - _FULL_SCALE + _GAIN_A + offset
        c = a - _GAIN_A + _GAIN_C
        n = self.blocks * BLOCK
        return {
            "laeq": _level(self._a / n) + a,
            "lceq": _level(self._c / n) + c,
            "lafmax": _level(self._highest) + a,
            "lafmin": _level(self._least) + a,
            "la10": self._exceeded(10) + a,
            "la50": self._exceeded(50) + a,
            "la90": self._exceeded(90) + a,
        }
