# SPDX-License-Identifier: EUPL-1.2
"""The other end of the wire, in memory: a broker that speaks MQTT 3.1.1, and a collector behind it. MicroPython.

Takes the place of `asyncio.open_connection`. It can be away (no connection), deaf (connections that die without a
word), lose messages that it PUBACKed, lose acknowledgements and repeat them. Each reading that reaches the collector
is a line "boot seq t" in the file `book`.
"""

import asyncio
import json
import random


class Away(OSError):
    pass


class FarEnd:
    """`clock_s()` gives true time [s since 1970]."""

    def __init__(self, clock_s, book, seed=1, lose=0.0):
        self.clock_s, self._book, self.lose = clock_s, book, lose
        self.state = "there"  # or "away", "deaf"
        self.buffer = bytearray(1024)
        self.lost = 0
        self.tells_time = False  # in acknowledgements of readings without a time of their own
        self.said = b"null"
        self.command = None  # retained, for whoever subscribes
        self._lines = []
        random.seed(seed)

    async def open(self):
        if self.state != "there":
            raise Away(111)
        line = Line(self)
        self._lines = [one for one in self._lines if not one.closed] + [line]
        return line, line

    def cut(self):
        """Ends all connections, audibly."""
        for line in self._lines:
            line.hang_up()

    @property
    def status(self):
        """The status that came last."""
        return json.loads(self.said)

    def took(self, line, topic, payload):
        # The kit's heap has no room for the collector's books, nor for a message in pieces: words are searched for.
        if topic.endswith("/status"):
            self.said = bytes(payload)
        if not topic.endswith("/readings"):
            return  # for somebody else
        if random.random() < self.lose:
            self.lost += 1
            return  # PUBACKed all the same: the broker has died since
        message = bytes(payload)
        boot, at = number(message, b'"boot":', 0)
        ack = '{"boot":%d,"seq":[' % boot
        undated = False
        with open(self._book, "a") as book:
            comma = ""
            while True:
                seq, at = number(message, b'"seq":', at)
                if seq is None:
                    break
                t, after = number(message, b'"t":', at)
                if t is None or after > at + 20:
                    undated = True
                    age, _ = number(message, b'"age":', at)
                    t = self.clock_s() - age // 1000
                book.write("%d %d %d\n" % (boot, seq, t))
                ack += "%s[%d,%d]" % (comma, seq, seq)
                comma = ","
        if random.random() < self.lose:
            return  # the acknowledgement gets lost
        ack += "]"
        if undated and self.tells_time:
            ack += ',"now":%d' % (self.clock_s() * 1000)
        for _ in range(2 if random.random() < self.lose else 1):
            line.say(topic.replace("readings", "ack"), ack + "}")


def number(text, name, start):
    """(the number behind a name, where it begins), or (None, start)."""
    at = text.find(name, start)
    if at < 0:
        return None, start
    at += len(name)
    end = at
    while 48 <= text[end] < 58:
        end += 1
    return int(text[at:end]), at


class Line:
    """One connection: reader and writer in one, as the kit sees them."""

    def __init__(self, far):
        self.far, self.closed = far, False
        self._in, self._n, self._out = far.buffer, 0, b""  # one connection at a time writes
        self._more = asyncio.Event()

    # what the kit calls

    def write(self, data):
        if self.closed:
            raise OSError(32)
        if self.far.state == "there":
            self._in[self._n : self._n + len(data)] = data
            self._n += len(data)
            self._take_packets()

    async def drain(self):
        pass

    async def readexactly(self, n):
        while len(self._out) < n:
            if self.closed:
                raise EOFError
            self._more.clear()
            await self._more.wait()
        data, self._out = self._out[:n], self._out[n:]
        return data

    def close(self):
        self.hang_up()

    # what the broker does

    def hang_up(self):
        self.closed = True
        self._more.set()

    def _put(self, data):
        self._out += data
        self._more.set()

    def say(self, topic, payload):
        body = bytes([0, len(topic)]) + topic.encode() + payload.encode()
        n, length = len(body), b""
        while True:
            n, digit = n >> 7, n & 127
            length += bytes([digit | 128 if n else digit])
            if not n:
                break
        self._put(b"\x30" + length + body)

    def _take_packets(self):
        """Handles the packet that the kit has written; it writes one after the other."""
        n = shift = 0
        at = 1
        while at < self._n:
            digit = self._in[at]
            n |= (digit & 127) << shift
            at += 1
            shift += 7
            if not digit & 128:
                break
        if self._n < max(at + n, 2):
            return
        assert self._n == at + n, "two packets at once"
        self._n = 0
        self._packet(self._in[0], memoryview(self._in)[at : at + n])

    def _packet(self, kind, body):
        if kind == 0x10:
            assert bytes(body[:7]) == b"\x00\x04MQTT\x04" and body[7] & 0x2C == 0x2C
            self._put(b"\x20\x02\x00\x00")
        elif kind == 0x82:
            self._put(b"\x90\x03" + bytes(body[:2]) + b"\x01")
            topic = bytes(body[4:-1]).decode()
            if self.far.command and topic.endswith("/command"):
                self.say(topic, self.far.command)
        elif kind == 0xC0:
            self._put(b"\xd0\x00")
        elif kind & 0xF6 == 0x32 or kind & 0xF0 == 0x30:
            size = body[0] << 8 | body[1]
            topic = bytes(body[2 : 2 + size]).decode()
            self._put(b"\x40\x02" + bytes(body[2 + size : 4 + size]))
            self.far.took(self, topic, body[4 + size :])
        else:
            assert kind == 0xE0, kind
