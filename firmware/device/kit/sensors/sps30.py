# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SPS30: particulate matter (data sheet version 1.0, sections 4.2 and 6)."""

import asyncio
import struct

from kit.sensors.bus import BadFrame
from kit.sensors.sensirion import ask_text, crc8, words

_START_FLOAT = b"\x00\x10\x03\x00" + bytes([crc8(b"\x03\x00")])
_STOP = const(b"\x01\x04")
_READY = const(b"\x02\x02")
_READ = const(b"\x03\x00")
_CLEAN = const(b"\x56\x07")
_PRODUCT_TYPE = const(b"\xd0\x02")
_SERIAL = const(b"\xd0\x33")
_WARM_UP = const(30)  # s until the values hold, at low concentrations


def parse(frame):
    """Sixty bytes to {pm1, pm25, pm4, pm10} [ug/m3]; BadFrame if a check sum is wrong or a value is no number."""
    found = words(frame, 20)
    values = {}
    for i, name in enumerate(SPS30.QUANTITIES):
        value = struct.unpack(">f", struct.pack(">HH", found[2 * i], found[2 * i + 1]))[0]
        if not 0 <= value < 100000:  # NaN is not
            raise BadFrame("%s is %s" % (name, value))
        values[name] = value
    return values


class SPS30:
    """On the bus; measures by itself every second once it was started."""

    NAME = "SPS30"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = ("pm1", "pm25", "pm4", "pm10")

    def __init__(self, bus, address):
        self._bus, self.address, self.serial = bus, address, ""
        self._cleaned = False

    async def identify(self):
        """A SEN5x has the same address, and no such command or another answer."""
        if await ask_text(self._bus, self.address, _PRODUCT_TYPE, 4) != "00080000":
            return False
        self.serial = await ask_text(self._bus, self.address, _SERIAL, 16)
        return True

    async def start(self):
        """Starts the fan and waits until values hold.

        The sensor cleans its fan once a week, but counts only while it has power: so it cleans when the kit starts too.
        """
        await self._bus.command(self.address, _STOP, 20)
        await self._bus.command(self.address, _START_FLOAT, 20)
        if not self._cleaned:
            await self._bus.command(self.address, _CLEAN, 20)
            self._cleaned = True
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The newest values; BadFrame if there are none although the sensor should have some."""
        if words(await self._bus.command(self.address, _READY, 5, 3), 1)[0] != 1:
            raise BadFrame("no new values")
        return parse(await self._bus.command(self.address, _READ, 5, 60))
