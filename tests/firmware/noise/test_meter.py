# SPDX-License-Identifier: EUPL-1.2
"""The whole meter on simulated microphones: true levels, or none and the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.firmware import board
from tests.firmware.noise import model
from tests.firmware.noise.model import RATE

NAMES = {"laeq", "lceq", "lafmax", "lafmin", "la10", "la50", "la90"}


def listen(seconds, interval=10, heap="64k", **asked):
    """[(values, health)] of each interval, and what the microphone counted."""
    lines = board.run("meter", json.dumps({"seconds": seconds, "interval": interval, **asked}), heap=heap).splitlines()
    *intervals, books = [json.loads(line) for line in lines]
    return intervals, books


def lost(intervals):
    """What was lost after the first interval [ms]; in that one, starting counts."""
    return (intervals[-1][1]["lost"] - intervals[0][1]["lost"]) / 48


def write(path, signal):
    """A file of samples; 1 is full scale."""
    path.write_bytes(model.samples(signal).astype("<i4").tobytes())
    return str(path)


def tone(hertz, level, seconds):
    """A sine of a level [dB] at a microphone of -26 dBFS."""
    return 10 ** ((level - 120) / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize("name", ["ICS-43434", "INMP441"])
def test_a_calibrator_of_94_db_reads_94_db(tmp_path, name):
    settings = {"microphone": name, "microphone_offset": -150}
    file = write(tmp_path / "calibrator", tone(1000, 94, 1))
    intervals, _ = listen(30, file=file, settings=settings)
    for values, health in intervals[1:]:
        assert set(values) == NAMES and (health["coverage"], health["fault"]) == (100, "")
        assert all(value == pytest.approx(9400 - 150, abs=2) for value in values.values()), values


@pytest.mark.parametrize(("ms", "wanted"), [(1000, 0.0), (200, -1.0), (50, -4.8)])
def test_fast_follows_bursts_of_4_khz(tmp_path, ms, wanted):
    """10 lg(1 - exp(-T / 125 ms)), wherever in a block a burst begins; of short ones up to 0.6 dB are missed."""
    signal = tone(4000, 30, 9)
    for i in range(4):
        at, n = round((1.0 + 2 * i + 0.00625 * i) * RATE), ms * RATE // 1000
        signal[at : at + n] = tone(4000, 80, ms / 1000)
    intervals, _ = listen(18, interval=2, file=write(tmp_path / "bursts", signal))
    highest = np.array([values["lafmax"] / 100 for values, _ in intervals[1:4]])
    errors = highest - 80 - model.a_weighting(np.array(4000.0)) - wanted
    assert errors.max() < 0.1 and errors.min() > (-0.2 if ms == 1000 else -0.7), errors


def test_what_is_lost_is_counted(tmp_path):
    gaps = [(15_000, 15_300, "gap"), (27_000, 27_040, "gap"), (52_000, 54_500, "gap")]
    intervals, _ = listen(60, faults=gaps, busy=[(33_000, 600)])
    coverage = [health["coverage"] for _, health in intervals]
    assert coverage[1:] == [pytest.approx(100 - ms / 100, abs=1.2) for ms in (300, 40, 600 - 101, 0, 2500)]
    assert lost(intervals) == pytest.approx(300 + 40 + 600 - 101 + 2500, abs=30)
    assert [bool(values) for values, _ in intervals[1:]] == [True] * 4 + [False]
    assert intervals[-1][1]["fault"] == "gaps"


@pytest.mark.parametrize("seed", range(3))
def test_gaps_of_any_length_are_counted_and_nothing_else(seed):
    """From a single DMA buffer on, with clocks that differ."""
    rng = np.random.default_rng(seed)
    starts = rng.permutation(np.arange(12_000, 58_000, 3000))[:8] + rng.integers(0, 900, 8)
    lengths = rng.choice([6, 7, 11, 30, 200, 900], 8) if seed else np.full(8, 6)
    gaps = [(int(start), int(start + length), "gap") for start, length in zip(starts, lengths, strict=True)]
    intervals, books = listen(60, faults=gaps, ppm=int(rng.choice([-300, 300])))
    assert lost(intervals) == pytest.approx(books["dropped"] / 48, abs=8 * 1.5)
    assert books["dropped"] >= 1000
    none, _ = listen(60, ppm=300 - 600 * (seed % 2), busy=[(int(start), 80) for start in starts])
    assert lost(none) == 0


@pytest.mark.parametrize("kind", ["silence", "stuck", "offset"])
def test_a_microphone_at_fault_gives_no_levels_but_the_reason(kind):
    intervals, books = listen(40, faults=[(10_000, 20_500 if kind != "offset" else 29_900, kind)])
    reason = "silent" if kind == "silence" else kind
    assert intervals[1] == [{}, {**intervals[1][1], "fault": reason}]
    assert intervals[2][0] == {} and intervals[2][1]["fault"] == reason
    assert set(intervals[3][0]) == NAMES and intervals[3][1]["fault"] == ""
    assert intervals[3][1]["withheld"] == 3 and books["opened"] == books["closed"] == 1


def test_a_loose_contact_for_a_tenth_of_a_second_is_no_bang(tmp_path):
    """The step into it would be the loudest of the minute."""
    intervals, _ = listen(40, faults=[(15_000, 15_100, "stuck")])
    assert intervals[1][0] == {} and intervals[1][1]["fault"] == "stuck"
    assert intervals[2][0]["lafmax"] == pytest.approx(intervals[3][0]["lafmax"], abs=20)


def test_a_microphone_quieter_than_its_own_noise_is_at_fault():
    """As with a data line that hangs in the air, where only the last bits move."""
    intervals, _ = listen(20, amplitude=1, settings={"microphone": "INMP441"})
    assert intervals[1][0] == {} and intervals[1][1]["fault"] == "silent"


@pytest.mark.parametrize("kind", ["error", "stall"])
def test_a_stream_that_ends_is_opened_again(kind):
    intervals, books = listen(120, faults=[(21_000, 45_000, kind)], fails=1)
    assert intervals[3][1]["fault"] == "no data" and not intervals[3][0]
    assert [bool(values) for values, _ in intervals[-4:]] == [True] * 4
    assert intervals[-1][1]["restarts"] >= 2 and books["opened"] == books["closed"] >= 2
    assert 20_000 < lost(intervals) < 60_000


def test_clipped_samples_are_counted_and_told(tmp_path):
    loud, limit = tone(1000, 118, 1), tone(1000, 113.5, 1)
    clipped, _ = listen(20, file=write(tmp_path / "loud", loud))
    assert clipped[1][1]["clips"] > 10_000 and clipped[1][0]["laeq"] > 11400
    sound, _ = listen(20, file=write(tmp_path / "limit", limit))
    assert sound[1][1]["clips"] == 0 and sound[1][0]["laeq"] == pytest.approx(11350, abs=3)


def test_the_meter_takes_less_than_12_kb_of_heap_with_its_code_and_buffers():
    _, books = listen(10, heap="40k")
    assert books["heap"] < 12_000
