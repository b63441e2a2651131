# SPDX-License-Identifier: EUPL-1.2
"""Hostile inputs: good ones, altered at random, as a fuzzer does it. The same seed gives the same inputs.

A library that looks for the smallest failing example spends a millisecond on each; this takes ten microseconds, and a
failure is seen again by its seed. Fuzz tests call it; what may come out of a decoder is theirs to say.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

# What decoders often stumble over: ends of ranges, numbers that are none, nests, odd letters.
WORDS = (
    b"", b"0", b"-1", b"1e999", b"-1e999", b"NaN", b"nan", b"inf", b"9" * 400, b"9" * 5000, b"9007199254740993",
    b"-9223372036854775809", b"18446744073709551616", b"1.5", b"true", b"null", b"[", b"]", b"{", b"}", b"[" * 3000,
    b'{"a":' * 500, b'"', b"'", b"\\", b"\\ud800", b"\\u0000", b"\x00", b"\x7f", b"\xff", b"\xc0\x80",
    b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\xb2", b"\xd9\xa3", b"\n", b"\r\n", b"\r\n\r\n", b" " * 9000, b"+",
    b"#", b"/", b"$SYS", b":", b",", b"=", b"~", b"~nobody-has-this-name", b"../../", b"%00", b"%s%n", b"\x1b[31m",
    b"<script>", b"' OR 1=1 --",
)  # fmt: skip


class Altered:
    """Gives inputs for ever: some of the good ones, each with one to six alterations."""

    def __init__(self, good: Sequence[bytes], seed: int) -> None:
        self._good, self._random = list(good), random.Random(seed)

    def __iter__(self) -> Altered:
        return self

    def __next__(self) -> bytes:
        chance = self._random
        data = bytearray(chance.choice(self._good))
        for _ in range(chance.randint(1, 6)):
            at = chance.randint(0, len(data))
            match chance.randrange(8):
                case 0 if data:  # a bit
                    data[at % len(data)] ^= 1 << chance.randrange(8)
                case 1:  # a byte
                    data[at : at + 1] = bytes([chance.randrange(256)])
                case 2:  # something is missing
                    del data[at : at + chance.choice((1, 2, 8, 64))]
                case 3:  # something is there again
                    data[at:at] = data[at : at + chance.choice((1, 8, 64))]
                case 4:  # it ends too early
                    if not chance.randrange(4):
                        del data[at:]
                case 5 | 6:  # something awkward, instead or besides
                    data[at : at + chance.choice((0, 0, 1, 4, 12))] = chance.choice(WORDS)
                case _:  # a piece of another
                    other = chance.choice(self._good)
                    start = chance.randint(0, len(other))
                    data[at : at + chance.choice((0, 16))] = other[start : start + chance.choice((4, 32, 500))]
        return bytes(data)
