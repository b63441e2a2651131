# SPDX-License-Identifier: EUPL-1.2
"""In place of a board's `esp32`: what no kit depends on, but programs may ask. MicroPython."""


def mcu_temperature():
    return 40


def idf_heap_info(kind):
    """(total, free, largest free piece, least free ever) of each region."""
    return [(262_144, 131_072, 110_592, 98_304)]


HEAP_DATA, HEAP_EXEC = 4, 1
