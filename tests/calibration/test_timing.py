# SPDX-License-Identifier: EUPL-1.2
"""Labels that were shifted on purpose are found out, and those that fit are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from calibration import TooLittleData
from calibration.align import DAY, HOUR
from calibration.timing import Finding, timing
from tests.calibration.simulated import simulate

TOWN = simulate(120, noise=2.0)


def late(x, hours, since=0):
    """The series as a sensor shows it whose labels are late by some hours from an index on."""
    moved = np.roll(x, hours)
    moved[slice(0, hours) if hours > 0 else slice(hours, None)] = np.nan
    return np.where(np.arange(len(x)) >= since, moved, x)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("days", [21, 60])
def test_labels_that_fit_are_left_alone(seed, days):
    town = simulate(days, seed=seed, noise=3.0)
    assert timing(town.t, town.sensor["raw"], town.reference).finding in (Finding.OK, Finding.UNSURE)


@pytest.mark.parametrize(
    ("hours", "finding"), [(1, Finding.LABEL), (-1, Finding.LABEL), (2, Finding.HOURS), (-3, Finding.HOURS)]
)
def test_whole_hours_are_found(hours, finding):
    found = timing(TOWN.t, late(TOWN.sensor["raw"], hours), TOWN.reference)
    if abs(hours) < 3:  # the outermost lag is never sure
        assert found.finding is finding and found.lag.hours == hours
        assert ("late" if hours > 0 else "early") in found.words and "--correct-lag" in found.words
    else:
        assert found.finding in (finding, Finding.UNSURE) and found.lag.estimate < -2.5


def test_half_hours_are_found():
    raw = TOWN.sensor["raw"]
    found = timing(TOWN.t, 0.5 * (raw + late(raw, 1)), TOWN.reference)
    assert found.finding is Finding.HALF_HOUR and found.lag.hours == 0.5 and "cut at the half" in found.words


@pytest.mark.parametrize("hours", [-8, -5, 5, 9])
def test_another_zone_is_found(hours):
    found = timing(TOWN.t, late(TOWN.sensor["raw"], hours), TOWN.reference)
    assert (found.finding, found.zone_hours) == (Finding.ZONE, hours) and "zone" in found.words


@pytest.mark.parametrize("hours", [-1, 1, 2])
def test_a_clock_that_was_set_is_found(hours):
    found = timing(TOWN.t, late(TOWN.sensor["raw"], hours, since=50 * 24), TOWN.reference)
    assert found.finding is Finding.SET and found.step == pytest.approx(hours, abs=0.4)
    assert abs(found.step_at - TOWN.t[50 * 24]) <= 15 * DAY and "was set" in found.words


def test_summer_time_on_one_side_is_found():
    change = int(np.searchsorted(TOWN.t, 1_774_746_000))  # 29 March 2026, 01:00 UTC
    found = timing(TOWN.t, late(TOWN.sensor["raw"], 1, since=change), TOWN.reference)
    assert found.finding is Finding.SUMMER_TIME and "summer time" in found.words


def test_a_sensor_that_has_nothing_to_do_with_the_reference_is_unsure():
    noise = np.exp(np.random.default_rng(5).standard_normal(len(TOWN.t)))
    found = timing(TOWN.t, noise, TOWN.reference)
    assert found.finding is Finding.UNSURE and "No lag can be told" in found.words


def test_too_few_hours_say_so():
    with pytest.raises(TooLittleData):
        timing(TOWN.t[:40], TOWN.sensor["raw"][:40], TOWN.reference[:40])
    assert HOUR == 3600
