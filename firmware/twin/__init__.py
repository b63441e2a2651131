# SPDX-License-Identifier: EUPL-1.2
"""A twin of a kit: the very firmware on this computer, behind a serial port, with simulated sensors and radio.

The board is MicroPython's unix port with the modules of `board/`, its flash a folder. This part makes the serial port,
a pseudo terminal, and starts the board again after each reset. Linux and macOS. `citimeasure twin` calls it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import termios
import time
import tty
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from firmware.errors import BoardFault

BOARD = Path(__file__).parent / "board"
DEVICE = Path(__file__).parents[1] / "device"
SENSORS = ("SHT45", "SPS30")
# What the twin's radio hears: names and passwords.
NETWORKS = {"twin-home": "twin-password", "twin-open": "", "Café Zoë": "déjà vu 1"}

# Exit codes of the board by which it asks to be started again (board/machine.py), and what then caused the reset.
_SOFT, _SOFT_RAW, _HARD = 42, 43, 44
_CAUSE = {_SOFT: 5, _SOFT_RAW: 5, _HARD: 2, -signal.SIGALRM: 3}  # the last is the watchdog's
_POWER_ON = 1
_CRASHED_S = 1.0  # pause after an end that nobody asked for
_CRASHES = 2  # of those at once after the start, until the twin gives up
_LOOK_S = 0.02


def find_micropython() -> Path:
    """MicroPython's unix port: the one named in CITIMEASURE_MICROPYTHON, the one that `make parts` fetched, or any."""
    named = os.environ.get("CITIMEASURE_MICROPYTHON")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(os.environ.get("CITIMEASURE_CACHE") or f"{home}/citimeasure")
    fetched = sorted(cache.glob("micropython-*/ready"))
    if named:
        found: str | None = shutil.which(named)
    elif fetched:
        found = str(fetched[-1].parent / "micropython")
    else:
        found = shutil.which("micropython")
    if found is None:
        raise BoardFault(
            f"There is no {named}." if named else "MicroPython is not installed here.",
            "In a clone of the project `make parts` fetches it; Debian 13 has a package `micropython`. "
            "Or name the program in CITIMEASURE_MICROPYTHON; version 1.25 or newer.",
        )
    return Path(found)


def fill(flash: Path) -> None:
    """Puts the firmware into the twin's flash; settings and waiting readings there are left alone."""
    flash.mkdir(parents=True, exist_ok=True)
    shutil.copytree(DEVICE, flash, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


class Twin:
    """A board behind `port`, from `run` until it is stopped."""

    def __init__(
        self,
        flash: Path,
        *,
        micropython: Path | None = None,
        sensors: Sequence[str] = SENSORS,
        networks: Mapping[str, str] = NETWORKS,
        heap: str = "2m",
    ) -> None:
        self._micropython = micropython or find_micropython()
        self._flash, self._sensors, self._networks, self._heap = flash.resolve(), sensors, networks, heap
        self._port, slave = pty.openpty()
        self.port = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # from now on the kernel tells whether somebody has it open
        os.set_blocking(self._port, False)

    def close(self) -> None:
        """Gives the port back."""
        os.close(self._port)

    def run(self, stopped: Callable[[], bool], started: Callable[[int], None]) -> None:
        """Starts the board, again after each reset, until `stopped`. `started` hears the cause of each start."""
        cause, raw, crashes = _POWER_ON, False, 0
        while not stopped():
            started(cause)
            began = time.monotonic()
            code, last = self._live(cause, raw, stopped)
            if code not in _CAUSE and not stopped():
                crashes = crashes + 1 if time.monotonic() - began < _CRASHED_S else 0
                if crashes > _CRASHES:
                    raise BoardFault(
                        f"The board does not start: {last}.", f"Does {self._micropython} run here by itself?"
                    )
                time.sleep(_CRASHED_S)
            cause, raw = _CAUSE.get(code, _POWER_ON), code == _SOFT_RAW

    def _live(self, cause: int, raw: bool, stopped: Callable[[], bool]) -> tuple[int, str]:
        """One life of the board; its exit code, and its last words."""
        order = {"flash": str(self._flash), "raw": raw, "cause": cause, "sensors": list(self._sensors)}
        command = [str(self._micropython), "-X", f"heapsize={self._heap}", str(BOARD / "serial_board.py")]
        line, slave = pty.openpty()
        _prepare(slave)
        board = subprocess.Popen(
            [*command, json.dumps({**order, "networks": dict(self._networks)})],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_take_terminal,
            env={**os.environ, "MICROPYPATH": f"{BOARD}:.frozen"},
        )  # fmt: skip
        os.close(slave)
        try:
            last = self._relay(line, stopped)
        finally:
            os.close(line)  # a board that still runs is hung up on
            try:
                code = board.wait(5)
            except subprocess.TimeoutExpired:
                board.kill()
                code = board.wait()
        return code, last.decode(errors="replace").strip().rpartition("\n")[2]

    def _relay(self, line: int, stopped: Callable[[], bool]) -> bytes:
        """Carries bytes both ways until the board ends. What it says while nobody listens is lost, as on a cable."""
        said = b""
        poll = select.poll()
        poll.register(line, select.POLLIN)
        while not stopped():
            listening = self._listening()
            if listening:
                poll.register(self._port, select.POLLIN)
            else:
                with contextlib.suppress(KeyError):
                    poll.unregister(self._port)
            ready = dict(poll.poll(int(_LOOK_S * 1000)))
            if ready.get(self._port, 0) & select.POLLIN:
                with contextlib.suppress(OSError):  # the other side has just gone
                    _write_all(line, os.read(self._port, 4096))
            if line in ready:
                try:
                    said = os.read(line, 4096)
                except OSError:  # the board has ended
                    break
                if listening:
                    with contextlib.suppress(OSError):
                        _write_all(self._port, said)
        return said

    def _listening(self) -> bool:
        probe = select.poll()
        probe.register(self._port, select.POLLIN)
        if not dict(probe.poll(0)).get(self._port, 0) & select.POLLHUP:
            return True
        tty.setraw(self._port)  # the next one who opens it finds no echo
        return False


def _write_all(fd: int, data: bytes, seconds: float = 5.0) -> None:
    """Writes; what is not taken within some seconds is lost."""
    until = time.monotonic() + seconds
    while data and time.monotonic() < until:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            time.sleep(0.001)


def _prepare(slave: int) -> None:
    """A line on which Ctrl-C is a signal (where the board allows it) and nothing else is special."""
    tty.setraw(slave)
    mode = termios.tcgetattr(slave)
    mode[6][termios.VINTR] = b"\x03"
    for name in (termios.VQUIT, termios.VSUSP):
        mode[6][name] = b"\x00"
    termios.tcsetattr(slave, termios.TCSANOW, mode)


def _take_terminal() -> None:
    """In the new process: the line is its controlling terminal, which signals come from."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
