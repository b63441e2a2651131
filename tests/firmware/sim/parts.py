# SPDX-License-Identifier: EUPL-1.2
"""An I2C bus with simulated sensors on it, which answer as the data sheets say, or damaged. MicroPython.

A `fault` is asked before each answer: None, "crc" (a bit flips), "nack" (nobody answers), "short". The bus can be held:
SDA stays low until it has seen enough clock pulses. The first kit's sensors are here, the others in `nodes`.
"""

import struct

from kit.sensors.sensirion import crc8

ENODEV, ETIMEDOUT = 19, 116


def frame(*numbers):
    """Words with their check sums."""
    out = b""
    for number in numbers:
        word = struct.pack(">H", number)
        out += word + bytes([crc8(word)])
    return out


def text(string, n):
    """A string in n words, filled with NUL."""
    return frame(*struct.unpack(">%dH" % n, string.encode() + bytes(2 * n - len(string))))


class Refused(OSError):
    """The sensor does not acknowledge."""

    def __init__(self):
        super().__init__(ENODEV)


class SHT45:
    def __init__(self, temperature=20.0, humidity=60.0):
        self.temperature, self.humidity = temperature, humidity

    def write(self, data):
        self._answer = b""
        if data == b"\xfd":
            t = int((self.temperature + 45) / 175 * 65535)
            self._answer = frame(t, int((self.humidity + 6) / 125 * 65535))
        elif data == b"\x89":
            self._answer = frame(0x0F1A, 0x2B3C)
        elif data != b"\x94":
            raise Refused

    def read(self, n):
        if not self._answer:
            raise Refused
        return self._answer


class SPS30:
    # As a real one with firmware 1.0 says, in esphome/issues#2735.
    TYPE, SERIAL = "00080000", "6B19E22CD975E11A"

    def __init__(self, pm=(4.0, 8.0, 9.0, 10.0)):
        self.pm, self.running, self.cleanings = pm, False, 0

    def write(self, data):
        command = data[:2]
        self._answer = b""
        if command == b"\x00\x10":
            assert data[2:] == b"\x03\x00\xac", data
            self.running = True
        elif command == b"\x01\x04":
            self.running = False
        elif command == b"\x56\x07":
            assert self.running, "it cleans its fan only while it measures"
            self.cleanings += 1
        elif command == b"\x02\x02":
            self._answer = frame(1 if self.running else 0)
        elif command == b"\x03\x00":
            numbers = []
            for value in self.pm + (1.0,) * 6:
                numbers += struct.unpack(">HH", struct.pack(">f", value))
            self._answer = frame(*numbers)
        elif command == b"\xd0\x02":
            self._answer = text(self.TYPE, 4)
        elif command == b"\xd0\x33":
            self._answer = text(self.SERIAL, 16)
        else:
            raise Refused

    def read(self, n):
        return self._answer


class Pin:
    """One of the two lines, as machine.Pin."""

    OPEN_DRAIN = 7

    def __init__(self, bus, name):
        self._bus, self._name, self._value = bus, name, 1

    def init(self, mode, value):
        assert mode == self.OPEN_DRAIN
        self._value = value

    def __call__(self, value=None):
        if value is None:
            return 0 if self._name == "sda" and self._bus.held else 1
        if self._name == "scl" and value and not self._value and self._bus.held:
            self._bus.held -= 1
        self._value = value
        return None


class I2C:
    """Like machine.I2C; `held` is how many clock pulses it needs until SDA is free again."""

    def __init__(self, parts, fault=lambda address: None):
        self.parts, self.fault, self.held, self.opened = parts, fault, 0, 1
        self.pins = Pin(self, "scl"), Pin(self, "sda")

    def reopen(self):
        self.opened += 1
        return self

    def _look(self):
        if self.held:
            raise OSError(ETIMEDOUT)

    def scan(self):
        self._look()
        return sorted(self.parts)

    def writeto(self, address, data):
        self._look()
        if address not in self.parts or self.fault(address) == "nack":
            raise Refused
        self.parts[address].write(data)

    def readfrom(self, address, n):
        self._look()
        if address not in self.parts:
            raise Refused
        answer = self.parts[address].read(n)
        fault = self.fault(address)
        if fault == "nack":
            raise Refused
        if fault == "short":
            return answer[:-1]
        if fault == "crc" and answer:
            return bytes([answer[0] ^ 0x10]) + answer[1:]
        # A master gets as many bytes as it clocks; those that nobody sends are 0xFF.
        return (answer + b"\xff" * n)[:n]
