# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SEN50, SEN54, SEN55: particulate matter, and in the larger ones air (data sheet version 2, section 6)."""

import asyncio

from kit.sensors.bus import BadFrame
from kit.sensors.sensirion import UNKNOWN, ask_text, words

_START = const(b"\x00\x21")
_READY = const(b"\x02\x02")
_NAME = const(b"\xd0\x14")
_SERIAL = const(b"\xd0\x33")
_RESET = const(b"\xd3\x04")
_WARM_UP = const(30)  # s until values of dust hold, at low concentrations
FIELDS = (
    ("pm1", 10), ("pm25", 10), ("pm4", 10), ("pm10", 10),
    ("humidity", 100), ("temperature", 200), ("voc_index", 10), ("nox_index", 10),
)  # fmt: skip
_GIVEN = {"SEN50": 4, "SEN54": 7, "SEN55": 8}  # how many of them each type measures


def scale(found, fields):
    """Words to {name: value}; those that are unknown are left out. `fields`: (name, what the word is divided by)."""
    values = {}
    for word, (name, divisor) in zip(found, fields):
        # An index begins at 1: 0 is the first minute, in which it is not known yet.
        if word in UNKNOWN or (word == 0 and name[3:] == "_index"):
            continue
        signed = word & 0x8000 and name[:2] != "pm" and name != "co2"
        values[name] = (word - 0x10000 if signed else word) / divisor
    return values


def parse(frame):
    """24 bytes to {pm1.. [ug/m3], humidity [%], temperature [Cel], voc_index, nox_index} without what is unknown."""
    return scale(words(frame, 8), FIELDS)


class SEN5x:
    """On the bus; measures by itself every second once it was started."""

    NAME = "SEN5x"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = ()  # by type
    READ = b"\x03\xc4"
    LENGTH = 24
    RESET_MS = 200
    parse = staticmethod(parse)

    def __init__(self, bus, address):
        self._bus, self.address, self.serial = bus, address, ""

    async def identify(self):
        """Asks for the name: an SPS30 has the same address."""
        self.NAME = await ask_text(self._bus, self.address, _NAME, 16)
        self.QUANTITIES = [name for name, _ in FIELDS[: _GIVEN.get(self.NAME, 0)]]
        self.serial = await ask_text(self._bus, self.address, _SERIAL, 16)
        return bool(self.QUANTITIES)

    async def start(self):
        """Starts anew, whatever it was doing, and waits until values hold."""
        await self._bus.command(self.address, _RESET)
        await asyncio.sleep_ms(self.RESET_MS)
        await self._bus.command(self.address, _START)
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The newest values; BadFrame if there are none although the sensor should have some."""
        # The upper byte is padding.
        if not words(await self._bus.command(self.address, _READY, 20, 3), 1)[0] & 1:
            raise BadFrame("no new values")
        return self.parse(await self._bus.command(self.address, self.READ, 20, self.LENGTH))
