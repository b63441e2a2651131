# SPDX-License-Identifier: EUPL-1.2
"""A microphone on I2S, like machine.I2S: 24 bits in the upper part of 32, in the time of virtual.py. MicroPython.

Samples come from a `source(buffer, first)` that fills a buffer of 32-bit samples from number `first` on. What is not
read in 101 ms is lost, as on the board; `dropped` counts it. The clock is fast by `ppm` in a million. `faults` are
(from, to, kind) in virtual ms; kinds: "silence" (zeros), "stuck", "offset" (40 % of full scale), "gap" (samples are
lost), "stall" (nothing comes any more), "error" (OSError).
"""

import micropython
import virtual

DMA = 256  # samples come in pieces of so many
ROOM = 5000


class Microphone:
    opened = closed = dropped = 0

    def __init__(self, source, faults=(), ppm=0):
        self._source, self._faults, self._ppm = source, faults, ppm
        self._began = virtual.now_ms()
        self._next = 0
        Microphone.opened += 1

    def _fault(self):
        now = virtual.now_ms()
        for start, end, kind in self._faults:
            if start <= now < end:
                return kind
        return None

    def _ready(self):
        made = (virtual.now_ms() - self._began) * 48
        made = (made + made * self._ppm // 1_000_000) // DMA * DMA
        kept = made if self._fault() == "gap" else max(made - ROOM, self._next)
        Microphone.dropped += kept - self._next
        self._next = kept
        return made - kept

    def wait_ms(self):
        """How long until there is something to read."""
        if self._fault() == "stall":
            return 100_000_000
        ready = self._ready()
        return 0 if ready else DMA // 48 + 1

    def readinto(self, buffer):
        fault = self._fault()
        if fault == "error":
            raise OSError(5)
        n = min(self._ready(), len(buffer) // 4)
        if not n:
            return None
        piece = memoryview(buffer)[: 4 * n]
        if fault == "silence" or fault == "stuck":
            for i in range(4 * n):
                piece[i] = 0 if fault == "silence" else 0xA5
        else:
            self._source(piece, self._next)
            if fault == "offset":
                _shift(piece, n, 0x33333300)
        self._next += n
        return 4 * n

    def deinit(self):
        Microphone.closed += 1


@micropython.viper
def _shift(piece: ptr32, n: int, by: int):  # noqa: F821 - viper's own type
    for i in range(n):
        piece[i] = (piece[i] >> 1) + by


@micropython.viper
def _noise(piece: ptr32, n: int, seed: int, amplitude: int) -> int:  # noqa: F821
    for i in range(n):
        seed ^= seed << 13
        seed ^= (seed >> 17) & 32767
        seed ^= seed << 5
        piece[i] = ((seed >> 16) * amplitude) & -256
    return seed


class Noise:
    """White noise; an amplitude of 65535 is full scale."""

    def __init__(self, amplitude=100):
        self.amplitude, self._seed = amplitude, 12345

    def __call__(self, piece, first):
        self._seed = _noise(piece, len(piece) // 4, self._seed, self.amplitude)


class File:
    """Samples of a file, over and over."""

    def __init__(self, path):
        self._file = open(path, "rb")  # noqa: SIM115 - for as long as the microphone lives
        self._size = self._file.seek(0, 2)

    def __call__(self, piece, first):
        at = 0
        self._file.seek(4 * first % self._size)
        while at < len(piece):
            got = self._file.readinto(piece[at:])
            if not got:
                self._file.seek(0)
            at += got
