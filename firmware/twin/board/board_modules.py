# SPDX-License-Identifier: EUPL-1.2
"""Makes modules look as they do on a board: `sys` and `micropython` with another port, hardware that is simulated.

What a board has and a computer has not is imported here, while this folder can still be read: afterwards the flash is
all there is. MicroPython.
"""

import micropython
import sys
from collections import namedtuple

import air
import esp32  # noqa: F401 - a board has it
import machine
import neopixel  # noqa: F401 - a board has it
import network
import ntptime  # noqa: F401 - a board has it

MACHINE = "Twin of an ESP32-S3 board with ESP32S3"
BANNER = ("MicroPython %s; %s" % (".".join(map(str, sys.implementation[1][:3])), MACHINE)).encode()


_FIELDS = ("name", "version", "_machine", "_mpy")
_IMPLEMENTATION = namedtuple("", _FIELDS)(*sys.implementation[:2], MACHINE, sys.implementation._mpy)


class _Changed:
    """A module with some names changed."""

    def __init__(self, module, **names):
        self._module = module
        for name, value in names.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def install(console, order):
    """From now on `import sys` and `import micropython` find a board's."""
    modules = sys.modules
    modules["sys"] = _Changed(sys, stdout=console, platform="esp32", implementation=_IMPLEMENTATION)
    modules["micropython"] = _Changed(micropython, kbd_intr=console.port.kbd_intr)
    machine.cause = order["cause"]
    machine.parts = air.parts(order["sensors"])
    network.AIR.update(order["networks"])
