# SPDX-License-Identifier: EUPL-1.2
"""The noise kernel once more, in numpy, on many channels at once, with an eye on every number: none may leave 32 bits.

Beside it the analytic weightings of IEC 61672-1:2013, annex E, and the limits of class 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RATE = 48000
BLOCK = 1200
FULL = 2.0**31  # full scale of a sample, 24 bits in the upper part of 32
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# dB, added to 10 lg of the mean square behind a filter: A and C are 0 dB at 1 kHz.
GAIN_A, GAIN_C = 1.51, 0.05

POLES = (20.598997, 107.65265, 737.86223, 12194.217)  # Hz
THIRDS = 1000 * 10 ** (np.arange(-15, 13) / 10)  # Hz, exact, 31.5 Hz to 16 kHz
NOMINAL = (
    31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000,
    5000, 6300, 8000, 10000, 12500, 16000,
)  # fmt: skip
# Limits of class 2 [dB], upper and lower, at these frequencies. Taken from two secondary sources that agree; the
# standard itself was not at hand.
CLASS_2_UPPER = (
    3, 2, 2, 2, 2, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1, 1.5, 2, 2, 2.5, 2.5, 3, 3.5, 4.5, 5, 5, 5, 5,
)  # fmt: skip
CLASS_2_LOWER = tuple(-one if hertz < 10000 else -np.inf for one, hertz in zip(CLASS_2_UPPER, NOMINAL, strict=True))


def c_weighting(hertz: Floats) -> Floats:
    """C-weighting [dB]."""
    f = np.asarray(hertz, dtype=float)

    def raw(f: Floats) -> Floats:
        return 20 * np.log10(POLES[3] ** 2 * f**2 / ((f**2 + POLES[0] ** 2) * (f**2 + POLES[3] ** 2)))

    return raw(f) - raw(np.array(1000.0))


def a_weighting(hertz: Floats) -> Floats:
    """A-weighting [dB]."""
    f = np.asarray(hertz, dtype=float)

    def extra(f: Floats) -> Floats:
        return 20 * np.log10(f**2 / np.sqrt((f**2 + POLES[1] ** 2) * (f**2 + POLES[2] ** 2)))

    return c_weighting(f) + extra(f) - extra(np.array(1000.0))


class Model:
    """Filters and sums for some channels; `largest` is the largest number that 32 bits had to hold."""

    def __init__(self, channels: int) -> None:
        self.memory = [np.zeros(channels, np.int64) for _ in range(6)]
        self.low_high = [np.zeros(channels, np.int64) for _ in range(4)]
        self.clips = np.zeros(channels, np.int64)
        self.largest = 0

    def _fits(self, number: Ints) -> Ints:
        self.largest = max(self.largest, int(np.abs(number).max(initial=0)))
        assert self.largest < 2**31, "32 bits overflow"
        return number

    def _high_pass(self, x: Ints, section: int, factor: int, shift: int) -> Ints:
        x = self._fits(x - (self.memory[section] >> 10))
        self.memory[section] = self._fits(self.memory[section] + (self._fits(x * factor) >> shift))
        return x

    def _low_pass(self, x: Ints, section: int) -> Ints:
        self.memory[section] = self._fits(x - (self._fits(x - self.memory[section]) >> 2))
        return self.memory[section]

    def _add_square(self, x: Ints, first: int) -> None:
        square = x * x
        assert square.max(initial=0) < 2**32, "32 bits without a sign overflow"
        self.low_high[first] = self._fits(self.low_high[first] + (square & 65535))
        self.low_high[first + 1] = self._fits(self.low_high[first + 1] + (square >> 16))

    def weigh(self, samples: npt.NDArray[np.int32]) -> None:
        """Takes samples, shape (n, channels)."""
        for sample in samples.astype(np.int64):
            x = self._high_pass(sample >> 12, 0, 1412, 9)
            x = self._high_pass(x, 1, 1412, 9)
            x = self._low_pass(self._low_pass(self._fits(x << 6), 2), 3) >> 8
            self.clips += np.abs(x) > 65535
            x = np.clip(x, -65535, 65535)
            self._add_square(x, 0)
            x = self._high_pass(x, 4, 1834, 7)
            x = self._high_pass(x, 5, 1508, 4)
            self._add_square(np.clip(x, -65535, 65535), 2)

    def state(self) -> Ints:
        """As the kernel's, shape (channels, 11)."""
        return np.stack([*self.memory, *self.low_high, self.clips], axis=1)


def samples(signal: Floats) -> npt.NDArray[np.int32]:
    """A signal (full scale is 1) as the microphone gives it: 24 bits, cropped, in the upper part of 32."""
    return np.clip(np.round(signal * 2**23), -(2**23), 2**23 - 1).astype(np.int32) << 8
