# SPDX-License-Identifier: EUPL-1.2
"""Publishes the readings of many kits over real MQTT, and keeps each one until the collector has acknowledged it.

Sources (simulated kits or recordings) come in; counts for each of them come out: made, sent, acknowledged, rejected,
left. `citimeasure simulate`, `demo` and `replay` run it, live, faster, or as fast as acknowledgements come. One
thread; one connection for all kits, or one for each.
"""

from __future__ import annotations

import math
import random
import resource
import selectors
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.errors import BrokerError, UsageError
from collector.message import ack_topic, readings_topic
from collector.settings import parse_broker
from collector.simulate.link import Link, Login
from collector.simulate.outbox import Counts, Outbox, Pace
from collector.simulate.readings import Source

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # exists for type checkers only

_TICK = 0.02  # how often clocks are looked at [s]
_LONGEST_WAIT = 30.0  # between two tries to connect [s]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sending:
    """How a fleet sends. `speed` is how many seconds of the readings' time pass in one; None is as fast as it goes."""

    broker: str  # mqtt://HOST:PORT or mqtts://HOST:PORT
    username: str = ""
    password: str = field(default="", repr=False)
    passwords: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # with `connections`: device to its own password
    ca_file: str = ""
    connections: bool = False  # one for each kit, instead of one for all
    speed: float | None = None
    origin: float | None = None  # the readings' time at the start; without it, that of the earliest reading
    pace: Pace = field(default_factory=Pace)


