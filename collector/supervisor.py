# SPDX-License-Identifier: EUPL-1.2
"""Tells systemd how the collector is: ready, alive, stopping. Without systemd every call does nothing.

The protocol is a datagram of `NAME=value` lines to the socket in NOTIFY_SOCKET, sd_notify(3). A collector that stands
still stops saying that it lives, and is started again after WatchdogSec.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping


class Supervisor:
    """What was set in the environment of this process is used up: programs that it starts do not hear of it."""

    def __init__(self, environ: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._clock = clock
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "0")
        self.patience = int(usec) / 1e6 if mine and usec.isdigit() else 0.0  # 0: nobody waits for a word [s]
        self._next = 0.0

    def ready(self, status: str) -> None:
        """Readings are taken."""
        self._tell(f"READY=1\nSTATUS={status}")

    def waiting(self, status: str) -> None:
        """Something has to be put right first; the start may take as long as that."""
        self._tell(f"STATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1\nSTATUS=stopping")

    def alive(self, last: float) -> None:
        """Says that the collector lives, four times within the patience, if `last`, its last sign [s], is recent."""
        now = self._clock()
        if self.patience and now >= self._next and now - last < self.patience / 2:
            self._next = now + self.patience / 4
            self._tell("WATCHDOG=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(1)
                line.connect(self._address)
                line.send(text.encode())
        except OSError:  # readings matter more than who watches
            pass
