# SPDX-License-Identifier: EUPL-1.2
"""Bosch BME280: temperature, humidity, air pressure (data sheet 1.6, sections 4.2 and 5.4), and BMP280, sold as such.

Nothing guards its bytes: so they are read twice, and must be the same and possible. Compensation is the data sheet's in
integers, as floats of these chips have too few digits for it. It rests between measurements, or it would warm itself.
"""

import struct

from kit.sensors.bus import BadFrame

_ID = const(b"\xd0")
_RESET = const(b"\xe0\xb6")
_HUMIDITY_X1 = const(b"\xf2\x01")
_ONCE = const(b"\xf4\x25")  # temperature and pressure x1, one measurement; takes 9.3 ms at most
_STATUS = const(b"\xf3")
_DATA = const(b"\xf7")
_CALIBRATION = const(b"\x88")
_CALIBRATION_HUMIDITY = const(b"\xe1")


def parse_calibration(first, second=None):
    """(T1..T3, P1..P9, H1..H6), of the 26 bytes from 0x88 and, not of a BMP280, the 7 from 0xE1; BadFrame if empty."""
    found = struct.unpack("<HhhHhhhhhhhh", first)
    if found[0] in (0, 0xFFFF) or found[3] in (0, 0xFFFF):
        raise BadFrame("no calibration")
    if second is None:
        return found
    h2, h3, h4, middle, h5, h6 = struct.unpack("<hBbBbb", second)
    return found + (first[25], h2, h3, h4 << 4 | middle & 0x0F, h5 << 4 | middle >> 4, h6)


def parse(frame, calibration):
    """8 bytes (6 of a BMP280) to {temperature [Cel], pressure [hPa], humidity [%]}; BadFrame if it cannot be."""
    if len(frame) != (8 if len(calibration) > 12 else 6):
        raise BadFrame("%d bytes" % len(frame))
    pressure = frame[0] << 12 | frame[1] << 4 | frame[2] >> 4
    temperature = frame[3] << 12 | frame[4] << 4 | frame[5] >> 4
    if pressure == 0x80000 or temperature == 0x80000:
        raise BadFrame("not measured")
    fine = _fine(temperature, calibration)
    values = {"temperature": (fine * 5 + 128 >> 8) / 100, "pressure": _pressure(pressure, fine, calibration) / 25600}
    if len(calibration) > 12:
        humidity = frame[6] << 8 | frame[7]
        if humidity == 0x8000:
            raise BadFrame("not measured")
        values["humidity"] = _humidity(humidity, fine, calibration) / 1024
    if not (-40 <= values["temperature"] <= 85 and 300 <= values["pressure"] <= 1100):
        raise BadFrame("%(temperature)s Cel, %(pressure)s hPa" % values)
    return values


def _fine(raw, c):
    """Temperature in 1/5120 Cel, which the others need."""
    low = (raw >> 4) - c[0]
    return (((raw >> 3) - (c[0] << 1)) * c[1] >> 11) + ((low * low >> 12) * c[2] >> 14)


def _pressure(raw, fine, c):
    """In 1/256 Pa."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = c[3:12]
    x = fine - 128000
    offset = x * x * p6 + (x * p5 << 17) + (p4 << 35)
    slope = ((1 << 47) + (x * x * p3 >> 8) + (x * p2 << 12)) * p1 >> 33
    if slope <= 0:
        raise BadFrame("pressure")
    p = ((1048576 - raw << 31) - offset) * 3125 // slope
    return (p + (p9 * (p >> 13) * (p >> 13) >> 25) + (p8 * p >> 19) >> 8) + (p7 << 4)


def _humidity(raw, fine, c):
    """In 1/1024 %, cropped to what can be, as the data sheet does."""
    h1, h2, h3, h4, h5, h6 = c[12:]
    x = fine - 76800
    gain = ((x * h6 >> 10) * ((x * h3 >> 11) + 32768) >> 10) + 2097152
    v = ((raw << 14) - (h4 << 20) - h5 * x + 16384 >> 15) * (gain * h2 + 8192 >> 14)
    v -= ((v >> 15) * (v >> 15) >> 7) * h1 >> 4
    return min(max(v, 0), 419430400) >> 12


class BME280:
    """On the bus."""

    NAME = "BME280"
    BUS = "i2c"
    PERIOD = 10
    QUANTITIES = ("temperature", "pressure", "humidity")

    def __init__(self, bus, address):
        self._bus, self.address, self.serial = bus, address, ""
        self._calibration = None

    async def _read(self, register, n):
        """Twice, as nothing else tells a damaged byte."""
        first = await self._bus.command(self.address, register, 0, n)
        if first != await self._bus.command(self.address, register, 0, n):
            raise BadFrame("read twice, got two answers")
        if len(first) != n:
            raise BadFrame("%d bytes" % len(first))
        return first

    async def identify(self):
        """By the chip's id; a BMP280 knows no humidity."""
        chip = (await self._read(_ID, 1))[0]
        if chip == 0x58:
            self.NAME, self.QUANTITIES = "BMP280", self.QUANTITIES[:2]
        return chip in (0x60, 0x58)

    async def start(self):
        """Resets the sensor and reads its calibration."""
        await self._bus.command(self.address, _RESET, 10)
        first = await self._read(_CALIBRATION, 26)
        second = await self._read(_CALIBRATION_HUMIDITY, 7) if len(self.QUANTITIES) > 2 else None
        self._calibration = parse_calibration(first, second)

    async def measure(self):
        """One measurement."""
        await self._bus.command(self.address, _HUMIDITY_X1)  # counts only with what is written next
        await self._bus.command(self.address, _ONCE, 12)
        if (await self._read(_STATUS, 1))[0] & 8:
            raise BadFrame("still measuring")
        return parse(await self._read(_DATA, 8 if len(self.QUANTITIES) > 2 else 6), self._calibration)
