# SPDX-License-Identifier: EUPL-1.2
"""One connection to a broker: logged in, subscribed, read and written in blocks, alive as long as the broker answers.

The link opens one, takes messages from it and gives it acknowledgements to publish; it opens another when this one
ends with an OSError. Nothing here blocks once the connection is open: what the broker does not take yet waits in
`unsent`, and the link reads no more until it is gone.
"""

from __future__ import annotations

import secrets
import select
import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.ingest import stream

KEEPALIVE = 60  # [s]; the broker ends a connection that was silent for one and a half of it
QUIET = 15.0  # so long without a word from the broker, and it is asked for one [s]
ANSWER = 15.0  # so long without an answer, and the line is dead [s]
_PATIENCE = 10.0  # for the broker's first answers [s]
_BLOCK = 1 << 18  # read at once [bytes]; more than a TLS record holds, so that nothing stays behind in its layer


class Refused(Exception):
    """The broker answered, and does not want the collector; the text says why."""


@dataclass(frozen=True)
class Address:
    """Where the broker is, and how it is talked to."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    client_id: str = ""  # a random one if empty

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Connection:
    """Opened by its constructor: OSError if the broker does not answer, Refused if it says no.

    Without a subscription it only logs in, to see whether that works.
    """

    def __init__(self, address: Address, subscription: str | None) -> None:
        self._reader = stream.Reader()
        self._early: list[tuple[str, bytes]] = []
        self._answers: list[tuple[int, bytes]] = []
        self.unsent = b""
        self.brought = False  # whether any message came through it
        self.socket = socket.create_connection((address.host, address.port), timeout=_PATIENCE)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                self.socket = address.tls.wrap_socket(self.socket, server_hostname=address.host)
            self._log_in(address, subscription)
            self.socket.setblocking(False)
        except BaseException:
            self.socket.close()
            raise
        self._heard = self._spoke = time.monotonic()
        self._asked: float | None = None  # since when an answer is awaited

    @property
    def certificate_end(self) -> str | None:
        """Until when the broker's certificate is good, as certificates write it; None without TLS."""
        if not isinstance(self.socket, ssl.SSLSocket):
            return None
        return str((self.socket.getpeercert() or {})["notAfter"])

    def _log_in(self, address: Address, subscription: str | None) -> None:
        deadline = time.monotonic() + _PATIENCE
        client_id = address.client_id or f"citimeasure-{secrets.token_hex(6)}"
        self.socket.sendall(stream.connect(client_id, KEEPALIVE, address.username, address.password))
        body = self._await(stream.CONNACK, 2, deadline)
        if body[1] == 3:  # of all refusals the one that passes
            raise ConnectionError(stream.REFUSALS[3])
        if body[1]:
            raise Refused(stream.REFUSALS.get(body[1], f"its code is {body[1]}"))
        if subscription is None:
            return
        self.socket.sendall(stream.subscribe(subscription, qos=1))
        if self._await(stream.SUBACK, 3, deadline)[2] > 2:
            raise Refused("it may not subscribe to the readings' topics")

    def _await(self, kind: int, size: int, deadline: float) -> bytes:
        """The body of the broker's next answer; messages may come before it [3.8.4]."""
        while not self._answers:
            if time.monotonic() > deadline:
                raise TimeoutError("the broker does not answer")
            self._early += self._take(self.socket.recv(_BLOCK))
        first, body = self._answers.pop(0)
        if first != kind or len(body) != size:
            raise stream.MalformedPacket("its answer is not MQTT 3.1.1")
        return body

    def _take(self, block: bytes) -> list[tuple[str, bytes]]:
        if not block:
            raise ConnectionError("closed by the broker")
        received = self._reader.feed(block)
        self.unsent += received.pubacks
        self._answers += received.answers
        return received.messages

    def receive(self) -> list[tuple[str, bytes]]:
        """The messages of the next block, as (topic, payload); none if there is no whole one yet.

        The broker's own acknowledgement of them is put before what is sent next: it only says that they have come.
        """
        if self._early:
            messages, self._early = self._early, []
            self.brought = True
            return messages
        try:
            messages = self._take(self.socket.recv(_BLOCK))
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        self._heard, self._asked = time.monotonic(), None
        self.brought = self.brought or bool(messages)
        if self._answers:
            self._check_answers()
        return messages

    def _check_answers(self) -> None:
        for first, _ in self._answers:
            if first != stream.PINGRESP:
                raise stream.MalformedPacket(f"a packet of the kind {first >> 4}, which nobody asked for")
        self._answers.clear()

    def publish(self, messages: Iterable[tuple[str, bytes]], *, retain: bool = False) -> None:
        """Queues messages with QoS 0 and sends as much as the broker takes now."""
        self.unsent += stream.publish(messages, retain=retain)
        self.flush()

    def flush(self) -> None:
        """Sends as much as the broker takes now of what is unsent."""
        if not self.unsent:
            return
        try:
            sent = self.socket.send(self.unsent)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        self.unsent = self.unsent[sent:]
        self._spoke = time.monotonic()

    def tend(self) -> None:
        """Keeps the connection alive; ConnectionError if the broker is silent. To be called every few seconds.

        A line that is dead says nothing, and a broker without messages says nothing either: the ping tells them apart.
        """
        now = time.monotonic()
        if self._asked is not None:
            late = now - max(self._asked, self._spoke)
            if late > 4 * ANSWER or (late > ANSWER and not self._readable()):
                raise ConnectionError(f"the broker was silent for {now - self._heard:.0f} s")
        if self._asked is None and (now - self._heard > QUIET or now - self._spoke > KEEPALIVE / 2):
            self._asked = now
            self.unsent += stream.PINGREQ
            self.flush()

    def _readable(self) -> bool:
        """Whether something has come that was not read yet, since a commit took long."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self) -> None:
        """Says goodbye if that is possible at once, and closes."""
        try:
            self.unsent += stream.DISCONNECT
            self.flush()
        except OSError:
            pass
        finally:
            self.socket.close()
