# SPDX-License-Identifier: EUPL-1.2
"""The board's file system as one image in littlefs 2: files in, bytes out, and the other way round.

The image has exactly as many blocks as its place in flash, because MicroPython refuses to mount any other number; the
runtime's partition table says how many (`runtime.py`). Parameters are those that MicroPython 1.25 formats with
(`extmod/vfs_lfs.c`: read and program 32 bytes, cache 4 times that), so each side can go on where the other stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from firmware.errors import ToolError

if TYPE_CHECKING:
    from littlefs import LittleFS

BLOCK = 4096  # bytes; a sector of the flash, the least that can be erased
_UNIT = 32  # bytes, read and programmed at once
_DISK_VERSION = 0x0002_0000  # 2.0: every littlefs 2 reads it


def image(files: Mapping[str, bytes], blocks: int) -> bytes:
    """A littlefs 2 image of `blocks` blocks with the files in it; the same files give the same bytes."""
    from littlefs import LittleFSError

    system = _system(blocks)
    try:
        for path, content in sorted(files.items()):
            folder = path.rpartition("/")[0]
            if folder:
                system.makedirs(folder, exist_ok=True)
            with system.open(path, "wb") as file:
                file.write(content)
    except LittleFSError as error:
        size = sum(map(len, files.values()))
        raise ToolError(
            f"{len(files)} files of {size} bytes do not fit into {blocks * BLOCK // 1024} kB of file system.",
            "Take a board with more flash.",
        ) from error
    return bytes(system.context.buffer)


def files(data: bytes) -> dict[str, bytes]:
    """All files of an image, by path. ToolError if it is none, or damaged."""
    from littlefs import LittleFSError

    system = _system(len(data) // BLOCK, mount=False)
    system.context.buffer = bytearray(data)
    found = {}
    try:
        system.mount()
        for folder, _, names in system.walk("/"):
            for name in names:
                path = f"{folder.rstrip('/')}/{name}"
                with system.open(path, "rb") as file:
                    found[path] = file.read()
    except LittleFSError as error:
        raise ToolError(
            "The board's files cannot be read: its file system is damaged, or of another kind.",
            "Without --keep-data the board is written anew, and what it did not send yet is lost.",
        ) from error
    return found


def _system(blocks: int, mount: bool = True) -> LittleFS:
    try:
        from littlefs import LittleFS
    except ImportError as error:
        raise ToolError("littlefs-python is not here.", "pip install 'citimeasure[flash]'") from error
    return LittleFS(
        block_size=BLOCK, block_count=blocks, read_size=_UNIT, prog_size=_UNIT, cache_size=4 * _UNIT,
        lookahead_size=_UNIT, block_cycles=100, disk_version=_DISK_VERSION, mount=mount,
    )  # fmt: skip
