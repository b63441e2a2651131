# SPDX-License-Identifier: EUPL-1.2
"""Simulated sensors on the bus, and the air that they measure: a quarter of an hour's swing around a quiet street.

Each answers as its data sheet says. Adding one means adding a class and a line to SENSORS. MicroPython.
"""

import math
import struct
import time

_SWING_S = 900


def _swing(phase=0.0):
    """From -1 to 1 and back in a quarter of an hour."""
    return math.sin(2 * math.pi * (time.time() % _SWING_S / _SWING_S + phase))


def _crc8(data):
    """Sensirion's check sum: polynomial 0x31, starts at 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def _frame(*words):
    """Words of two bytes, each with its check sum."""
    out = b""
    for word in words:
        data = struct.pack(">H", word)
        out += data + bytes((_crc8(data),))
    return out


def _text(string, n):
    """A text in n words, filled with NUL."""
    return _frame(*struct.unpack(">%dH" % n, string.encode() + bytes(2 * n - len(string))))


class SHT45:
    """Sensirion SHT45: temperature [Cel], humidity [%] (data sheet version 6, section 4.6)."""

    _answer = b""

    def write(self, data):
        self._answer = b""
        if data == b"\xfd":
            temperature, humidity = 18 + 2 * _swing(), 65 - 8 * _swing()
            self._answer = _frame(int((temperature + 45) / 175 * 65535), int((humidity + 6) / 125 * 65535))
        elif data == b"\x89":
            self._answer = _frame(0x7717, 0x0001)  # its serial number

    def read(self, n):
        return self._answer


class SPS30:
    """Sensirion SPS30: pm1, pm25, pm4, pm10 [ug/m3] as floats (data sheet version 1.0, section 6.3)."""

    _answer, _running = b"", False

    def write(self, data):
        command, self._answer = data[:2], b""
        if command == b"\x00\x10":
            self._running = True
        elif command == b"\x01\x04":
            self._running = False
        elif command == b"\x02\x02":
            self._answer = _frame(1 if self._running else 0)
        elif command == b"\x03\x00":
            fine = 8 + 3 * _swing(0.25)
            numbers = struct.pack(">10f", fine * 0.6, fine, fine * 1.1, fine * 1.2, 40, 50, 52, 53, 53, 0.5)
            self._answer = _frame(*struct.unpack(">20H", numbers))
        elif command == b"\xd0\x02":
            self._answer = _text("00080000", 4)  # its product type
        elif command == b"\xd0\x33":
            self._answer = _text("TWIN", 16)  # its serial number

    def read(self, n):
        return self._answer


SENSORS = {"SHT45": (0x44, SHT45), "SPS30": (0x69, SPS30)}


def parts(names):
    """Sensors by address."""
    return {SENSORS[name][0]: SENSORS[name][1]() for name in names}
