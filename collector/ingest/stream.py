# SPDX-License-Identifier: EUPL-1.2
"""MQTT 3.1.1 packets, as the collector's connection needs them: a stream's blocks to messages, and packets to bytes.

A block from the socket may hold a thousand messages or the half of one. `Reader` takes it apart in one pass and joins
the PUBACKs that the broker wants for it. Only what a subscriber with QoS 1 and a publisher with QoS 0 needs is here.

References: OASIS, MQTT Version 3.1.1 (2014); the numbers in brackets are its sections.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, PINGRESP = 0x10, 0x20, 0x30, 0x82, 0x90, 0xD0
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_PUBACK = b"\x40\x02"

# Of a message that is longer, only this much is kept: far over what is taken, so it is refused for its size.
LONGEST = 1 << 20
_NAMES = 50_000  # topics that are remembered as texts
NOT_UTF8 = "(not UTF-8)"

REFUSALS = {  # return codes of a CONNACK [3.2.2.3]
    1: "it does not speak MQTT 3.1.1",
    2: "it does not take the client's id",
    3: "it is not available now",
    4: "the user name or password is wrong",
    5: "the collector is not authorized",
}


class MalformedPacket(ConnectionError):
    """What came is not MQTT 3.1.1, or nothing that was asked for: the connection is of no use any more."""


class Received(NamedTuple):
    """What a block held."""

    messages: list[tuple[str, bytes]]  # (topic, payload)
    pubacks: bytes  # what the broker wants back for them, in the order in which they came [4.6]
    answers: list[tuple[int, bytes]]  # (kind, body) of every other packet


class Reader:
    """Packets out of one connection's blocks; what is not whole yet waits for the next block."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0  # bytes still to come of a message that was cut
        self._names: dict[bytes, str] = {}

    def feed(self, block: bytes) -> Received:
        """Everything that is whole now. MalformedPacket if it cannot be."""
        if self._skip:
            skipped = min(self._skip, len(block))
            self._skip -= skipped
            block = block[skipped:]
        data = self._rest + block if self._rest else block
        names = self._names
        messages: list[tuple[str, bytes]] = []
        ids: list[bytes] = []
        answers: list[tuple[int, bytes]] = []
        at, end = 0, len(data)
        while end - at >= 2:
            first, size, body = data[at], data[at + 1], at + 2
            if size > 127:
                size, body = _length(data, at + 1)
                if not body:  # the length itself is not whole
                    break
            if size > LONGEST and first & 0xF0 != PUBLISH:
                raise MalformedPacket(f"a packet of {size} bytes")
            stop = body + min(size, LONGEST)
            if stop > end:
                break
            if first & 0xF0 == PUBLISH:
                text = body + 2
                behind = text + (data[body] << 8 | data[body + 1]) if size >= 2 else stop + 1
                qos = first & 0x06
                if qos:
                    ids.append(data[behind : behind + 2])
                start = behind + 2 if qos else behind
                if start > stop or qos > 2:
                    raise MalformedPacket("a PUBLISH packet that is none")
                topic = names.get(data[text:behind])
                if topic is None:
                    topic = self._name(data[text:behind])
                messages.append((topic, data[start:stop]))
            else:
                answers.append((first, data[body:stop]))
            at = body + size
        self._skip += max(0, at - end)
        self._rest = data[at:]
        return Received(messages, _PUBACK + _PUBACK.join(ids) if ids else b"", answers)

    def _name(self, topic: bytes) -> str:
        if len(self._names) >= _NAMES:
            self._names.clear()
        try:
            name = topic.decode()
        except UnicodeDecodeError:
            name = NOT_UTF8
        self._names[topic] = name
        return name


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A packet's length of more than one byte, and where it ends; (0, 0) if it is not whole yet [2.2.3]."""
    size = 0
    for n, byte in enumerate(data[at : at + 4]):
        size |= (byte & 127) << 7 * n
        if byte < 128:
            return size, at + n + 1
    if len(data) >= at + 4:
        raise MalformedPacket("a length of more than four bytes")
    return 0, 0


def _packet(first: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128:
        return bytes((first, size)) + body
    if size < 16384:
        return bytes((first, size & 127 | 128, size >> 7)) + body
    return bytes((first, size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127)) + body


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def connect(client_id: str, keepalive: int, username: str = "", password: str = "") -> bytes:
    """The first packet of a clean session [3.1]; `keepalive` in seconds."""
    flags = 0x02 | (0x80 if username else 0) | (0x40 if username and password else 0)
    body = _text("MQTT") + bytes((4, flags)) + keepalive.to_bytes(2, "big") + _text(client_id)
    if username:
        body += _text(username)
        if password:
            body += _text(password)
    return _packet(CONNECT, body)


def subscribe(topic: str, qos: int, packet_id: int = 1) -> bytes:
    """Asks for the messages of a topic, which may have wildcards [3.8]."""
    return _packet(SUBSCRIBE, packet_id.to_bytes(2, "big") + _text(topic) + bytes((qos,)))


def publish(messages: Iterable[tuple[str, bytes]], *, retain: bool = False) -> bytes:
    """Messages of less than 2 MiB with QoS 0, as one run of bytes [3.3]; the broker keeps the last with `retain`."""
    first = PUBLISH | retain
    return b"".join([_packet(first, _text(topic) + payload) for topic, payload in messages])
