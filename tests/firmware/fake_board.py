# SPDX-License-Identifier: EUPL-1.2
"""A board on a serial port, for tests: the fake ROM loader as a process, and its flash as a file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware.flash import Link
from tests import parts


@contextmanager
def plugged(flash: Path, *faults: str, chip: str = "ESP32-S3", stub: bool = True) -> Iterator[Link]:
    """Plugs a board in; the link to it says that it waits in its ROM loader, as a pseudo-terminal has no reset line."""
    command = [sys.executable, "-m", "tests.fakes.rom", str(flash), "--chip", chip, *faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=parts.ROOT) as board:
        assert board.stdout is not None
        try:
            yield Link(board.stdout.readline().strip(), in_boot=True, stub=stub)
        finally:
            board.kill()


def used_flash(path: Path, megabytes: int) -> Path:
    """A flash with something in it that must be gone afterwards."""
    path.write_bytes(b"\x5a" * (megabytes << 20))
    return path
