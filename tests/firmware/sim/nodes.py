# SPDX-License-Identifier: EUPL-1.2
"""More sensors for the I2C bus of `parts`: Sensirion's SEN5x, SEN66 and SCD41, Bosch's BME280. MicroPython."""

import struct

import virtual
from parts import Refused, frame, text


class SEN55:
    """Restarts its values with each start: PM after a second, the VOC index after a minute, NOx after ten seconds."""

    READ, RESET_MS = b"\x03\xc4", 200

    def __init__(self, name="SEN55", serial="5E55000000000001"):
        self.name, self.serial = name, serial
        self.since = self.deaf_until = None
        self.pm, self.humidity, self.temperature = (30, 55, 60, 62), 4870, 4266
        self.voc, self.nox, self.co2 = 1040, 10, 612

    def _age(self):
        return virtual.now_ms() - self.since

    def write(self, data):
        self._answer = b""
        if self.deaf_until and virtual.now_ms() < self.deaf_until:
            raise Refused
        if data == b"\xd3\x04":
            self._reset()
        elif data == b"\x00\x21":
            if self.since is not None:
                raise Refused  # it measures already
            self.since = virtual.now_ms()
        elif data == b"\x02\x02":
            self._answer = frame(0xFE01 if self.since is not None and self._age() >= 1000 else 0xFE00)
        elif data == b"\xd0\x14":
            self._answer = text(self.name, 16)
        elif data == b"\xd0\x33":
            self._answer = text(self.serial, 16)
        elif data == self.READ and self.since is not None:
            self._answer = frame(*self._words())
        else:
            raise Refused

    def _reset(self):
        self.since = None
        self.deaf_until = virtual.now_ms() + self.RESET_MS

    def _words(self):
        age = self._age()
        young = age < 1000
        more = self.name != "SEN50"
        words = [0xFFFF if young else pm for pm in self.pm]
        words.append(0x7FFF if young or not more else self.humidity)
        words.append(0x7FFF if young or not more else self.temperature & 0xFFFF)
        words.append(0x7FFF if young or not more else 0 if age < 45_000 else self.voc)
        words.append(0x7FFF if age < 11_000 or self.name in ("SEN50", "SEN54") else self.nox)
        return words

    def read(self, n):
        return self._answer


class SEN66(SEN55):
    """As a SEN55, with carbon dioxide after six seconds; may be reset and stopped only as the data sheet says."""

    READ, RESET_MS = b"\x03\x00", 1200

    def __init__(self, name="SEN66"):
        SEN55.__init__(self, name, "66000000000000AA")

    def write(self, data):
        if data == b"\x01\x04":
            if self.since is None:
                raise Refused
            self.since, self.deaf_until = None, virtual.now_ms() + 1000
        elif data == b"\xd3\x04" and self.since is not None:
            raise Refused
        else:
            SEN55.write(self, data)

    def _words(self):
        words = SEN55._words(self)
        words.append(0xFFFF if self._age() < 6000 else self.co2)
        return words


class SCD41:
    """While it measures it knows few commands; a value is there once every five seconds, and is read once."""

    def __init__(self, co2=500):
        self.co2, self.since, self.read_at, self.stopped_at = co2, None, 0, -1000

    def _ready(self):
        return self.since is not None and (virtual.now_ms() - self.since) // 5000 > self.read_at

    def write(self, data):
        self._answer = b""
        if virtual.now_ms() < self.stopped_at + 500:
            raise Refused
        if data == b"\x3f\x86":
            self.since, self.stopped_at = None, virtual.now_ms()
        elif data == b"\xe4\xb8":
            self._answer = frame(0x8006 if self._ready() else 0x8000)
        elif data == b"\xec\x05" and self._ready():
            self.read_at = (virtual.now_ms() - self.since) // 5000
            self._answer = frame(self.co2, 0x6667, 0x5EB9)
        elif data == b"\x21\xb1" and self.since is None:
            self.since, self.read_at = virtual.now_ms(), 0
        elif data == b"\x36\x82" and self.since is None:
            self._answer = frame(0xF896, 0x9F07, 0x3BBE)
        else:
            raise Refused

    def read(self, n):
        if not self._answer:
            raise Refused
        return self._answer


class BME280:
    """Registers, with the calibration and the raw words of the BMP280 data sheet's example (section 3.12)."""

    CALIBRATION = struct.pack("<HhhHhhhhhhhhBB",
        27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000, 0, 75)  # fmt: skip
    HUMIDITY = struct.pack("<hBBBBb", 370, 0, 313 >> 4, (313 & 15) | (50 & 15) << 4, 50 >> 4, 30)

    def __init__(self, chip=0x60):
        self.registers = bytearray(256)
        self.registers[0xD0] = self.chip = chip
        self.raw = 415148, 519888, 28000
        self.write(b"\xe0\xb6")

    def write(self, data):
        at = self._at = data[0]
        if data == b"\xe0\xb6":
            self.registers[0x88:0xA2] = self.CALIBRATION
            self.registers[0xE1:0xE8] = self.HUMIDITY
            self.registers[0xF2:0xF5] = bytes(3)
            self.registers[0xF7:0xFF] = b"\x80\x00\x00\x80\x00\x00\x80\x00"
        elif at == 0xF2:
            self.registers[0xF2] = data[1]
        elif at == 0xF4:
            assert data[1] & 3 == 1, "forced: it rests between two measurements"
            pressure, temperature, humidity = self.raw
            self.registers[0xF7:0xFD] = struct.pack(">I", pressure << 12)[:3] + struct.pack(">I", temperature << 12)[:3]
            if self.registers[0xF2] & 7 and self.chip == 0x60:
                self.registers[0xFD:0xFF] = struct.pack(">H", humidity)

    def read(self, n):
        return bytes(self.registers[self._at : self._at + n])


class PMSA003I:
    """Gives its newest frame to whoever reads."""

    def __init__(self, frame):
        self.frame = frame

    def read(self, n):
        return self.frame
