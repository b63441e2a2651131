# SPDX-License-Identifier: EUPL-1.2
"""A twin of a kit as a process, as users run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import serial

from tests import parts
from tests.journeys.collecting import CITIMEASURE, environment, wait_until


class RunningTwin:
    """`citimeasure twin` on a flash; use it in a `with`. `port` is where its board listens."""

    def __init__(self, flash: Path, *args: object, **env: str) -> None:
        self.flash, self._log = flash, flash.parent / f"{flash.name}.log"
        env |= {"CITIMEASURE_MICROPYTHON": str(parts.micropython())}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*CITIMEASURE, "twin", "--flash", str(flash), *map(str, args)],
                stdout=log, stderr=log, env=environment(**env),
            )  # fmt: skip
        wait_until(lambda: "A board listens" in self.log or self.process.poll() is not None, what="the twin's start")
        assert self.process.poll() is None, self.log
        self.port = next(line for line in self.log.splitlines() if line.startswith("/dev/"))

    @property
    def log(self) -> str:
        """What the command has said."""
        return self._log.read_text()

    def __enter__(self) -> RunningTwin:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)

    def interrupt(self) -> None:
        """Ctrl-C until the prompt comes: one that falls into boot.py is lost, as on a board."""
        told = b""
        with serial.Serial(self.port, 115200, timeout=0.3) as port:
            for _ in range(60):
                port.write(b"\x03")
                told += port.read(2000)
                if b">>> " in told:
                    return
        raise AssertionError(told)

    def mpremote(self, *words: object, ok: bool = True) -> str:
        """Runs the real mpremote on the port; what it printed."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=dict(os.environ))
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done.stdout if ok else f"{done.returncode} {done.stdout}{done.stderr}"
