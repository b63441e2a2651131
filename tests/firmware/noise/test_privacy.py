# SPDX-License-Identifier: EUPL-1.2
"""Levels only: nothing that a kit writes or says holds a sample of sound, and there is no room for one."""

from __future__ import annotations

import base64
import json
import os

import numpy as np
import pytest

from tests.firmware import board
from tests.firmware.noise.privacy import pattern, sound_in

# The slowest speech codec in use takes 450 bits a second.
SPEECH = 450 / 8 * 60  # bytes in a minute
# Bytes of heap over 64 kB: 4 kB for the simulated microphone and the copying; 4 kB that a kit with a microphone and all
# drivers really takes more; the rest so that this test is about sound and not about memory.
LISTENING = 16 * 1024


def test_the_search_finds_sound_in_each_writing():
    heard = pattern()
    some = heard[1000:1030]
    little = some.astype("<i4").tobytes()
    leaks = [
        little, some.astype(">i4").tobytes(), (some >> 16).astype("<i2").tobytes(), (some >> 24).astype("i1").tobytes(),
        b"".join(little[i + 1 : i + 4] for i in range(0, len(little), 4)), little.hex().encode(),
        base64.b64encode(b"x" + little), json.dumps([int(one) for one in some >> 8]).encode(),
    ]  # fmt: skip
    around = np.random.default_rng(1).bytes(3000)
    assert sound_in(around, heard) == []
    for leak in leaks:
        assert sound_in(around + leak + around, heard), leak


def day(folder, *parts_of_it):
    """Parts of a virtual day, (from, to) [h], with a microphone; what was told, and every byte that was written."""
    heard, copy = folder / "heard", folder / "copy"
    heard.write_bytes(pattern().astype("<i4").tobytes())
    heap = int(board.kit_heap("day")) + LISTENING
    told = []
    for part in parts_of_it:
        args = [folder / "flash", folder / "book", *part, 60, heard, copy]
        told.append(json.loads(board.run("day", *args, heap=str(heap), timeout=3000).splitlines()[-1]))
    return told, copy.read_bytes()


def on_flash(folder):
    return b"".join(path.read_bytes() for path in sorted((folder / "flash").iterdir()))


def check(told, copy, flash, minutes):
    assert sound_in(copy, pattern()) == sound_in(flash, pattern()) == []
    assert sound_in(json.dumps(told).encode(), pattern()) == []
    assert copy.count(b'"laeq"') >= minutes * 0.5 and b'"noise":{"clips":' in copy, (
        "levels do come, and the meter's health"
    )
    assert len(copy) / minutes < SPEECH / 2, (
        "bytes in a minute, written and said, acknowledgements and repeats included"
    )


def test_nothing_of_what_a_kit_hears_is_written_or_said(tmp_path):
    """The broker goes away for the second half, the power is cut, and after that it all is sent."""
    told, copy = day(tmp_path, (8.9, 9.05), (14.5, 14.56))
    assert told[0]["held"] >= 3 and told[1]["held"] <= 1
    check(told, copy, on_flash(tmp_path), 12)


if os.environ.get("CITIMEASURE_SOAK") == "1":

    @pytest.mark.slow
    @pytest.mark.timeout(3600)
    def test_nothing_of_what_a_kit_hears_in_a_day_is_written_or_said(tmp_path):
        told, copy = day(tmp_path, (0, 17), (17, 24))
        check(told, copy, on_flash(tmp_path), 24 * 60)
