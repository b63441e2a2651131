# SPDX-License-Identifier: EUPL-1.2
"""Plantower PMS5003 (UART) and PMSA003I (I2C): particulate matter (data manuals of 2016 and 2018, appendix I).

Each frame has the values twice: "CF=1", meant for industry, and those for the atmosphere. The latter are taken, as
sensor.community and AirGradient take them; they differ above 30 ug/m3.
"""

import asyncio

from kit.sensors.bus import BadFrame

HEAD = b"\x42\x4d\x00\x1c"
_LENGTH = const(32)
_WAKE = const(b"\x42\x4d\xe4\x00\x01\x01\x74")
_ACTIVE = const(b"\x42\x4d\xe1\x00\x01\x01\x71")
_WARM_UP = const(30)  # s after the fan starts
_WAIT_MS = const(4000)  # it sends every 0.2 to 2.3 s
_QUANTITIES = ("pm1", "pm25", "pm10")


def parse(frame):
    """32 bytes to {pm1, pm25, pm10} [ug/m3]; BadFrame if head, length or check sum are wrong."""
    if len(frame) != _LENGTH or frame[:4] != HEAD:
        raise BadFrame("no frame of 32 bytes")
    if sum(frame[:30]) != frame[30] << 8 | frame[31]:
        raise BadFrame("check sum")
    return {name: frame[at] << 8 | frame[at + 1] for name, at in zip(_QUANTITIES, (10, 12, 14))}


class PMS5003:
    """On the serial line; sends by itself."""

    NAME = "PMS5003"
    BUS = "uart"
    PERIOD = 10
    QUANTITIES = _QUANTITIES
    address = None
    serial = ""

    def __init__(self, line):
        self._line = line

    async def identify(self):
        """By a sound frame."""
        await self._line.take(HEAD, _LENGTH, parse, 2400)
        return True

    async def start(self):
        """Wakes it, lets it send by itself, and waits until values hold."""
        self._line.write(_WAKE)
        await asyncio.sleep_ms(100)
        self._line.write(_ACTIVE)
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The next frame."""
        self._line.flush()
        return await self._line.take(HEAD, _LENGTH, parse, _WAIT_MS)


class PMSA003I:
    """On the bus; measures by itself from power-on, and cannot be put to sleep there."""

    NAME = "PMSA003I"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = _QUANTITIES
    serial = ""

    def __init__(self, bus, address):
        self._bus, self.address = bus, address

    async def identify(self):
        """By a sound frame."""
        await self.measure()
        return True

    async def start(self):
        """Waits until values hold."""
        await self._bus.command(self.address, b"", 0, _LENGTH)  # or nobody would be waited for
        await asyncio.sleep(_WARM_UP)

    async def measure(self):
        """The newest frame."""
        return parse(await self._bus.command(self.address, b"", 0, _LENGTH))
