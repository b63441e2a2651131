# SPDX-License-Identifier: EUPL-1.2
"""From energies to levels, beside numpy with 64-bit floats and, for what a board computes, with 32-bit ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.firmware import board
from tests.firmware.noise.model import BLOCK

LEVELS = """
import json, sys
from kit.noise.levels import Levels
levels = Levels()
for line in sys.stdin:
    levels.clear()
    levels.restart()
    a, c, times = json.loads(line)
    for _ in range(times):
        for i in range(len(a)):
            levels.add(a[i], c[i])
    print(json.dumps(levels.values(-2600, 0)))
"""
LARGEST = 65535**2 * BLOCK
A, C = 94 + 26 - 99.34 + 1.51, 94 + 26 - 99.34 + 0.05


def told(*cases):
    """Levels of (energies A, energies C, how often all that)."""
    feed = "".join(json.dumps(case) + "\n" for case in cases)
    lines = board.run(LEVELS, feed=feed, heap="1m").splitlines()
    return [{name: value / 100 for name, value in json.loads(line).items()} for line in lines]


def street(rng, blocks):
    """Energies of passing cars over a background [sums of squares]."""
    level = 45 + rng.normal(0, 1, blocks)
    for _ in range(rng.integers(1, 6)):
        at, peak, width = rng.integers(blocks), rng.uniform(60, 90), rng.uniform(20, 200)
        level = np.maximum(level, peak - 10 * np.log10(1 + ((np.arange(blocks) - at) / width) ** 2))
    energies = 10 ** ((level - A) / 10) * BLOCK * rng.chisquare(100, blocks) / 100
    return [int(one) for one in energies]


def fast(energies):
    """Mean squares with the time weighting "fast"."""
    found, now = [], energies[0] / BLOCK
    for one in energies:
        now += (one / BLOCK - now) * (1 - np.exp(-25 / 125))
        found.append(now)
    return np.array(found)


def test_levels_of_a_street_are_those_of_numpy():
    rng = np.random.default_rng(5)
    streets = [street(rng, 2400) for _ in range(12)]
    for energies, got in zip(streets, told(*[(one, one[::-1], 1) for one in streets]), strict=True):
        laf = 10 * np.log10(fast(energies)) + A
        mean = 10 * np.log10(np.mean(energies) / BLOCK)
        assert got["laeq"] == pytest.approx(mean + A, abs=0.011)
        assert got["lceq"] == pytest.approx(mean + C, abs=0.011)
        assert got["lafmax"] == pytest.approx(laf.max(), abs=0.011)
        assert got["lafmin"] == pytest.approx(laf.min(), abs=0.011)
        for name, percent in (("la10", 90), ("la50", 50), ("la90", 10)):
            assert got[name] == pytest.approx(np.percentile(laf, percent), abs=0.3), name
        assert got["lafmin"] <= got["la90"] <= got["la50"] <= got["la10"] <= got["lafmax"]


def test_means_are_of_energies_not_of_decibels():
    quiet, loud = [int(10 ** ((level - A) / 10) * BLOCK) for level in (50, 70)]
    (got,) = told(([quiet] * 1200 + [loud] * 1200, [quiet] * 2400, 1))
    assert got["laeq"] == pytest.approx(67.03, abs=0.02)  # the mean of the decibels is 60
    assert got["la10"] == pytest.approx(70, abs=0.5) and got["la90"] == pytest.approx(50, abs=0.5)
    assert (got["lafmax"], got["lafmin"]) == (pytest.approx(70, abs=0.02), pytest.approx(50, abs=0.02))


def test_five_minutes_of_the_loudest_overflow_nothing_and_silence_is_a_number():
    loudest, silence = told(([LARGEST] * 100, [LARGEST] * 100, 120), ([0] * 100, [0] * 100, 120))
    most = 10 * np.log10(65535**2)
    assert loudest["laeq"] == pytest.approx(most + A, abs=0.011)
    assert loudest["lceq"] == pytest.approx(most + C, abs=0.011)
    assert loudest["la90"] == pytest.approx(most + A, abs=0.5)
    assert all(value == pytest.approx((C if name == "lceq" else A) - 10, abs=0.011) for name, value in silence.items())


def test_floats_of_32_bits_cost_less_than_a_hundredth_of_a_db():
    """The same arithmetic as levels.py, rounded to 32 bits at every step."""
    single = np.float32
    energies = street(np.random.default_rng(6), 12000)
    now = single(energies[0]) / single(BLOCK)
    worst = 0.0
    for one, exact in zip(energies, fast(energies), strict=True):
        now = single(now + (single(one) / single(BLOCK) - now) * single(0.1812692))
        worst = max(worst, abs(float(single(434.29448) * np.log(now)) - 1000 * np.log10(exact)))
    mean = single(434.29448) * np.log(single(sum(energies)) / single(len(energies) * BLOCK))
    worst = max(worst, abs(float(mean) - 1000 * np.log10(np.mean(energies) / BLOCK)))
    assert worst < 0.01, "hundredths of a dB"
