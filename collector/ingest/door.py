# SPDX-License-Identifier: EUPL-1.2
"""The door between other ways in and the one thread that commits: messages wait here, and get their answers here.

The HTTP server brings a message with `knock`, from its own thread. The link, whose thread owns the intake, hears the
bell, lets in what waits, and gives out the answers after its commit, so after the fsync. What waits is bounded.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from collector.ingest.intake import Intake
from collector.message import Ack, ack_topic, decode, readings_topic

CAPACITY = 1000  # messages; of 8 KiB at most


@dataclass(frozen=True)
class Answer:
    """What came of a message: an acknowledgement, or a wish to wait [s], or neither: it was not taken now."""

    ack: Ack | None = None
    wait: float = 0.0


@dataclass(frozen=True)
class Visitor:
    """A message that came, and who wants to hear what came of it."""

    device: str
    payload: bytes
    boot: int | None
    hear: Callable[[Answer], None]


class Door:
    """`knock` and `close` are called by any thread, the rest by the one that commits.

    `tell` gives out a commit's answers; the HTTP server takes them all over to its own thread at once.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._lock = threading.Lock()
        self._outside: list[Visitor] = []
        self._inside: list[Visitor] = []
        self._closed = False
        self.bell, self._button = socket.socketpair()  # readable while somebody waits outside
        self.bell.setblocking(False)
        self._button.setblocking(False)
        self.tell: Callable[[list[tuple[Visitor, Answer]]], None] = tell

    def knock(self, device: str, payload: bytes, hear: Callable[[Answer], None]) -> bool:
        """Brings a message; False if too many wait already, or the door is closed."""
        visitor = Visitor(device, payload, decode(device, payload).boot, hear)
        with self._lock:
            if self._closed or len(self._outside) + len(self._inside) >= self._capacity:
                return False
            self._outside.append(visitor)
            if len(self._outside) == 1:
                self._button.send(b"!")
        return True

    def let_in(self, intake: Intake) -> tuple[list[tuple[str, bytes]], int]:
        """Gives what waits to the intake; who is over its limits hears that at once.

        Returns the messages, (topic, payload), and how many of them the intake took.
        """
        with self._lock:
            self._quiet()
            visitors, self._outside = self._outside, []
        messages = [(readings_topic(visitor.device), visitor.payload) for visitor in visitors]
        held = []
        for visitor, message in zip(visitors, messages, strict=True):
            if intake.take(*message):
                self._inside.append(visitor)
            else:
                held.append((visitor, Answer(wait=max(1.0, intake.wait(message[0])))))
        if held:
            self.tell(held)
        return messages, len(messages) - len(held)

    def _quiet(self) -> None:
        try:
            self.bell.recv(64)
        except BlockingIOError:
            return

    def answer(self, acks: Sequence[tuple[str, bytes]]) -> None:
        """Gives out what a commit says, (topic, payload); to whom it says nothing, that it was not taken now."""
        if not self._inside:
            return
        visitors, self._inside = self._inside, []
        wanted: dict[str, list[Ack]] = {ack_topic(visitor.device): [] for visitor in visitors}
        for topic, payload in acks:
            if topic in wanted:
                wanted[topic].append(msgspec.json.decode(payload, type=Ack))
        self.tell([(one, Answer(_joined(wanted[ack_topic(one.device)], one.boot))) for one in visitors])

    def close(self) -> None:
        """Lets nobody in any more; who waits hears that nothing was taken."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            visitors, self._outside, self._inside = [*self._inside, *self._outside], [], []
        if visitors:
            self.tell([(visitor, Answer()) for visitor in visitors])
        self.bell.close()
        self._button.close()


def tell(answers: list[tuple[Visitor, Answer]]) -> None:
    """Gives out answers in the thread that commits."""
    for visitor, answer in answers:
        visitor.hear(answer)


def _joined(acks: Sequence[Ack], boot: int | None) -> Ack | None:
    """What concerns one message: of several parts for its boot one, or the error of a message without numbers."""
    found: Ack | None = None
    for ack in acks:
        if ack.error is not None or ack.boot != boot:
            continue
        if found is None:
            found = ack
        else:
            found = Ack(boot, found.seq + ack.seq, found.rejected | ack.rejected, found.noted | ack.noted, now=ack.now)
    return found or next((ack for ack in acks if ack.error is not None), None)