class Fleet:
    """Kits that send at the same time. `clock` gives the time of day [s since 1970], for ages."""

    def __init__(self, sources: Iterable[Source], sending: Sending, *, clock: Callable[[], float] = time.time) -> None:
        self._sending = sending
        self._outboxes: dict[str, Outbox] = {}
        live = sending.speed is not None
        for source in sources:
            if source.device in self._outboxes:
                raise UsageError(f"Two kits are named {source.device}.", "Give each its own id.")
            self._outboxes[source.device] = Outbox(source, sending.pace, live=live, clock=clock)
        if not self._outboxes:
            raise UsageError("There is no kit to send for.", "Simulate at least one, or name a recording.")
        self._by_topic = {ack_topic(device): outbox for device, outbox in self._outboxes.items()}
        self._links = self._make_links()
        self._link_of = {device: link for link, devices in self._links.items() for device in devices}
        self._selector = selectors.DefaultSelector()
        self._registered: dict[Link, SocketLike] = {}
        self._touched: set[str] = set()  # kits that may go on, since something was acknowledged
        earliest = [outbox.earliest for outbox in self._outboxes.values() if outbox.earliest is not None]
        self._origin = min(earliest, default=0.0) if sending.origin is None else sending.origin
        self._started = 0.0  # monotonic
        # Live kits do not all send in the same instant: each has its own share of the interval to wait.
        n = len(self._outboxes)
        self._delay = {device: outbox.dt * i / n for i, (device, outbox) in enumerate(self._outboxes.items())}

    @property
    def counts(self) -> dict[str, Counts]:
        """Each kit's books, by device."""
        return {device: outbox.counts for device, outbox in self._outboxes.items()}

    @property
    def total(self) -> Counts:
        """All kits' books in one."""
        total = Counts()
        for outbox in self._outboxes.values():
            total += outbox.counts
        return total

    @property
    def finished(self) -> bool:
        """Every reading was sent, and acknowledged or rejected."""
        return all(outbox.finished for outbox in self._outboxes.values())

    def run(
        self,
        *,
        until_all_acknowledged: bool = True,
        timeout: float | None = None,
        stop: threading.Event | None = None,
        progress: Progress | None = None,
    ) -> bool:
        """Sends until all is acknowledged or rejected (or only sent); False if `timeout` [s] or `stop` came before.

        A fleet runs once. The first connection must succeed (BrokerError); later ones are tried again until the end.
        `progress` is called with the readings that are settled and all there will be.
        """
        self._started = time.monotonic()
        deadline = math.inf if timeout is None else self._started + timeout
        done = (lambda: self.finished) if until_all_acknowledged else self._all_sent
        try:
            for link in self._links:
                link.connect()
                self._register(link)
            return self._serve(deadline, done, stop, progress)
        finally:
            self._close()

    def _serve(
        self,
        deadline: float,
        done: Callable[[], bool],
        stop: threading.Event | None,
        progress: Progress | None,
    ) -> bool:
        next_tick = next_second = 0.0
        total = sum(outbox.total for outbox in self._outboxes.values())
        while True:
            for key, events in self._selector.select(_TICK):
                link: Link = key.data
                if events & selectors.EVENT_READ:
                    link.read()
                if events & selectors.EVENT_WRITE:
                    link.write()
                self._register(link)
            now = time.monotonic()
            self._send(self._touched, now)
            self._touched.clear()
            if now < next_tick:
                continue
            next_tick = now + _TICK
            self._send(self._outboxes, now)
            if progress:
                progress(sum(outbox.counts.settled for outbox in self._outboxes.values()), total)
            if done():
                return True
            if now >= deadline or (stop and stop.is_set()):
                return False
            if now >= next_second:
                next_second = now + 1
                self._tend(now)

    def _send(self, devices: Iterable[str], now: float) -> None:
        """Lets kits send what is due, as far as their connection is ready."""
        for device in devices:
            link = self._link_of[device]
            if not link.ready:
                continue
            topic = readings_topic(device)
            sent = False
            for payload in self._outboxes[device].take(now, self._reached(now - self._started, device)):
                link.publish(topic, payload)
                sent = True
            if sent:
                self._register(link)

    def _reached(self, elapsed: float, device: str) -> float:
        """How far the readings' time has come for a kit."""
        if self._sending.speed is None:
            return math.inf
        return self._origin + elapsed * self._sending.speed - self._delay[device]

    def _tend(self, now: float) -> None:
        """Once a second: signs of life, and lost connections made again."""
        for link, devices in self._links.items():
            if link.refused:
                raise BrokerError(
                    f"The broker at {link.address} refused the simulated kits: {link.refused}.",
                    "Check their names and passwords, and what the broker's rules let them write and read.",
                )
            link.tend()
            self._register(link)
            if link.socket is None and now >= link.try_at:
                for device in devices:
                    self._outboxes[device].send_all_again()
                link.try_at = now + random.uniform(link.wait / 2, link.wait)
                link.wait = min(2 * link.wait, _LONGEST_WAIT)
                try:
                    link.connect()
                except BrokerError:
                    continue  # the pause grows, the readings wait; the run's timeout ends it
                self._register(link)

    def _register(self, link: Link) -> None:
        """Makes the selector wait for what the link waits for."""
        sock, known = link.socket, self._registered.get(link)
        if known is not None and known is not sock:
            self._selector.unregister(known)
            del self._registered[link]
            link.ready = False
        if sock is None:
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.wants_write else 0)
        if known is not sock:
            self._selector.register(sock, events, link)
            self._registered[link] = sock
        elif self._selector.get_key(sock).events != events:
            self._selector.modify(sock, events, link)

    def _make_links(self) -> dict[Link, list[str]]:
        sending = self._sending
        host, port, tls = parse_broker(sending.broker)
        if not sending.connections:
            login = Login(host, port, tls, sending.username, sending.password, sending.ca_file)
            return {Link(login, list(self._by_topic), self._on_ack): list(self._outboxes)}
        _allow_files(len(self._outboxes))
        links = {}
        for device in self._outboxes:
            own = sending.passwords.get(device)
            name, password = (device, own) if own is not None else (sending.username, sending.password)
            login = Login(host, port, tls, name, password, sending.ca_file, device if own is not None else "")
            links[Link(login, [ack_topic(device)], self._on_ack)] = [device]
        return links

    def _on_ack(self, topic: str, payload: bytes) -> None:
        outbox = self._by_topic.get(topic)
        if outbox:
            outbox.settle(payload)
            self._touched.add(outbox.device)

    def _all_sent(self) -> bool:
        sent = all(outbox.all_sent for outbox in self._outboxes.values())
        return sent and not any(link.wants_write for link in self._links)

    def _close(self) -> None:
        for link in self._links:
            known = self._registered.pop(link, None)
            if known is not None:
                self._selector.unregister(known)
            link.close()
        self._selector.close()


def _allow_files(connections: int) -> None:
    """Lifts this process's soft limit on open files, often 1024, where many kits have a connection each."""
    wanted = connections + 256
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UsageError(
            f"{connections} connections need more open files than the {hard} that this process may have.",
            "Raise the limit (`ulimit -Hn`), let fewer kits connect, or let all share one connection.",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
