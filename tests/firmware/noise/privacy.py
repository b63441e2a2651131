# SPDX-License-Identifier: EUPL-1.2
"""Searches bytes for sound: for samples that follow one another as a microphone gave them, in any usual writing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int32]
RUN = 4  # samples in a row that are no accident
TEXT_SHIFTS = (0, 8, 12, 14, 16, 24)


def pattern(n: int = 4800) -> Samples:
    """A sound that is nothing like anything else: loud noise, 24 bits in the upper part of 32."""
    return (np.random.default_rng(11).integers(-(2**22), 2**22, n) << 8).astype(np.int32)


def writings(heard: Samples) -> Iterator[tuple[str, int, bytes]]:
    """(name, bytes of a sample, all samples) of each way to write samples as bytes."""
    little, big = heard.astype("<i4").tobytes(), heard.astype(">i4").tobytes()
    for width in (4, 3, 2, 1):
        yield (
            f"{8 * width} bits, little end first",
            width,
            b"".join(little[i + 4 - width : i + 4] for i in starts(little)),
        )
        yield f"{8 * width} bits, big end first", width, b"".join(big[i : i + width] for i in starts(big))


def starts(data: bytes) -> range:
    """Where samples of 32 bits begin."""
    return range(0, len(data), 4)


def unwrapped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The bytes as they are, and what is in them as hexadecimal or base64."""
    yield "", data
    for found in re.findall(rb"[0-9a-fA-F]{16,}", data):
        for start in (0, 1):
            piece = found[start:]
            yield " as hexadecimal", bytes.fromhex(piece[: len(piece) // 2 * 2].decode())
    for found in re.findall(rb"[A-Za-z0-9+/_-]{16,}", data):
        plain = found.replace(b"-", b"+").replace(b"_", b"/")
        for start in range(4):
            piece = plain[start:]
            yield " as base64", base64.b64decode(piece[: len(piece) // 4 * 4])


def sound_in(data: bytes, heard: Samples) -> list[str]:
    """In which writings the bytes hold samples that a microphone gave in a row; none is what a kit may write."""
    found = set()
    for name, width, written in writings(heard):
        size = max(RUN * width, 8)
        runs = {written[i : i + size] for i in range(0, len(written) - size, width)}
        for how, bytes_ in unwrapped(data):
            if any(bytes_[i : i + size] in runs for i in range(len(bytes_) - size + 1)):
                found.add(name + how)
    numbers = [int(one) for one in re.findall(rb"-?\d{1,12}", data)]
    said = {tuple(numbers[i : i + RUN]) for i in range(len(numbers) - RUN + 1)}
    for shift in TEXT_SHIFTS:
        small = [int(one) for one in heard >> shift]
        rows = [tuple(small[i : i + RUN]) for i in range(len(small) - RUN + 1)]
        if any(row in said for row in rows if len(set(row)) == RUN):
            found.add(f"numbers, shifted by {shift}")
    return sorted(found)
