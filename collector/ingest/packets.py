# SPDX-License-Identifier: EUPL-1.2
"""As much of MQTT 3.1.1 as the guard of the embedded broker must read: what a client wants, before it is done.

Bytes of one packet in, small records out; `Malformed` for what no client may send. Section numbers are of the OASIS
standard MQTT 3.1.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
# What a client may send after its CONNECT (2.2.1).
FROM_CLIENTS = frozenset((PUBLISH, 4, 5, 6, 7, SUBSCRIBE, 10, 12, 14))
NOT_AUTHORIZED, WRONG_PROTOCOL = 5, 1  # return codes of CONNACK (3.2.2.3)


class Malformed(Exception):
    """Not a packet that a client may send. The text says why, and holds nothing of the packet."""


@dataclass(frozen=True)
class Connect:
    """What a CONNECT asks for (3.1)."""

    level: int
    client_id: str
    username: str | None
    password: str | None = field(repr=False)
    will_topic: str | None
    keepalive: int
    flags: int
    will: bytes  # topic and message as they came, or nothing

    def packet(self, client_id: str) -> bytes:
        """The CONNECT that is passed on: another client id, a clean session, and no name or password."""
        body = (
            _text("MQTT") + struct.pack("!BBH", 4, self.flags & 0x3C | 2, self.keepalive) + _text(client_id) + self.will
        )
        return bytes([CONNECT << 4]) + _length(len(body)) + body


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        if self.at + n > len(self.data):
            raise Malformed("it ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self) -> int:
        return int(struct.unpack("!H", self.take(2))[0])

    def text(self) -> str:
        try:
            text = self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None
        if "\0" in text:
            raise Malformed("a text holds a null character")
        return text


def parse_connect(body: bytes) -> Connect:
    """The variable header and payload of a CONNECT."""
    reader = _Reader(body)
    name, level, flags = reader.text(), reader.take(1)[0], reader.take(1)[0]
    keepalive = reader.number()
    if name != "MQTT" or level != 4:
        return Connect(0, "", None, None, None, 0, 0, b"")
    if flags & 1 or (flags & 0x40 and not flags & 0x80):
        raise Malformed("its flags contradict each other")
    client_id = reader.text()
    start, will_topic = reader.at, None
    if flags & 4:
        will_topic = reader.text()
        reader.take(reader.number())
    will = body[start : reader.at]
    username = reader.text() if flags & 0x80 else None
    password = reader.text() if flags & 0x40 else None
    if reader.at != len(body):
        raise Malformed("it is longer than it says")
    return Connect(level, client_id, username, password, will_topic, keepalive, flags, will)


@dataclass(frozen=True)
class Publish:
    """What a PUBLISH names (3.3)."""

    topic: str
    qos: int
    packet_id: int
    retain: bool


def parse_publish(flags: int, body: bytes) -> Publish:
    """The variable header of a PUBLISH; `flags` are the low four bits of its first byte."""
    qos = flags >> 1 & 3
    if qos == 3:
        raise Malformed("there is no QoS 3")
    reader = _Reader(body)
    topic = reader.text()
    return Publish(topic, qos, reader.number() if qos else 0, bool(flags & 1))


def parse_subscribe(body: bytes) -> tuple[int, list[str]]:
    """The packet's number and the filters of a SUBSCRIBE (3.8)."""
    reader = _Reader(body)
    packet_id, filters = reader.number(), []
    while reader.at < len(body):
        filters.append(reader.text())
        if reader.take(1)[0] > 2:
            raise Malformed("there is no such QoS")
    if not filters:
        raise Malformed("it asks for nothing")
    return packet_id, filters


def parse_unsubscribe(body: bytes) -> None:
    """Reads an UNSUBSCRIBE to its end (3.10)."""
    reader = _Reader(body)
    reader.number()
    while reader.at < len(body):
        reader.text()


def subscribe(packet_id: int, filters: list[str]) -> bytes:
    """A SUBSCRIBE for QoS 0."""
    body = struct.pack("!H", packet_id) + b"".join(_text(one) + b"\0" for one in filters)
    return b"\x82" + _length(len(body)) + body


def connack(code: int) -> bytes:
    """A CONNACK that refuses."""
    return bytes([0x20, 2, 0, code])


def puback(packet_id: int) -> bytes:
    """The answer to a PUBLISH of QoS 1: 3.1.1 knows no other, also for what is thrown away."""
    return b"\x40\x02" + struct.pack("!H", packet_id)


def suback_refused(packet_id: int, n: int) -> bytes:
    """A SUBACK that grants none of n filters."""
    return b"\x90" + _length(2 + n) + struct.pack("!H", packet_id) + b"\x80" * n


def body_of(packet: bytes) -> bytes:
    """A packet without its fixed header."""
    at = 1
    while packet[at] & 0x80:
        at += 1
    return packet[at + 1 :]


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw


def _length(n: int) -> bytes:
    digits = bytearray()
    while True:
        digit, n = n & 0x7F, n >> 7
        digits.append(digit | 0x80 if n else digit)
        if not n:
            return bytes(digits)
