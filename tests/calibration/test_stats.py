# SPDX-License-Identifier: EUPL-1.2
"""Daily sums: they add up, and solve to what a pass over all hours gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.align import HOUR
from calibration.errors import BadInput
from calibration.stats import daily_statistics, day_of, huber_line, robust_covariance
from tests.calibration.simulated import START, autoregressive

seeds = st.integers(0, 2**32 - 1)


def hours(rng: np.random.Generator, n: int) -> np.ndarray:
    """Labels with holes, not beginning at midnight."""
    return START + HOUR * np.sort(rng.choice(2 * n, n, replace=False) + 6)


def test_an_hour_belongs_to_the_day_it_lies_in() -> None:
    midnight = np.array([START, START + HOUR])
    assert (day_of(midnight) - START // 86400).tolist() == [-1, 0]


@given(seeds, st.integers(1, 3), st.integers(1, 5), st.integers(10, 200))
def test_solving_the_sums_is_least_squares(seed: int, sensors: int, p: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    t = hours(rng, n)
    x = rng.standard_normal((sensors, n, p))
    y = rng.standard_normal((sensors, n))
    y[:, 0] = np.nan
    total = daily_statistics(t, x, y).total()
    assert total.count.tolist() == [n - 1] * sensors
    b = total.solve(1e-9)
    for s in range(sensors):
        expected = np.linalg.lstsq(x[s, 1:], y[s, 1:], rcond=None)[0]
        np.testing.assert_allclose(b[s], expected, atol=1e-5)
        error = float(np.sum((y[s, 1:] - x[s, 1:] @ b[s]) ** 2))
        np.testing.assert_allclose(total.squared_error(b)[s], error, atol=1e-7)


@given(seeds, st.integers(60, 300), st.floats(0.1, 0.9))
def test_sums_are_additive(seed: int, n: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    t = hours(rng, n)
    x, y = rng.standard_normal((2, n, 3)), rng.standard_normal((2, n))
    cut = int(share * n)
    whole = daily_statistics(t, x, y).total()
    a = daily_statistics(t[:cut], x[:, :cut], y[:, :cut]).total()
    b = daily_statistics(t[cut:], x[:, cut:], y[:, cut:]).total()
    for part in ("count", "xx", "xy", "yy"):
        np.testing.assert_allclose(getattr(a + b, part), getattr(whole, part), atol=1e-10)
        np.testing.assert_allclose(getattr(whole - b, part), getattr(a, part), atol=1e-10)


def test_windows_are_sums_of_their_days() -> None:
    rng = np.random.default_rng(0)
    t = hours(rng, 300)
    daily = daily_statistics(t, rng.standard_normal((2, 300, 2)), rng.standard_normal((2, 300)))
    windows = daily.windows(7)
    assert windows.xx.shape == (2, len(daily.days) - 6, 2, 2)
    for first in (0, 5):
        weight = np.zeros(len(daily.days))
        weight[first : first + 7] = 1
        np.testing.assert_allclose(windows.xx[:, first], daily.total(weight).xx, atol=1e-10)
        np.testing.assert_allclose(windows.solve(0.1)[:, first], daily.total(weight).solve(0.1), atol=1e-8)


def test_single_precision_is_summed_per_day_in_double() -> None:
    rng = np.random.default_rng(1)
    t = START + HOUR * np.arange(1, 24 * 365 + 1)
    x = rng.standard_normal((1, len(t), 2)).astype(np.float32)
    y = x.sum(axis=2) * np.float32(3)
    b = daily_statistics(t, x, y).total().solve()
    assert b.dtype == np.float64
    np.testing.assert_allclose(b, 3, rtol=1e-5)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="Shapes"):
        daily_statistics(np.array([HOUR]), np.zeros((2, 1)), np.zeros(1))


@given(seeds, st.floats(-3, 3), st.floats(-20, 20))
def test_huber_line_resists_outliers(seed: int, slope: float, intercept: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 50, 400)
    y = intercept + slope * x + 0.5 * rng.standard_normal(400)
    y[rng.choice(400, 40, replace=False)] += 300
    a, b, weight = huber_line(x, y)
    assert abs(b - slope) < 0.05
    assert abs(a - intercept) < 1.5
    assert weight.min() < 0.01


def test_huber_lines_of_many_sensors_are_those_of_each() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 9, (3, 100)), rng.standard_normal((3, 100))
    a, b, _ = huber_line(x, y)
    for s in range(3):
        one_a, one_b, _ = huber_line(x[s], y[s])
        np.testing.assert_allclose([a[s], b[s]], [one_a, one_b], rtol=1e-6)


def test_huber_line_of_a_sensor_that_never_moves() -> None:
    a, b, _ = huber_line(np.full(9, 4.0), np.arange(9.0))
    assert (float(a), float(b)) == (4.0, 0.0)


@pytest.mark.parametrize("memory", [0.0, 0.8, 0.97])
def test_the_covariance_of_a_mean_knows_the_memory_of_hours(memory: float) -> None:
    rng = np.random.default_rng(3)
    n = 24 * 2000
    t = START + HOUR * np.arange(1, n + 1)
    residual = autoregressive(rng, n, memory)
    found = robust_covariance(t, residual[:, None], np.array([[1 / n]]))[0, 0]
    # The variance of the mean of n hours that remember: (1 + r) / (1 - r) / n.
    assert found == pytest.approx((1 + memory) / (1 - memory) / n, rel=0.2)
