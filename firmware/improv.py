# SPDX-License-Identifier: EUPL-1.2
"""Improv over serial, the computer's side: frames, and commands with their answers.

Source: "Improv via Serial", improv-wifi.com/serial; the kit's side is firmware/device/kit/net/improv.py. Commands 0xC0
to 0xC2 are this kit's own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

HEAD = b"IMPROV\x01"
STATE, ERROR, RPC, RESULT = 1, 2, 3, 4
READY, PROVISIONING, PROVISIONED = 2, 3, 4
SET_WIFI, GET_STATE, GET_INFO, SCAN = 1, 2, 3, 4
GET_SETTINGS, SET_SETTINGS, RESTART = 0xC0, 0xC1, 0xC2
UNABLE_TO_CONNECT = 3
MAX_DATA = 253  # of a command
_ERRORS = {1: "it did not understand", 2: "it does not know that command", 3: "it could not connect", 255: "it failed"}


class Refused(Exception):
    """The kit answered with an error; `code` is Improv's number."""

    def __init__(self, code: int) -> None:
        super().__init__(_ERRORS.get(code, f"error {code}"))
        self.code = code


class NoAnswer(Exception):
    """Nothing came in time."""


def frame(kind: int, data: bytes) -> bytes:
    """A frame with its check sum; at most 255 bytes of data."""
    body = HEAD + bytes((kind, len(data))) + data
    return body + bytes((sum(body) & 0xFF,))


def command(number: int, data: bytes = b"") -> bytes:
    """The frame of a command."""
    return frame(RPC, bytes((number, len(data))) + data)


def texts(*words: str) -> bytes:
    """Each word with a byte of length before it."""
    return b"".join(bytes((len(raw),)) + raw for raw in (word.encode() for word in words))


def split(data: bytes) -> list[str]:
    """The words of `texts`; what is cut off is left out."""
    words = []
    while data and len(data) > data[0]:
        words.append(data[1 : 1 + data[0]].decode(errors="replace"))
        data = data[1 + data[0] :]
    return words


class Frames:
    """Finds frames in what a port gives; damaged ones and all else are dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames that are whole now, as (type, data)."""
        self._buffer += data
        buffer = self._buffer
        found: list[tuple[int, bytes]] = []
        while (at := buffer.find(HEAD)) >= 0:
            del buffer[:at]
            if len(buffer) < 9 or len(buffer) < 10 + buffer[8]:
                return found
            end = 10 + buffer[8]
            if sum(buffer[: end - 1]) & 0xFF == buffer[end - 1]:
                found.append((buffer[7], bytes(buffer[9 : end - 1])))
                del buffer[:end]
            else:
                del buffer[:1]
        del buffer[: -len(HEAD)]
        return found


class Improv:
    """Talks with a kit over an open port."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._frames = Frames()

    def state(self, seconds: float) -> int:
        """READY or PROVISIONED; asks every second until it is told. NoAnswer if it is not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._port.write(command(GET_STATE))
            for kind, data in self._read(min(until, time.monotonic() + 1)):
                if kind == STATE and data:
                    return data[0]
        raise NoAnswer

    def ask(self, number: int, data: bytes = b"", seconds: float = 10) -> list[list[str]]:
        """Does a command: its answers, each a list of words; several only for SCAN. Refused, or NoAnswer."""
        if len(data) > MAX_DATA:
            raise ValueError(f"{len(data)} bytes are more than a command can hold")
        answers: list[list[str]] = []
        self._port.write(command(number, data))
        for kind, answer in self._read(time.monotonic() + seconds):
            if kind == ERROR and answer and answer[0]:
                raise Refused(answer[0])
            if kind == RESULT and answer[:1] == bytes((number,)):
                words = split(answer[2:])
                if number == SCAN and not words:
                    return answers
                answers.append(words)
                if number != SCAN:
                    return answers
        raise NoAnswer

    def _read(self, until: float) -> Iterator[tuple[int, bytes]]:
        while time.monotonic() < until:
            yield from self._frames.feed(self._port.read(self._port.in_waiting or 1))
