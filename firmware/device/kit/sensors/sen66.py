# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SEN66: particulate matter, air and carbon dioxide (data sheet version 0.9 of the SEN6x, section 4.8)."""

import asyncio

from kit.sensors.sen5x import FIELDS, SEN5x, scale
from kit.sensors.sensirion import ask_text, words

_STOP = const(b"\x01\x04")
_STOP_MS = const(1400)
_NAME = const(b"\xd0\x14")
_SERIAL = const(b"\xd0\x33")
_FIELDS = FIELDS + (("co2", 1),)


def parse(frame):
    """27 bytes to what a SEN55 gives and co2 [ppm], without what is unknown yet."""
    values = scale(words(frame, 9), _FIELDS)
    if not values.get("co2", 1):
        del values["co2"]  # air without any is a sensor that has not measured
    return values


class SEN66(SEN5x):
    """On the bus. Its relatives at the same address have other commands to read, and are not taken for it."""

    NAME = "SEN66"
    QUANTITIES = tuple([name for name, _ in _FIELDS])
    READ = b"\x03\x00"
    LENGTH = 27
    RESET_MS = 1200
    parse = staticmethod(parse)

    async def identify(self):
        """Asks for the name."""
        name = await ask_text(self._bus, self.address, _NAME, 16)
        self.serial = await ask_text(self._bus, self.address, _SERIAL, 16)
        return name == "SEN66"

    async def start(self):
        """As its parent, but it may be reset only when it rests; it rests long."""
        try:
            await self._bus.command(self.address, _STOP)
            await asyncio.sleep_ms(_STOP_MS)
        except OSError:
            pass  # it may refuse to stop when it rests; if it is gone, the reset will tell
        await SEN5x.start(self)
