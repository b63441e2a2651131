# SPDX-License-Identifier: EUPL-1.2
"""Uncertainty: intervals hold what they promise, and the expanded uncertainty is the Guide's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.errors import TooLittleData
from calibration.models import Prediction
from calibration.uncertainty import Spread, expanded_uncertainty, reference_uncertainty, share_within


def prediction(
    value: np.ndarray, u_model: float = 0.0, outside: float = 0.0, u_extrapolation: float = 0.0
) -> Prediction:
    n = len(value)
    away = np.full(n, outside)
    return Prediction(value, np.full(n, u_model), np.zeros(n, bool), np.full(n, u_extrapolation), away, away)


@given(st.integers(0, 10_000), st.sampled_from(["normal", "laplace", "uniform"]), st.floats(0, 0.4))
def test_intervals_cover_whatever_the_shape_of_errors(seed: int, shape: str, growth: float) -> None:
    rng = np.random.default_rng(seed)
    n = 4000
    value = 10 * np.exp(0.5 * rng.standard_normal(2 * n))
    draw = {
        "normal": rng.standard_normal(2 * n),
        "laplace": rng.laplace(size=2 * n),
        "uniform": rng.uniform(-1, 1, 2 * n),
    }[shape]
    truth = value + (1 + growth * value) * draw
    spread = Spread.learn(prediction(value[:n]), truth[:n], 365, (0.0, 0.0))
    lower, upper = spread.interval(prediction(value[n:]))
    assert 0.875 < share_within(lower, upper, truth[n:]) < 0.93
    # The expected size of the errors, not that of this draw: of Laplace's, the largest few decide the latter.
    deviation = {"normal": 1.0, "laplace": np.sqrt(2), "uniform": np.sqrt(1 / 3)}[shape]
    error = float(deviation * np.sqrt(np.mean((1 + growth * value[n:]) ** 2)))
    assert np.sqrt(np.mean(spread.standard(prediction(value[n:])) ** 2)) == pytest.approx(error, rel=0.15)


def test_intervals_grow_where_errors_grow() -> None:
    rng = np.random.default_rng(0)
    value = rng.uniform(1, 100, 4000)
    truth = value + 0.1 * value * rng.standard_normal(4000)
    spread = Spread.learn(prediction(value), truth, 365, (0.0, 0.0))
    lower, upper = spread.interval(prediction(np.array([5.0, 50.0])))
    assert (upper - lower)[1] > 4 * (upper - lower)[0]


def test_weak_parameters_distance_and_the_reference_each_add() -> None:
    spread = Spread(a=1.0, b=0.1, ratio=1.0, quantile=2.0, u_absolute=0.0, u_relative=0.0)
    value = np.array([10.0])
    assert spread.standard(prediction(value))[0] == 2.0
    assert spread.standard(prediction(value, u_model=1.5))[0] == pytest.approx(2.5)
    assert spread.standard(prediction(value, u_extrapolation=1.5))[0] == pytest.approx(2.5)
    assert spread.standard(prediction(value, outside=0.5))[0] == pytest.approx(3.0)
    lower, upper = spread.interval(prediction(value, outside=0.5))
    assert (lower[0], upper[0]) == (pytest.approx(4.0), pytest.approx(16.0))
    beside = Spread(a=1.0, b=0.1, ratio=1.0, quantile=2.0, u_absolute=1.5, u_relative=0.0)
    assert beside.standard(prediction(value))[0] == pytest.approx(2.5)


def test_short_campaigns_get_wider_intervals() -> None:
    rng = np.random.default_rng(1)
    value = rng.uniform(5, 20, 500)
    truth = value + rng.standard_normal(500)
    short, long = (Spread.learn(prediction(value), truth, days, (0.0, 0.0)) for days in (14, 365))
    assert short.quantile > long.quantile
    assert short.ratio == long.ratio
    least = Spread.learn(prediction(value), truth, 5, (0.0, 0.0))
    assert least.quantile == pytest.approx(float(np.max(np.abs(truth - value) / least.scale(prediction(value)))))


def test_errors_that_shrink_with_the_value_do_not_give_a_falling_scale() -> None:
    rng = np.random.default_rng(2)
    value = rng.uniform(1, 20, 2000)
    spread = Spread.learn(prediction(value), value + rng.standard_normal(2000) / value, 100, (0.0, 0.0))
    assert spread.b == 0.0
    assert spread.a > 0


def test_a_perfect_sensor_has_the_uncertainty_of_its_reference() -> None:
    value = np.linspace(1, 20, 100)
    spread = Spread.learn(prediction(value), value, 100, (0.67, 0.0))
    assert spread.standard(prediction(value)) == pytest.approx(0.67)


def test_the_reference_itself() -> None:
    assert reference_uncertainty("pm25") == (0.67, 0.0)
    assert reference_uncertainty("no2") == (0.0, 0.03)


def test_expanded_uncertainty_of_a_pure_bias() -> None:
    reference = np.linspace(5, 50, 40)
    # y = 1 + 1.1 x without scatter: at 30 the bias is 4, twice that over 30 is W
    assert expanded_uncertainty(1 + 1.1 * reference, reference, 30.0, (0.0, 0.0)) == pytest.approx(100 * 8 / 30)
    assert expanded_uncertainty(reference, reference, 30.0, (0.67, 0.0)) == 0.0


@given(st.integers(0, 10_000), st.floats(0.5, 2.0), st.floats(-5, 5), st.floats(0.1, 5))
def test_expanded_uncertainty_by_the_principal_axis(seed: int, b: float, a: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.gamma(3, 6, 200)
    y = a + b * x + noise * rng.standard_normal(200)
    # The orthogonal line is the first principal axis: another way to the same formula.
    values, vectors = np.linalg.eigh(np.cov(x, y))
    slope = vectors[1, np.argmax(values)] / vectors[0, np.argmax(values)]
    offset = y.mean() - slope * x.mean()
    rss = float(np.sum((y - offset - slope * x) ** 2))
    u2 = max(rss / 198 - 0.67**2, 0) + (offset + (slope - 1) * 30) ** 2
    assert expanded_uncertainty(y, x, 30.0, (0.67, 0.0)) == pytest.approx(200 * np.sqrt(u2) / 30, rel=1e-6)


def test_expanded_uncertainty_needs_pairs_that_vary() -> None:
    with pytest.raises(TooLittleData, match="9 pairs"):
        expanded_uncertainty(np.arange(9.0), np.arange(9.0), 30.0, (0.67, 0.0))
    with pytest.raises(TooLittleData, match="vary"):
        expanded_uncertainty(np.arange(20.0), np.full(20, 4.0), 30.0, (0.67, 0.0))
