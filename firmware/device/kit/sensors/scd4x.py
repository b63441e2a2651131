# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SCD40, SCD41: carbon dioxide (data sheet version 1.5, sections 3.5 to 3.9).

It calibrates itself by taking the lowest value of a week for 400 ppm: right outside, and in rooms that are aired every
day. Air pressure is not compensated: 1 % of it changes the value by about 1 %.
"""

import asyncio

from kit.sensors.bus import BadFrame
from kit.sensors.sensirion import words

_START = const(b"\x21\xb1")  # a value every 5 s
_STOP = const(b"\x3f\x86")
_STOP_MS = const(500)
_READY = const(b"\xe4\xb8")
_READ = const(b"\xec\x05")
_SERIAL = const(b"\x36\x82")
_WARM_UP = const(11)  # s; the first value after the start is to be thrown away


def parse(frame):
    """Nine bytes to {co2 [ppm], temperature [Cel], humidity [%]}; no co2 if it is 0, which means: not measured."""
    co2, temperature, humidity = words(frame, 3)
    values = {"temperature": -45 + 175 * temperature / 65535, "humidity": 100 * humidity / 65535}
    if co2:
        values["co2"] = co2
    return values


class SCD4x:
    """On the bus. Its temperature is that of the inside of a warm sensor, so it is the last one that is taken."""

    NAME = "SCD4x"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = ("co2", "temperature", "humidity")

    def __init__(self, bus, address):
        self._bus, self.address, self.serial = bus, address, ""

    async def _stop(self):
        """While it measures it knows few other commands."""
        await self._bus.command(self.address, _STOP)
        await asyncio.sleep_ms(_STOP_MS)

    async def identify(self):
        """By its serial number."""
        await self._stop()
        self.serial = "%04x%04x%04x" % tuple(words(await self._bus.command(self.address, _SERIAL, 2, 9), 3))
        return True

    async def start(self):
        """Starts anew and lets the first value pass: the second takes its place."""
        await self._stop()
        await self._bus.command(self.address, _START)
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The newest values; BadFrame if there are none although the sensor should have some."""
        if not words(await self._bus.command(self.address, _READY, 2, 3), 1)[0] & 0x7FF:
            raise BadFrame("no new values")
        return parse(await self._bus.command(self.address, _READ, 2, 9))
