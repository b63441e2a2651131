# SPDX-License-Identifier: EUPL-1.2
"""MQTT 3.1.1, as much of it as a kit needs: QoS 0 and 1, last will, keep-alive, and an eye for dead connections.

One `Client` is one connection: after any error it is closed and a new one made. It needs a coroutine that opens a pair
of streams, so tests can give it other wires. Sizes are bounded; what does not fit the protocol closes the connection.
Reference: OASIS, MQTT Version 3.1.1, 2014.
"""

import asyncio
import struct
import time

_MAX_PACKET = const(4096)
_CONNECT_S = const(20)


class MQTTError(OSError):
    """The other side does not speak the protocol, or has fallen silent. `word` is what it means for the kit's state."""

    word = "broker_away"


class Refused(MQTTError):
    """The broker does not accept us."""

    word = "broker_refused"


def _text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(data)) + data


def _head(kind, n):
    """The fixed header of a packet whose rest has n bytes."""
    head = bytearray([kind])
    while True:
        n, digit = n >> 7, n & 0x7F
        head.append(digit | 0x80 if n else digit)
        if not n:
            return head


def _packet(kind, *parts):
    body = b"".join(parts)
    return _head(kind, len(body)) + body


class Client:
    """`open_` returns (reader, writer). `on_message(topic, payload)` is called for each message that comes in."""

    def __init__(self, open_, client_id, on_message, user="", password="", keepalive=60, now_ms=time.ticks_ms):
        self._open = open_
        self._id = client_id
        self._user, self._password = user, password
        self._keepalive = keepalive
        self._now = now_ms  # must not wrap within a connection's life
        self.on_message = on_message
        self.on_puback = None  # called with each packet id that is acknowledged
        self._reader = self._writer = None
        self._pid = 0
        self._heard = 0
        self._lock = asyncio.Lock()
        self._granted = {}

    async def connect(self, will_topic, will_payload):
        """Opens and greets; MQTTError if the broker refuses, OSError if it cannot be reached."""
        self._reader, self._writer = await asyncio.wait_for(self._open(), _CONNECT_S)
        flags = 0x02 | 0x04 | 0x08 | 0x20  # clean session; a will of QoS 1, retained
        tail = [_text(self._id), _text(will_topic), _text(will_payload)]
        if self._user:
            flags |= 0xC0
            tail += [_text(self._user), _text(self._password)]
        head = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack(">H", self._keepalive)
        await self._send(_packet(0x10, head, *tail))
        kind, body = await asyncio.wait_for(self._receive(), _CONNECT_S)
        if kind != 0x20 or len(body) != 2:
            raise MQTTError("no CONNACK")
        if body[1]:
            raise Refused("refused with code %d" % body[1])
        self._heard = self._now()

    async def subscribe(self, topic, needed=True):
        """Asks for QoS 1; in `run`, when the answer comes, a refusal ends the connection if the topic is `needed`."""
        pid = self._next_pid()
        self._granted[pid] = needed
        await self._send(_packet(0x82, struct.pack(">H", pid), _text(topic), b"\x01"))

    async def publish(self, topic, payload, qos=0, retain=False):
        """Sends a message, bytes or a list of them; with QoS 1 returns the packet id that `on_puback` will name."""
        kind, name = 0x30 | qos << 1 | retain, _text(topic)
        pid = self._next_pid() if qos else None
        if qos:
            name += struct.pack(">H", pid)
        # The payload goes out as it is: joined to the rest it would need a second piece of memory of its size.
        parts = payload if isinstance(payload, list) else (payload,)
        await self._send(_head(kind, len(name) + sum([len(part) for part in parts])) + name, *parts)
        return pid

    def _next_pid(self):
        self._pid = self._pid % 65535 + 1
        return self._pid

    async def run(self):
        """Reads until something goes wrong, which it raises. Must run for the connection to live."""
        keeper = asyncio.create_task(self._keep_alive())
        try:
            while True:
                kind, body = await self._receive()
                self._heard = self._now()
                await self._handle(kind, body)
        finally:
            keeper.cancel()

    async def _handle(self, kind, body):
        if kind & 0xF0 == 0x30:
            await self._arrived(kind, body)
        elif kind == 0x40 and len(body) == 2:
            if self.on_puback:
                self.on_puback(body[0] << 8 | body[1])
        elif kind == 0x90 and len(body) == 3:
            needed = self._granted.pop(body[0] << 8 | body[1], None)
            if needed is None or (needed and body[2] > 1):
                raise MQTTError("subscription refused")
        elif kind == 0xD0 and not body:
            pass  # PINGRESP: that it came is enough
        else:
            raise MQTTError("packet %#x" % kind)

    async def _arrived(self, kind, body):
        qos = kind >> 1 & 3
        size = body[0] << 8 | body[1] if len(body) >= 2 else len(body)
        start = 2 + size + (2 if qos else 0)
        if qos > 1 or start > len(body):
            raise MQTTError("malformed PUBLISH")
        if qos:
            await self._send(b"\x40\x02" + body[2 + size : 4 + size])
        self.on_message(body[2 : 2 + size], body[start:])

    async def _keep_alive(self):
        """Pings twice in a keep-alive, and closes a line on which nothing has come for one and a half."""
        while True:
            await asyncio.sleep(self._keepalive // 2)
            if self._now() - self._heard > self._keepalive * 1500:
                self.close()  # wakes the reader, which raises
                return
            try:
                await self._send(b"\xc0\x00")
            except (OSError, asyncio.TimeoutError):
                self.close()
                return

    async def _send(self, *parts):
        async with self._lock:
            if self._writer is None:
                raise MQTTError("closed")
            for part in parts:
                self._writer.write(part)
            # A line that is dead, though nobody said so, takes what fits its buffers and then nothing.
            await asyncio.wait_for(self._writer.drain(), self._keepalive)

    async def _receive(self):
        reader = self._reader
        if reader is None:
            raise MQTTError("closed")
        try:
            kind = (await reader.readexactly(1))[0]
            n = shift = 0
            while True:
                digit = (await reader.readexactly(1))[0]
                n |= (digit & 0x7F) << shift
                if not digit & 0x80:
                    break
                shift += 7
                if shift > 21:
                    raise MQTTError("malformed length")
            if n > _MAX_PACKET:
                raise MQTTError("packet of %d bytes" % n)
            return kind, await reader.readexactly(n) if n else b""
        except EOFError:
            raise MQTTError("closed by the broker")

    def close(self):
        """Lets go of the connection; may be called twice."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
