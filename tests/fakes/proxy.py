# SPDX-License-Identifier: EUPL-1.2
"""A bad line between two programs: a TCP proxy that delays, trickles, cuts in the middle, or swallows without a word.

Bytes for a port come in, and go out as the line lets them, each direction by a thread of its own. Tests put it between
the collector and a broker or a store.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset instead of a goodbye


class _Line:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = client, server
        self.gone = self.cutting = False

    def close(self, *, reset: bool = False) -> None:
        for end in self.ends:
            with suppress(OSError):
                if reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy:
    """Listens on `port` of 127.0.0.1. `latency` [s] and `rate` [bytes/s; 0 is no limit] may change at any time."""

    def __init__(self, target: int) -> None:
        self.latency = self.rate = 0.0
        self.dead = False  # a new connection is accepted, and nothing ever comes through it
        self.opened = self.cut_short = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lines: list[_Line] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def vanish(self) -> None:
        """Every connection there is now is half-open from here on: both ends believe in it; nothing gets through."""
        for line in self._lines:
            line.gone = True

    def cut(self) -> None:
        """Every connection there is now lets through half of its next block, and is reset."""
        for line in self._lines:
            line.cutting = True

    def close(self) -> None:
        """Ends everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._lines:
            line.close()
        for thread in self._threads:
            thread.join(20)

    def _start(self, what, *args: object) -> None:
        thread = threading.Thread(target=what, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=20)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            line = _Line(client, server)
            line.gone = self.dead
            self.opened += 1
            self._lines = [one for one in self._lines if one.ends[0].fileno() >= 0] + [line]
            self._start(self._carry, line, client, server)
            self._start(self._carry, line, server, client)

    def _carry(self, line: _Line, source: socket.socket, to: socket.socket) -> None:
        with suppress(OSError):
            while block := source.recv(1024 if self.rate else 65536):
                if self.latency:
                    time.sleep(self.latency)
                if self.rate:
                    time.sleep(len(block) / self.rate)
                if line.gone:
                    continue
                if line.cutting:
                    to.sendall(block[: max(1, len(block) // 2)])
                    self.cut_short += 1
                    line.close(reset=True)
                    return
                to.sendall(block)
        if not line.gone:
            line.close()


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """A line to a port of 127.0.0.1."""
    line = Proxy(target)
    try:
        yield line
    finally:
        line.close()
