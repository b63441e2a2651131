# SPDX-License-Identifier: EUPL-1.2
"""A time server that speaks SNTP (RFC 4330) on a port of 127.0.0.1, truthfully or in one of several wrong ways."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SINCE_1900 = 2208988800


def packet(question: bytes, now: float, fault: str = "") -> bytes:
    """The answer to a question of 48 bytes at a Unix time [s]; `fault`: kiss, unsynchronised, stranger, short."""
    leap = 3 if fault == "unsynchronised" else 0
    stratum = {"kiss": 0, "unsynchronised": 16}.get(fault, 2)
    head = struct.pack("!BBBbII4s", leap << 6 | 4 << 3 | 4, stratum, 6, -20, 0, 0, b"TEST")
    stamp = question[40:48] if fault != "stranger" else bytes(8)
    whole = int(now)
    moment = struct.pack("!II", (whole + SINCE_1900) & 0xFFFFFFFF, int((now - whole) * 2**32))
    return (head + moment + stamp + moment + moment)[: 20 if fault == "short" else 48]


@contextmanager
def time_server(fault: str = "", ahead: float = 0.0) -> Iterator[int]:
    """Runs one; yields its port. `fault` as in `packet`, or "silent"; `ahead` [s] of true time."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))
    line.settimeout(0.1)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                question, who = line.recvfrom(128)
            except TimeoutError:
                continue
            if fault != "silent":
                line.sendto(packet(question, time.time() + ahead, fault), who)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield line.getsockname()[1]
    finally:
        stop.set()
        thread.join()
        line.close()
