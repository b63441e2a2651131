# SPDX-License-Identifier: EUPL-1.2
"""One clock for two series: joins, shifts, and the lag that is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.align import HOUR, check_hours, estimate_lag, join, shift
from calibration.errors import BadInput, TooLittleData
from tests.calibration.simulated import START, autoregressive, simulate


def test_join_keeps_what_both_have() -> None:
    a = START + HOUR * np.array([1, 2, 4])
    b = START + HOUR * np.array([2, 3, 4, 5])
    t, x, y = join(a, np.array([1.0, 2.0, 4.0]), b, np.array([20.0, 30.0, 40.0, 50.0]))
    assert t.tolist() == (START + HOUR * np.array([2, 4])).tolist()
    assert (x.tolist(), y.tolist()) == ([2.0, 4.0], [20.0, 40.0])


def test_shift_knows_holes() -> None:
    t = START + HOUR * np.array([1, 2, 3, 5])
    x = np.array([1.0, 2.0, 3.0, 5.0])
    np.testing.assert_array_equal(shift(t, x, 1), [2.0, 3.0, np.nan, np.nan])
    np.testing.assert_array_equal(shift(t, x, 0.5), [1.5, 2.5, np.nan, np.nan])
    np.testing.assert_array_equal(shift(t, x, -0.5), [np.nan, 1.5, 2.5, np.nan])


@given(st.sampled_from([k / 2 for k in range(-5, 6)]), st.integers(0, 20), st.sampled_from([0.0, 0.5]))
def test_lag_is_found(late: float, seed: int, noise: float) -> None:
    # Ten-minute values, averaged to hours by two clocks.
    rng = np.random.default_rng(seed)
    fine = np.exp(autoregressive(rng, 6 * 1500, 0.995))
    n = 1400
    first = 6 * 20 - round(6 * late)

    def hourly(start: int) -> np.ndarray:
        return fine[start : start + 6 * n].reshape(n, 6).mean(axis=1)

    t = START + HOUR * np.arange(1, n + 1)
    sensor = 2 * hourly(first) * np.exp(noise * rng.standard_normal(n))
    lag = estimate_lag(t, sensor, hourly(6 * 20))
    assert lag.hours == late
    assert lag.correlation >= lag.correlation_unshifted - 1e-9 or noise > 0


def test_a_noisy_sensor_in_time_is_not_called_half_an_hour_late() -> None:
    town = simulate(60, noise=12.0)
    lag = estimate_lag(town.t, town.sensor["raw"], town.reference)
    assert lag.hours == 0.0
    assert abs(lag.estimate) < 0.25


def test_lag_of_noise_is_not_sure() -> None:
    rng = np.random.default_rng(4)
    t = START + HOUR * np.arange(1, 500)
    assert not estimate_lag(t, np.exp(rng.standard_normal(499)), np.exp(rng.standard_normal(499))).sure


def test_lag_needs_hours() -> None:
    town = simulate(2)
    with pytest.raises(TooLittleData, match="hours can be compared"):
        estimate_lag(town.t, town.sensor["raw"], town.reference)


@pytest.mark.parametrize(
    "t",
    [
        np.array([3600.0, 7200.0]),
        np.array([3600, 7201]),
        np.array([7200, 3600]),
        np.array([3600, 3600]),
        np.array([[3600, 7200]]),
    ],
    ids=["floats", "not whole hours", "falling", "twice", "two rows"],
)
def test_times_that_are_no_hours_are_refused(t: np.ndarray) -> None:
    with pytest.raises(BadInput) as caught:
        check_hours(t)
    assert caught.value.hint
