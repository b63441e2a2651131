# SPDX-License-Identifier: EUPL-1.2
"""MicroPython's own image for a chip: got from a file or an address, checked, and asked where its files will lie.

An image that is damaged, cut short or for another chip is refused before anything is written. It carries what is needed
for that: the chip's number, its partition table with an MD5, and the SHA-256 of the program. Sources: ESP-IDF guides
"Partition Tables" and "App Image Format". No sum of MicroPython's images comes with the project, as they could not be
checked where it is made: an address is taken together with a SHA-256 that the user trusts, or has pinned (`pins.py`).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firmware.chips import CHIPS, Chip
from firmware.download import download
from firmware.errors import ToolError
from firmware.image import BLOCK

_MAGIC = 0xE9  # first byte of an image
_ENTRY = struct.Struct("<2sBBII16sI")  # magic, type, subtype, offset, size, label, flags
_HEADER = 24  # bytes
_MOST = 16 * 1024 * 1024  # bytes; a larger file is none of ours


@dataclass(frozen=True)
class Place:
    """A part of the flash: from `offset` on, `blocks` blocks of 4 kB."""

    offset: int
    blocks: int


TABLE = Place(0x8000, 1)  # where the partition table lies in flash


@dataclass(frozen=True)
class Runtime:
    """An image whose parts are sound."""

    data: bytes
    chip: Chip
    partitions: tuple[tuple[str, int, int], ...]  # label, offset, size

    @property
    def sha256(self) -> str:
        """To be given with --sha256 next time."""
        return hashlib.sha256(self.data).hexdigest()

    def files_at(self, flash: int) -> Place:
        """Where MicroPython looks for its files in a flash of that many bytes.

        That is the partition `vfs`. Newer images have none: there MicroPython uses all after the last partition.
        """
        place = _place_of_files(self.partitions, flash)
        if place is None:
            raise ToolError(
                f"This image of MicroPython is for a board with more than {flash >> 20} MB of flash.",
                f"Take another one from {self.chip.page}",
            )
        return place


def _place_of_files(partitions: tuple[tuple[str, int, int], ...], flash: int) -> Place | None:
    named = {label: (offset, size) for label, offset, size in partitions}
    end = max(offset + size for offset, size in named.values())
    offset, size = named.get("vfs", (end, flash - end))
    return Place(offset, size // BLOCK) if size > 0 and offset + size <= flash else None


def files_on_board(table: bytes, flash: int) -> Place | None:
    """Where the files lie on a board with that partition table; None if there is no MicroPython on it."""
    try:
        found = _partitions(table)
    except ToolError:
        return None
    return _place_of_files(tuple((label, offset, size) for label, _, offset, size in found), flash) if found else None


def fetch(
    where: str, sha256: str | None, report: Callable[[int], None] = lambda _: None, *, first: bool = False
) -> bytes:
    """The bytes of a file or an address; refused if their SHA-256 is not the one that was given.

    `first` takes what a https address gives without one: the caller remembers it for the next time.
    """
    if where.startswith(("http://", "https://")):
        if not sha256 and not (first and where.startswith("https://")):
            raise ToolError(
                "An address needs --sha256: what comes from the net is written only if it is what you expect.",
                "Or download it yourself, and name the file. With --pin FILE, https is trusted the first time.",
            )
        data = download(where, _MOST, report)
    else:
        try:
            data = Path(where).read_bytes()
        except OSError as error:
            raise ToolError(f"{where} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(data).hexdigest()
    if sha256 and found != sha256.lower():
        raise ToolError(f"{where} is not what you expect: its SHA-256 is {found}.", "Do not use it; download it again.")
    return data


def parse(data: bytes, chip: Chip | None = None) -> Runtime:
    """An image after all checks; ToolError says what is wrong. With `chip`, it must be for that one."""
    found = _chip(data)
    if chip and found != chip:
        raise ToolError(f"This image of MicroPython is for an {found.name}, the board is an {chip.name}.",
                        f"Take the one for the board from {chip.page}")  # fmt: skip
    partitions = _partitions(data[TABLE.offset - found.offset :][:0xC00])
    programs = [offset for _, kind, offset, _ in partitions if kind == 0]
    if not programs:
        raise _damaged("holds no program")
    _check_program(data[min(programs) - found.offset :])
    return Runtime(data, found, tuple((label, offset, size) for label, _, offset, size in partitions))


def _chip(data: bytes) -> Chip:
    if len(data) < _HEADER or data[0] != _MAGIC or len(data) > _MOST:
        raise ToolError("This is no image of MicroPython for an ESP32.", "Its name ends in .bin.")
    number = int.from_bytes(data[12:14], "little")
    for chip in CHIPS.values():
        if chip.number == number:
            return chip
    raise ToolError(f"This image is for a chip that a kit cannot have (number {number}).",
                    f"A kit may have: {', '.join(CHIPS)}.")  # fmt: skip


def _partitions(table: bytes) -> list[tuple[str, int, int, int]]:
    found: list[tuple[str, int, int, int]] = []
    for start in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, kind, _, offset, size, label, _ = _ENTRY.unpack_from(table, start)
        if magic == b"\xeb\xeb":  # the sum of all before it, and the end
            if hashlib.md5(table[:start]).digest() != table[start + 16 : start + 32]:
                break
            return found
        if magic != b"\xaa\x50":
            break
        found.append((label.rstrip(b"\0").decode("ascii", "replace"), kind, offset, size))
    raise _damaged("has no sound partition table")


def _check_program(program: bytes) -> None:
    """The program's segments are all there, and its SHA-256 is right."""
    if len(program) < _HEADER or program[0] != _MAGIC:
        raise _damaged("is cut short")
    end = _HEADER
    for _ in range(program[1]):
        end += 8 + int.from_bytes(program[end + 4 : end + 8], "little")
    end += 16 - end % 16  # padding, and a byte of check sum as the last of 16
    summed = program[23] == 1
    if len(program) < end + 32 * summed:
        raise _damaged("is cut short")
    if summed and hashlib.sha256(program[:end]).digest() != program[end : end + 32]:
        raise _damaged("is damaged")


def _damaged(how: str) -> ToolError:
    return ToolError(f"This image of MicroPython {how}.", "Download it again, whole: the file whose name ends in .bin.")
