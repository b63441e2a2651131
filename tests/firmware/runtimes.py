# SPDX-License-Identifier: EUPL-1.2
"""Images built like MicroPython's own for the ESP32 family: headers, partition table and sums as ESP-IDF writes them.

There is no program in them that could run. Source: ESP-IDF guides "Partition Tables" and "App Image Format".
"""

from __future__ import annotations

import hashlib
import random
import struct

from firmware.chips import Chip

MB = 1 << 20


def program(chip: Chip, size: int = 30_000, seed: int = 1) -> bytes:
    """A header, one segment, padding to a check sum as the last of 16 bytes, and the SHA-256."""
    body = random.Random(seed).randbytes(size)
    header = struct.pack("<BBBBIB3xH9xB", 0xE9, 1, 2, 0x2F, 0x40080000, 0xEE, chip.number, 1)
    image = header + struct.pack("<II", 0x3F400000, len(body)) + body
    image += bytes(15 - len(image) % 16) + b"\x55"
    return image + hashlib.sha256(image).digest()


def table(*partitions: tuple[str, int, int, int, int]) -> bytes:
    """A partition table of (label, type, subtype, offset, size), with its MD5."""
    rows = b"".join(
        struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, label.encode(), 0)
        for label, kind, subtype, offset, size in partitions
    )
    return (rows + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows).digest()).ljust(0xC00, b"\xff")


def runtime(chip: Chip, flash: int = 8 * MB, *, with_vfs: bool = True) -> bytes:
    """A whole image, as MicroPython lays it out: files from 2 MB on to the end of the flash."""
    partitions = [
        ("nvs", 1, 2, 0x9000, 0x6000),
        ("phy_init", 1, 1, 0xF000, 0x1000),
        ("factory", 0, 0, 0x10000, 0x1F0000),
    ]
    if with_vfs:
        partitions.append(("vfs", 1, 0x81, 2 * MB, flash - 2 * MB))
    image = program(chip, 20_000, seed=2).ljust(0x8000 - chip.offset, b"\xff")
    image = (image + table(*partitions)).ljust(0x10000 - chip.offset, b"\xff")
    return image + program(chip)
