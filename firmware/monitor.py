# SPDX-License-Identifier: EUPL-1.2
"""What a board says on its serial port, line by line with the time; waits for the board when it has gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from firmware.errors import BoardFault
from firmware.serialport import open_port

_AGAIN_S = 0.5
_LONGEST = 1000  # bytes of a line


def watch(
    name: str, stopped: Callable[[], bool], say: Callable[[str], None], now: Callable[[], datetime] = datetime.now
) -> Iterator[str]:
    """Lines with the local time before them, until `stopped`. BoardFault only if the port cannot be opened at first."""
    port = open_port(name)
    said = False
    while not stopped():
        try:
            with port:
                if said:
                    say(f"{name} is back.")
                said = False
                for line in _lines(port, stopped):
                    yield f"{now():%Y-%m-%d %H:%M:%S.%f}"[:-3] + "  " + line
        except OSError:
            pass  # unplugged, or reset with its USB
        while not stopped():
            if not said:
                say(f"{name} has gone; waiting for it.")
                said = True
            time.sleep(_AGAIN_S)
            try:
                port = open_port(name)
                break
            except BoardFault:
                continue


def _lines(port: object, stopped: Callable[[], bool]) -> Iterator[str]:
    """Whole lines as text; what is no text is shown as such."""
    line = b""
    while not stopped():
        line += port.read(port.in_waiting or 1)  # type: ignore[attr-defined]
        while (end := line.find(b"\n")) >= 0 or len(line) > _LONGEST:
            text, line = (line[:end], line[end + 1 :]) if end >= 0 else (line[:_LONGEST], line[_LONGEST:])
            yield _shown(text)
    if line:
        yield _shown(line)


def _shown(raw: bytes) -> str:
    text = raw.rstrip(b"\r").decode(errors="backslashreplace")
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
