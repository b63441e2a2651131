# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SPS30: particulate matter (data sheet version 1.0, sections 4.2 and 6)."""

import asyncio
import struct

from kit.sensors.bus import BadFrame, crc8, words

_START_FLOAT = b"\x00\x10\x03\x00" + bytes([crc8(b"\x03\x00")])
_STOP = b"\x01\x04"
_READY = b"\x02\x02"
_READ = b"\x03\x00"
_NAMES = ("pm1", "pm25", "pm4", "pm10")
_WARM_UP = 30  # s until the values hold, at low concentrations


def parse(frame):
    """Sixty bytes to {pm1, pm25, pm4, pm10} [ug/m3]; BadFrame if a check sum is wrong or a value is no number."""
    found = words(frame, 20)
    values = {}
    for i, name in enumerate(_NAMES):
        value = struct.unpack(">f", struct.pack(">HH", found[2 * i], found[2 * i + 1]))[0]
        if not 0 <= value < 100000:  # NaN is not
            raise BadFrame("%s is %s" % (name, value))
        values[name] = value
    return values


class SPS30:
    """On the bus; measures by itself every second once it was started."""

    NAME = "SPS30"
    ADDRESS = 0x69
    PERIOD = 10

    def __init__(self, bus):
        self._bus = bus

    async def start(self):
        """Starts the fan and waits until values hold."""
        await self._bus.command(self.ADDRESS, _STOP, 20)
        await self._bus.command(self.ADDRESS, _START_FLOAT, 20)
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The newest values; BadFrame if there are none although the sensor should have some."""
        if words(await self._bus.command(self.ADDRESS, _READY, 5, 3), 1)[0] != 1:
            raise BadFrame("no new values")
        return parse(await self._bus.command(self.ADDRESS, _READ, 5, 60))
