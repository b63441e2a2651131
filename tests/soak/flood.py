# SPDX-License-Identifier: EUPL-1.2
"""Floods of several kinds against a broker, each at a pace: what a broken or hostile kit, or a stranger, would send.

A flood is a thread of the test's process, so that it costs neither the collector nor the honest kits their turn. Where
the other side takes nothing more, it sends less: that is the other side's good right.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from collector.ingest.rules import MAX_PACKET
from collector.message import Message, Reading, encode, readings_topic
from tests.collector.test_guard import connect, publish
from tests.soak.kits import START, STEP, values

BLOCK = 20  # messages at once
OPEN = 200  # connections that say hardly anything


class Flood(threading.Thread):
    """`kind` is known, unknown, oversize or slow. `login` is a kit's, where there are logins. Use it in a `with`."""

    def __init__(self, port: int, kind: str, rate: float, login: tuple[str, str] | None) -> None:
        super().__init__(daemon=True)
        self.port, self.kind, self.rate, self._login = port, kind, rate, login
        self._ended = threading.Event()
        self.sent = 0
        self.failed: BaseException | None = None

    def __enter__(self) -> Flood:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        assert self.failed is None, self.failed

    def run(self) -> None:
        try:
            if self.kind == "slow":
                self._crawl()
            elif self.kind == "unknown" and self._login:
                self._knock()
            else:
                self._pour()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            self.failed = error

    def _paces(self, n: int) -> Iterator[None]:
        """Returns when n more may be sent, until the end."""
        began = time.monotonic()
        for done in itertools.count(0, n):
            if self._ended.wait(max(0.0, began + done / self.rate - time.monotonic())):
                return
            yield

    def _connected(self, hello: bytes) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        sock.sendall(hello)
        return sock

    def _pour(self) -> None:
        """Messages over one connection, a new one when it is ended."""
        name, password = self._login or ("kit-flood", None)
        hello = connect(name, password, name) if self._login else connect(client="flood")
        sock, numbers = self._connected(hello), itertools.count()
        for _ in self._paces(BLOCK):
            block = b"".join(self._message(name, next(numbers)) for _ in range(BLOCK))
            try:
                sock.settimeout(0.2)
                self._send(sock, block)
                self.sent += BLOCK
            except OSError:
                sock.close()
                sock = self._connected(hello)
        sock.close()

    def _send(self, sock: socket.socket, block: bytes) -> None:
        """Sends all of it, or as long as the test goes on; reads what was answered, so that nothing is held up."""
        while block and not self._ended.is_set():
            with suppress(TimeoutError):
                block = block[sock.send(block) :]
        with suppress(BlockingIOError):
            if not sock.recv(1 << 16, socket.MSG_DONTWAIT):
                raise ConnectionError

    def _message(self, name: str, n: int) -> bytes:
        if self.kind == "oversize":
            return publish(readings_topic(name), b"x" * (MAX_PACKET + 1000))
        reading = Reading(seq=n, dt=STEP, q=values(0, n), t=START + STEP * n)
        payload = encode(Message(v=1, boot=1, readings=[reading]))
        return publish(readings_topic(name if self.kind == "known" else f"kit-stranger-{n % 500}"), payload)

    def _knock(self) -> None:
        """Logins of kits that nobody registered, each on a connection of its own."""
        crowd: deque[socket.socket] = deque()
        for n, _ in enumerate(self._paces(1)):
            with suppress(OSError):
                crowd.append(self._connected(connect(f"kit-stranger-{n}", "guessed", f"c{n}")))
                self.sent += 1
            if len(crowd) > OPEN:
                crowd.popleft().close()
        for sock in crowd:
            sock.close()

    def _crawl(self) -> None:
        """Connections that begin a login and go on with a byte now and then; who is ended comes again."""
        hello, crowd = connect("kit-flood", "guessed", "slow"), selectors.DefaultSelector()
        for n, _ in enumerate(self._paces(1)):
            if len(crowd.get_map()) < OPEN:
                with suppress(OSError):
                    crowd.register(self._connected(hello[:5]), selectors.EVENT_READ)
                    self.sent += 1
            for key, _ in crowd.select(0):  # whatever it is told, it does not want to hear it
                crowd.unregister(key.fileobj)
                key.fileobj.close()
            with suppress(OSError, IndexError):
                list(crowd.get_map().values())[n % OPEN].fileobj.send(hello[5:6])
        for key in list(crowd.get_map().values()):
            key.fileobj.close()
        crowd.close()
