# SPDX-License-Identifier: EUPL-1.2
"""Drift on a made-up town whose truth is known: what is found, when, and how often the rule cries for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from calibration.drift import FAIL, OK, Rule, trailing_median, watch
from calibration.errors import BadInput, NoBetter, TooLittleData
from calibration.health import VERDICTS, examine
from tests.calibration.simulated import Simulated, simulate

BASELINE = 60  # days
BROKEN = 90  # the day on which faults begin


@pytest.fixture(scope="module")
def town() -> Simulated:
    return simulate(150, seed=3)


def hours(town: Simulated):
    return np.arange(len(town.t))


def late(town: Simulated):
    return hours(town) >= 24 * BROKEN


def seen(town: Simulated, raw, **how):
    return watch(town.t, raw, town.reference, int(town.t[24 * BASELINE - 1]), **how)


def health(town: Simulated, raw, changes=()):
    return examine(town.t, raw, town.reference, seen(town, raw), changes)


def first_day(town: Simulated) -> int:
    return int(town.t[0] - 3600) // 86400


def test_a_sensor_that_stays_as_it_was_is_well(town):
    found = seen(town, town.sensor["raw"])
    assert set(found.state[~found.baseline_day]) == {OK}
    assert found.baseline.days == BASELINE and found.first(FAIL) is None and found.first_cusum() is None
    assert found.baseline.slope == pytest.approx(1.8, abs=0.1), "1.6 times the swelling at the mean humidity"
    one = health(town, town.sensor["raw"])
    assert one.verdict == "well" and one.since is None
    assert abs(one.sensitivity - 1) < 3 * one.sensitivity_se and abs(one.offset) < 3 * one.offset_se


@pytest.mark.parametrize("factor", [0.6, 1.5])
def test_a_step_is_found_within_days_and_dated(town, factor):
    raw = np.where(late(town), factor * town.sensor["raw"], town.sensor["raw"])
    found = seen(town, raw)
    broken = first_day(town) + BROKEN
    assert broken <= found.first(FAIL) <= broken + 8
    assert broken <= found.first_cusum() <= broken + 3
    assert found.change[-1] == pytest.approx(factor - 1, abs=0.1)
    one = health(town, raw)
    assert one.verdict == "step" and abs(one.since - broken) <= 1
    assert one.size == pytest.approx(factor - 1, abs=0.05)
    assert one.sensitivity == pytest.approx(factor, abs=3 * one.sensitivity_se)


def test_a_change_of_hardware_explains_a_step(town):
    raw = np.where(late(town), 0.6 * town.sensor["raw"], town.sensor["raw"])
    assert health(town, raw, [int(town.t[24 * BROKEN])]).verdict == "change"
    assert health(town, raw, [int(town.t[24 * BROKEN]) - 10 * 86400]).verdict == "step"


def test_a_slow_drift_is_told_from_a_step(town):
    months = np.maximum(hours(town) - 24 * 70, 0) / 24 / 30
    one = health(town, town.sensor["raw"] * 0.8**months)
    assert one.verdict == "drift"
    assert abs(one.since - first_day(town) - 70) <= 10
    assert one.size == pytest.approx(-0.2, abs=0.05), "per 30 days"


def test_an_offset_is_told_from_a_sensitivity(town):
    one = health(town, np.where(late(town), town.sensor["raw"] + 8, town.sensor["raw"]))
    assert one.verdict == "step"
    assert abs(one.sensitivity - 1) < 3 * one.sensitivity_se
    assert one.offset == pytest.approx(8, abs=3 * one.offset_se)


def test_a_dead_sensor_and_one_at_its_upper_end(town):
    raw = town.sensor["raw"]
    assert health(town, np.where(hours(town) >= 24 * 120, 3 + 0.01 * raw, raw)).verdict == "dead"
    assert health(town, np.where(hours(town) >= 24 * 120, np.minimum(raw, 40), raw)).verdict == "saturated"


def test_the_errors_of_sensitivity_and_offset_are_as_large_as_what_they_tell_of():
    """Over many sensors that are well, deviations divided by their standard errors spread about as far as one."""
    found = [health(one, one.sensor["raw"]) for one in (simulate(100, seed=seed) for seed in range(30))]
    for deviations in (
        [(one.sensitivity - 1) / one.sensitivity_se for one in found],
        [one.offset / one.offset_se for one in found],
    ):
        assert 0.6 < np.sqrt(np.mean(np.square(deviations))) < 1.8


def test_few_hours_at_the_end_say_nothing(town):
    raw = town.sensor["raw"].copy()
    raw[24 * 122 + 50 :] = np.nan
    one = health(town, raw)
    assert one.verdict == "unknown" and one.hours == 50
    assert set(VERDICTS) >= {"unknown", "well", "dead", "saturated", "step", "change", "drift"}


def test_the_false_alarms_that_are_told_are_those_that_come():
    """Over many undrifted sensors with days that scatter, the share that is told is near the share that happens."""
    told, came, cusum_came = [], [], []
    for seed in range(12):
        town = simulate(240, seed=seed)
        rng = np.random.default_rng(seed)
        raw = town.sensor["raw"] * np.exp(np.repeat(0.45 * rng.standard_normal(240), 24))
        found = watch(town.t, raw, town.reference, int(town.t[24 * 80 - 1]))
        watched = ~found.baseline_day
        told.append(found.baseline.false_warn)
        came.append(np.mean(np.abs(found.change[watched]) >= 0.2))
        cusum_came.append(np.mean(found.cusum[watched] > 1))
    assert np.mean(came) > 0.03, "the days do scatter enough for false alarms"
    assert np.mean(came) / 2 < np.mean(told) < np.mean(came) * 2
    assert np.mean(cusum_came) < 0.2


def test_the_same_days_tell_the_same(town):
    assert seen(town, town.sensor["raw"]).baseline == seen(town, town.sensor["raw"]).baseline


def test_hours_after_a_day_do_not_change_its_state(town):
    raw = np.where(late(town), 0.6 * town.sensor["raw"], town.sensor["raw"])
    whole = seen(town, raw)
    n = 24 * 100
    part = watch(town.t[:n], raw[:n], town.reference[:n], int(town.t[24 * BASELINE - 1]))
    assert list(part.state) == list(whole.state[: len(part.state)])
    np.testing.assert_array_equal(part.cusum, whole.cusum[: len(part.cusum)])


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-5, 5) | st.just(np.nan)), st.integers(1, 9))
def test_the_trailing_median_is_that_of_the_known_values(x, window):
    least = (window + 1) // 2
    for i, got in enumerate(trailing_median(x, window, least)):
        known = [v for v in x[max(0, i - window + 1) : i + 1] if np.isfinite(v)]
        if len(known) < least:
            assert np.isnan(got)
        else:
            assert got == np.median(known)


def test_what_cannot_be_watched_is_refused_with_the_reason(town):
    raw, t, reference = town.sensor["raw"], town.t, town.reference
    end = int(t[24 * BASELINE - 1])
    with pytest.raises(TooLittleData, match="9 days with enough hours, and 14"):
        watch(t, raw, reference, int(t[24 * 9 - 1]))
    with pytest.raises(TooLittleData, match="No day follows"):
        watch(t, raw, reference, int(t[-1]))
    with pytest.raises(TooLittleData, match="No hour of the baseline"):
        watch(t, raw, reference, int(t[0]) - 86400)
    with pytest.raises(NoBetter, match="does not rise with the reference"):
        watch(t, 100 - raw, reference, end)
    with pytest.raises(NoBetter, match="told next to nothing"):
        watch(t, np.where(hours(town) // 24 % 2 == 0, raw, 0.0), reference, end)
    with pytest.raises(BadInput, match="149 raw values"):
        watch(t, raw[:149], reference, end)
    for wrong in ({"warn": 0.4}, {"fail": 1.2}, {"least": 15}, {"hours": 0}):
        with pytest.raises(BadInput):
            Rule(**wrong)
    with pytest.raises(BadInput, match="not the hours"):
        examine(t[:240], raw[:240], reference[:240], seen(town, raw))
