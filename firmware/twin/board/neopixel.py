# SPDX-License-Identifier: EUPL-1.2
"""In place of a board's `neopixel`: colours that nobody sees. MicroPython."""


class NeoPixel:
    def __init__(self, pin, n, bpp=3, timing=1):
        self._colours = [(0,) * bpp] * n

    def __setitem__(self, i, colour):
        self._colours[i] = colour

    def __getitem__(self, i):
        return self._colours[i]

    def fill(self, colour):
        self._colours = [colour] * len(self._colours)

    def write(self):
        pass
