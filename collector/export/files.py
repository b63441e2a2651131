# SPDX-License-Identifier: EUPL-1.2
"""Files that are whole or not there: written under another name, made durable, then given their own.

Everything that an export writes goes through here, so what has its final name survived a cut of the power.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from collector.errors import SettingError

PART = ".part"  # behind the name of a file that is being written
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class File:
    """A finished file of data: where it lies in the folder, its format, and what it must be."""

    path: str
    format: str
    rows: int
    bytes: int
    sha256: str
    quantity: str | None = None  # if it holds only one


def part_of(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(path.name + PART)


def finish(path: Path) -> None:
    """Gives a part its final name, after it is on disk."""
    with part_of(path).open("rb+") as file:
        os.fsync(file.fileno())
    part_of(path).rename(path)
    sync_folder(path.parent)


def write_whole(path: Path, content: str | bytes) -> None:
    """A small file, whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    part_of(path).write_bytes(content.encode() if isinstance(content, str) else content)
    finish(path)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path) -> tuple[int, str]:
    """A file's length and sha256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def remove_parts(folder: Path) -> None:
    """Removes what was being written."""
    for path in folder.rglob(f"*{PART}"):
        with suppress(OSError):
            path.unlink()


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turns the system's errors about an export's folder into sentences, and leaves nothing half written there."""
    try:
        yield
    except OSError as error:
        remove_parts(folder)
        why = error.strerror or str(error)
        if error.errno in _FULL or "No space left" in str(error):
            raise SettingError(
                f"The disk of {folder} is full; the export is not complete.",
                "Make room and give the same command again: it goes on with the month where it stopped.",
            ) from error
        raise SettingError(f"The folder {folder} cannot be written: {why}.", "Name another one.") from error
    except BaseException:
        remove_parts(folder)
        raise
