# SPDX-License-Identifier: EUPL-1.2
"""Sensirion SHT40, SHT41, SHT45: temperature and humidity (data sheet version 6, sections 4.5 and 4.6)."""

from kit.sensors.sensirion import words

_HIGH_PRECISION = const(b"\xfd")
_SERIAL = const(b"\x89")
_SOFT_RESET = const(b"\x94")


def parse(frame):
    """Six bytes to {temperature [Cel], humidity [%]}; BadFrame if a check sum is wrong."""
    temperature, humidity = words(frame, 2)
    return {
        "temperature": -45 + 175 * temperature / 65535,
        # The formula reaches a little beyond what humidity can be; the data sheet says to crop it.
        "humidity": min(max(-6 + 125 * humidity / 65535, 0), 100),
    }


class SHT4x:
    """On the bus."""

    NAME = "SHT4x"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = ("temperature", "humidity")

    def __init__(self, bus, address):
        self._bus, self.address, self.serial = bus, address, ""

    async def identify(self):
        """An SHT3x has the same address, and no such command."""
        self.serial = "%04x%04x" % tuple(words(await self._bus.command(self.address, _SERIAL, 10, 6), 2))
        return True

    async def start(self):
        """Resets the sensor."""
        await self._bus.command(self.address, _SOFT_RESET, 2)

    async def measure(self):
        """One measurement of high precision, 10 ms."""
        return parse(await self._bus.command(self.address, _HIGH_PRECISION, 10, 6))
