# SPDX-License-Identifier: EUPL-1.2
"""Damaged frames: every parser refuses them or is right, and nothing else ever comes out of it."""

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import board
from tests.firmware.frames import GOOD, SOUND, parse

LONG = "1" in (os.environ.get("CITIMEASURE_SOAK"), os.environ.get("CITIMEASURE_REQUIRE_ALL"))


@settings(max_examples=5)
@given(st.lists(st.tuples(st.sampled_from(sorted(SOUND)), st.binary(max_size=70)), min_size=200, max_size=400))
def test_bytes_of_any_kind_are_refused_or_right(cases):
    for (name, data), answer in zip(cases, parse(cases), strict=True):
        assert isinstance(answer, str) or SOUND[name](data), (name, data.hex())


@settings(max_examples=5)
@given(
    st.lists(
        st.sampled_from(sorted(SOUND)).flatmap(
            lambda name: st.tuples(
                st.just(name),
                st.integers(0, len(GOOD[name]) - 1),
                st.integers(1, 255),
                st.sampled_from(["flip", "lose", "add"]),
            )
        ),
        min_size=200,
        max_size=400,
    )
)
def test_a_sound_frame_that_was_damaged_in_one_place_is_refused(cases):
    """One byte that is another, is lost, or is too many: each check sum of these sensors sees that."""
    frames = []
    for name, at, value, how in cases:
        good = GOOD[name]
        middle = {"flip": bytes([good[at] ^ value]), "lose": b"", "add": bytes([good[at], value])}[how]
        frames.append((name, good[:at] + middle + good[at + 1 :]))
    for (name, data), answer in zip(frames, parse(frames), strict=True):
        assert isinstance(answer, str), (name, data.hex())


@settings(max_examples=3)
@given(st.lists(st.binary(min_size=0, max_size=45), min_size=200, max_size=300))
def test_a_bme280_never_gives_what_cannot_be(frames):
    cases = [("bme280", GOOD["bme280"][:33] + data) for data in frames]
    for answer in parse(cases):
        assert isinstance(answer, str) or (300 <= answer["pressure"] <= 1100 and 0 <= answer["humidity"] <= 100)


@pytest.mark.timeout(300)
def test_a_million_damaged_frames_publish_nothing_wrong():
    """In the normal run a share of them."""
    n = 1_000_000 if LONG else 60_000
    feed = "".join(f"{name} {data.hex()}\n" for name, data in GOOD.items())
    refused, passed = json.loads(board.run("damage", n, heap="256k", feed=feed, timeout=280))
    assert sum(refused.values()) + sum(passed.values()) == n
    for name in SOUND:
        # Of the weakest check, a sum of 8 bits, some damage gets through; of no other one as much as a hundredth.
        assert refused[name] > n // 8 * (0.9 if name == "sds011" else 0.99), name
