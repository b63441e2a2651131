# SPDX-License-Identifier: EUPL-1.2
"""Makes modules look as they do on a board: `sys` and `micropython` with another port, hardware that is simulated.

What a board has and a computer has not is imported here, while this folder can still be read: afterwards the flash is
all there is. MicroPython.
"""

import asyncio
import micropython
import sys
import time
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


_2000 = 946_684_800  # s since 1970: an ESP32 counts from there
_MARCH_0_TO_2000 = 730_426  # days
_FREE_PORTS = 8000  # what only the computer's root may use is moved up by so much


class _Time:
    """An ESP32's clock: whole seconds since 2000, and moments as eight numbers."""

    @staticmethod
    def time():
        return int(time.time()) - _2000

    @staticmethod
    def gmtime(seconds=None):
        return time.gmtime(_2000 + (_Time.time() if seconds is None else seconds))[:8]

    @staticmethod
    def mktime(moment):
        year, month, day, hour, minute, second = moment[:6]
        year, month = year + (month - 3) // 12, (month + 9) % 12  # years that begin in March end with the leap day
        days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day
        return ((days - _MARCH_0_TO_2000) * 24 + hour) * 3600 + minute * 60 + second


class _Changed:
    """A module with some names changed."""

    def __init__(self, module, **names):
        self._module = module
        for name, value in names.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        return getattr(self._module, name)


def _start_server(called, host, port, *more):
    """As asyncio's; a page that a board has on port 80 is on 8080."""
    return _listen(called, host, port + _FREE_PORTS if port < 1024 else port, *more)


_listen, asyncio.start_server = asyncio.start_server, _start_server


def install(console, order):
    """From now on `import sys` and `import micropython` find a board's."""
    modules = sys.modules
    modules["sys"] = _Changed(sys, stdout=console, platform="esp32", implementation=_IMPLEMENTATION)
    modules["micropython"] = _Changed(micropython, kbd_intr=console.port.kbd_intr)
    modules["time"] = _Changed(time, time=_Time.time, gmtime=_Time.gmtime, localtime=_Time.gmtime, mktime=_Time.mktime)
    machine.cause = order["cause"]
    machine.parts = air.parts(order["sensors"])
    network.AIR.update(order["networks"])
