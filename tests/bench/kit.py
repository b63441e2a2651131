# SPDX-License-Identifier: EUPL-1.2
"""How much memory the whole application wants on a kit: the heap in which it lives its day, and the code in it.

docs/decisions/0013 has the profile behind these figures, and what was tried; 0028 is about code in ROM.
"""

from __future__ import annotations

from tests.bench.table import Bar
from tests.firmware import whole

STEP = 4  # kB
_OWN_IMAGE = "; needs a MicroPython that was built with ROM, which no published image is"


def measure() -> list[Bar]:
    """The smallest heaps of a virtual day [kB], and the code that always stays [kB]."""
    bars = []
    for rom, where in ((False, ""), (True, ", code in ROM")):
        for everything, what in ((False, "with the first kit's sensors"), (True, "with six sensors")):
            heap = 48
            while whole.lives(heap, 24, everything, rom) is None:
                heap += STEP
            note = "Wi-Fi, page, light, updates, microphone; what the simulation takes is not counted"
            name = f"kit: heap for a day {what}{where} [kB]"
            bars.append(Bar(name, heap, 64, 48, "lower", "a board without PSRAM", note + _OWN_IMAGE * rom))
        kilobytes = whole.retained(rom) / 1024
        note = "without microphone and further sensors" + _OWN_IMAGE * rom
        name = f"kit: code that always stays{where} [kB]"
        bars.append(Bar(name, kilobytes, 35, 35, "lower", "a board without PSRAM", note))
    return bars
