# SPDX-License-Identifier: EUPL-1.2
"""Runs code on a board over its serial port, by MicroPython's raw mode, and lets the firmware go on afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from firmware.errors import BoardFault
from firmware.serialport import open_port

_TRIES = 8
_READY = b"raw REPL; CTRL-B to exit\r\n>"
_RESTARTED = b"soft reboot"
_INTERRUPT, _RAW, _RESTART, _END = b"\r\x03\x03", b"\r\x01", b"\x02\x04", b"\x04"


class Repl:
    """A board whose program rests while this is open; use it in a `with`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._port = open_port(name)
        try:
            self._enter()
        except BaseException:
            self._port.close()
            raise

    def __enter__(self) -> Repl:
        return self

    def __exit__(self, *_: object) -> None:
        """The firmware starts anew."""
        try:
            for _attempt in range(_TRIES):  # an interrupt may come at a moment that loses what follows it
                self._port.write(_INTERRUPT + _RESTART)
                if self._until(_RESTARTED, 1).endswith(_RESTARTED):
                    return
        except OSError:
            pass  # it has gone, which is no worse
        finally:
            self._port.close()

    def _enter(self) -> None:
        try:
            for _ in range(_TRIES):
                self._port.write(_INTERRUPT)
                time.sleep(0.2)
                self._port.reset_input_buffer()
                self._port.write(_RAW)
                if self._until(_READY, 1).endswith(_READY):
                    return
        except OSError as error:
            raise self._gone() from error
        raise BoardFault(
            f"No board answers on {self.name}.", "Is it the right port? Press the board's reset button and repeat."
        )

    def run(self, code: str, hear: Callable[[str], None], seconds: float) -> None:
        """Runs code; `hear` gets each line that it prints. BoardFault if it fails, or takes longer than `seconds`."""
        try:
            self._port.write(code.encode() + _END)
            if self._until(b"OK", 5) != b"OK":
                raise self._gone()
            self._listen(hear, time.monotonic() + seconds)
            trace = self._until(_END, 5)[:-1].decode(errors="replace").strip()
        except OSError as error:
            raise self._gone() from error
        if trace:
            last = trace.splitlines()[-1]
            raise BoardFault(f"The board says: {last}.", "Its firmware may be damaged or older; put it there anew.")

    def _listen(self, hear: Callable[[str], None], until: float) -> None:
        line = b""
        while (byte := self._port.read(1)) != _END:
            if byte == b"\n":
                hear(line.decode(errors="replace").rstrip("\r"))
            line = b"" if byte == b"\n" else line + byte
            if time.monotonic() > until:
                raise BoardFault(f"The board on {self.name} does not come to an end.", "Unplug it and begin again.")

    def _until(self, end: bytes, seconds: float) -> bytes:
        told, until = b"", time.monotonic() + seconds
        while not told.endswith(end) and time.monotonic() < until:
            told += self._port.read(1)
        return told

    def _gone(self) -> BoardFault:
        return BoardFault(f"The board on {self.name} has gone.", "Check the cable, and repeat.")
