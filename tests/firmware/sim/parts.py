# SPDX-License-Identifier: EUPL-1.2
"""An I2C bus with an SHT45 and an SPS30 on it, which answer as the data sheets say, or damaged. MicroPython.

A `fault` is asked before each answer: None, "crc" (a bit flips), "nack" (nobody answers), "short".
"""

import struct

from kit.sensors.bus import crc8


def frame(*numbers):
    """Words with their check sums."""
    out = b""
    for number in numbers:
        word = struct.pack(">H", number)
        out += word + bytes([crc8(word)])
    return out


class SHT45:
    def __init__(self, temperature=20.0, humidity=60.0):
        self.temperature, self.humidity = temperature, humidity

    def write(self, data):
        self._answer = b""
        if data == b"\xfd":
            t = int((self.temperature + 45) / 175 * 65535)
            self._answer = frame(t, int((self.humidity + 6) / 125 * 65535))

    def read(self, n):
        return self._answer


class SPS30:
    def __init__(self, pm=(4.0, 8.0, 9.0, 10.0)):
        self.pm, self.running = pm, False

    def write(self, data):
        command = data[:2]
        self._answer = b""
        if command == b"\x00\x10":
            assert data[2:] == b"\x03\x00\xac", data
            self.running = True
        elif command == b"\x01\x04":
            self.running = False
        elif command == b"\x02\x02":
            self._answer = frame(1 if self.running else 0)
        elif command == b"\x03\x00":
            numbers = []
            for value in self.pm + (1.0,) * 6:
                numbers += struct.unpack(">HH", struct.pack(">f", value))
            self._answer = frame(*numbers)

    def read(self, n):
        return self._answer


class I2C:
    """Like machine.I2C."""

    def __init__(self, parts, fault=lambda address: None):
        self.parts, self.fault = parts, fault

    def scan(self):
        return sorted(self.parts)

    def writeto(self, address, data):
        if address not in self.parts or self.fault(address) == "nack":
            raise OSError(19)
        self.parts[address].write(data)

    def readfrom(self, address, n):
        answer = self.parts[address].read(n)
        fault = self.fault(address)
        if fault == "nack":
            raise OSError(19)
        if fault == "short":
            return answer[:-1]
        if fault == "crc" and answer:
            return bytes([answer[0] ^ 0x10]) + answer[1:]
        assert len(answer) == n, (len(answer), n)
        return answer
