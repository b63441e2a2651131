# SPDX-License-Identifier: EUPL-1.2
"""A serial line with a simulated PMS5003 or SDS011 at its other end, as the protocols say, or damaged. MicroPython.

`UART` is like machine.UART. A sensor is asked what it has sent until now, and told what was written to it.
"""

import random

import virtual

PMS_FRAME = bytes.fromhex("424d001c0005000d00160005000d001602fd00fc001d000f00060006970003c5")  # recorded: PyPMS, tests
SDS_FRAME = bytes.fromhex("aac0d4043a0aa1601dab")  # the example of the protocol, version 1.3


class UART:
    """`skip`: bytes that get lost at the start, so that listening begins within a frame."""

    def __init__(self, sensor=None, skip=0, limit=256):
        self.sensor, self._skip, self._limit = sensor, skip, limit
        self._in = b""
        self.noise = b""

    def any(self):
        if self.sensor:
            data = self.sensor.sent()
            self._in += data[self._skip :]
            self._skip = max(self._skip - len(data), 0)
        self._in = (self._in + self.noise)[: self._limit]  # a full buffer loses what comes
        return len(self._in)

    def readinto(self, buffer):
        data, self._in = self._in[: len(buffer)], self._in[len(buffer) :]
        buffer[: len(data)] = data
        return len(data) or None

    def write(self, data):
        if self.sensor:
            self.sensor.told(bytes(data))


class Sender:
    """Sends a frame every so often while it works; with a chance, a damaged one."""

    EVERY_MS = 1000

    def __init__(self, frame, working=True, damage=0.0):
        self.frame, self.working, self.damage = frame, working, damage
        self.unplugged = False
        self._next = virtual.now_ms() + self.EVERY_MS
        self._out = b""

    def sent(self):
        while self._next <= virtual.now_ms():
            self._next += self.EVERY_MS
            if self.working and not self.unplugged:
                self._out = (self._out + self._damaged(self.frame))[-256:]  # a UART holds no more
        out, self._out = self._out, b""
        return out

    def _damaged(self, frame):
        if random.random() >= self.damage:
            return frame
        at = random.randint(4, len(frame) - 2)
        if random.random() < 0.5:
            return frame[:at] + frame[at + 1 :]  # a byte gets lost
        return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]


class PMS5003(Sender):
    def __init__(self, frame=PMS_FRAME, working=True, damage=0.0):
        Sender.__init__(self, frame, working, damage)
        self.active = True

    def told(self, data):
        if data == b"\x42\x4d\xe4\x00\x01\x01\x74":
            self.working = True
        elif data == b"\x42\x4d\xe1\x00\x01\x01\x71":
            self._out += b"\x42\x4d\x00\x04\xe1\x01\x01\x74"


class SDS011(Sender):
    """`shone_ms`: how long its laser was on in all."""

    def __init__(self, frame=SDS_FRAME, working=True, damage=0.0):
        Sender.__init__(self, frame, working, damage)
        self.querying, self.period, self._shone, self._woke = True, 5, 0, virtual.now_ms()
        self.deaf_to_sleep = False

    def shone_ms(self):
        return self._shone + (virtual.now_ms() - self._woke if self.working else 0)

    def told(self, data):
        if len(data) != 19 or data[:2] != b"\xaa\xb4" or data[18] != 0xAB or sum(data[2:17]) & 0xFF != data[17]:
            return
        what, value = data[2], data[4]
        if self.unplugged or not (self.working or (what, value) == (6, 1)):
            return  # asleep, it hears nothing else
        if what == 6:
            if value and not self.working:
                self._woke = virtual.now_ms()
            elif not value:
                self._shone = self.shone_ms()
            self.working = bool(value)
        elif what == 8:
            self.period = value
        elif what == 2:
            self.querying = bool(value)
        body = bytes([what, data[3], value, 0]) + self.frame[6:8]
        self._out += b"\xaa\xc5" + body + bytes([sum(body) & 0xFF, 0xAB])

    def sent(self):
        if self.querying or self.period:
            self._next = max(self._next, virtual.now_ms() + 1)  # it does not send by itself every second
        return Sender.sent(self)
