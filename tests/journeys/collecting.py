# SPDX-License-Identifier: EUPL-1.2
"""A collector as a process, as users run it, and what tests ask of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from collector.ingest.spool import Spool

CITIMEASURE = [sys.executable, "-m", "collector.cli"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without any setting of citimeasure's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CITIMEASURE_")}
    return {**kept, "COLUMNS": "200", **more}


def citimeasure(*args: object, ok: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    done = subprocess.run(
        [*CITIMEASURE, *map(str, args)], capture_output=True, text=True, env=environment(**env), timeout=240
    )
    assert not ok or done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def wait_until(condition: Callable[[], object], seconds: float = 60, what: str = "it") -> None:
    """Returns when a condition holds; AssertionError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


class Collector:
    """`citimeasure run` on a folder; starts at once, and can be killed and started again.

    Use it in a `with`, at whose end it does not run any more, whatever happened.
    """

    command: Sequence[str] = CITIMEASURE

    def __init__(self, folder: Path, *args: object, **env: str) -> None:
        self.folder, self.args, self.env = folder, args, env
        self.log = folder.parent / f"{folder.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def __enter__(self) -> Collector:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it and waits until it takes readings."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Starts it, without waiting for anything."""
        self._before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "run", "--folder", str(self.folder), *map(str, self.args)],
                stderr=log, stdout=log, env=environment(**self.env),
            )  # fmt: skip

    def wait_until_ready(self) -> None:
        """Returns when it takes readings."""

        def ready() -> bool:
            text = self.log.read_bytes()[self._before :]
            assert self.process is not None
            assert self.process.poll() is None, text.decode()
            return b"Collecting" in text

        wait_until(ready, what="the collector's start")

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """kill -9 and start."""
        self.kill()
        self.start()

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ends it as a user does; returns the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(how)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def wait_until_stored(self, seconds: float = 120) -> None:
        """Returns when every message of the spool is in every store."""

        def done() -> bool:
            spool = Spool(self.folder)
            try:
                waiting = spool.backlog()
                return bool(waiting) and not any(waiting.values())
            finally:
                spool.close()

        wait_until(done, seconds, "storing everything")
