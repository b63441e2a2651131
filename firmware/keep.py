# SPDX-License-Identifier: EUPL-1.2
"""What a kit has measured and was told: saved from its flash before another application is put there.

The loader of the chip reads the flash as a whole, rather than the firmware file by file: that works however broken the
application is, no watchdog ends it halfway, and nothing changes on the board in between. Until the new files are
written, a copy lies on this computer, for its user only, as there are passwords in it: a cable that comes out loses
nothing, and the next try goes on with the copy.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from firmware.errors import ToolError
from firmware.flash import Board, Link, Report, read
from firmware.image import BLOCK, files
from firmware.runtime import TABLE, Place, files_on_board

_ANEW = "Without --keep-data it is written anew."


class Kept:
    """The copy of a board's files, in a folder on this computer."""

    def __init__(self, folder: Path, board: Board) -> None:
        self.path = folder / f"kept-{board.mac.replace(':', '')}.littlefs"

    @property
    def since(self) -> str | None:
        """When the copy was made, if an earlier try has left one."""
        try:
            return time.strftime("%Y-%m-%d %H:%M", time.localtime(self.path.stat().st_mtime))
        except OSError:
            return None

    def files(self) -> dict[str, bytes]:
        """What the copy holds, by path."""
        return files(self.path.read_bytes())

    def save(self, data: bytes) -> None:
        """Makes the copy, whole or not at all; data that hold no files are refused first."""
        files(data)
        part = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)  # half of the passwords serve nobody
            raise ToolError(
                f"The kit's files cannot be saved in {self.path}: {error.strerror}. Nothing was written to the board.",
                f"Make room for {len(data) >> 20} MB there, and begin again.",
            ) from error

    def forget(self) -> None:
        """The board has it all again: no passwords stay here."""
        self.path.unlink(missing_ok=True)


def find_files(link: Link, board: Board) -> Place:
    """Where the files lie on a board that was flashed before; ToolError if it was not."""
    place = files_on_board(read(link, TABLE.offset, TABLE.blocks * BLOCK), board.flash)
    if place is None:
        raise ToolError("There is no MicroPython on this board, so there is nothing to keep.", _ANEW)
    return place


def save(link: Link, place: Place, kept: Kept, report: Callable[[int], None] | Report) -> None:
    """Reads the board's files into the copy."""
    kept.save(read(link, place.offset, place.blocks * BLOCK, report))
