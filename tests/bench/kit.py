# SPDX-License-Identifier: EUPL-1.2
"""How much memory the whole application wants on a kit: the heap in which it lives its day, and the code in it.

docs/decisions/0013 has the profile behind these figures, and what was tried.
"""

from __future__ import annotations

from tests.bench.table import Bar
from tests.firmware import whole

STEP = 4  # kB


def measure() -> list[Bar]:
    """The smallest heaps of a virtual day [kB], and the code that always stays [kB]."""
    bars = []
    for everything, what in ((False, "with the first kit's sensors"), (True, "with six sensors")):
        heap = 48
        while whole.lives(heap, 24, everything) is None:
            heap += STEP
        note = "Wi-Fi, page, light, updates, microphone; what the simulation takes is not counted"
        bars.append(Bar(f"kit: heap for a day {what} [kB]", heap, 64, 48, "lower", "a board without PSRAM", note))
    kilobytes = whole.retained() / 1024
    note = "without microphone and further sensors"
    bars.append(Bar("kit: code that always stays [kB]", kilobytes, 35, 35, "lower", "a board without PSRAM", note))
    return bars
