# SPDX-License-Identifier: EUPL-1.2
"""A type's model and one gain: found again, shrunk, chained, better than a line of few days, refused for cells."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.align import HOUR, Floats
from calibration.errors import NoBetter, TooLittleData
from calibration.transfer import Gain, Unit, fit_type, hop, score_transfer, unit_gain
from tests.calibration.simulated import START, autoregressive, simulate


@cache
def unit(seed: int, factor: float = 1.0, days: int = 60) -> Unit:
    """A unit whose raw value is a multiple of that of its type."""
    made = simulate(days, seed=seed)
    return Unit(made.t, {**made.sensor, "raw": factor * made.sensor["raw"]}, made.reference)


def days_of(whole: Unit, first: int, number: int) -> Unit:
    part = slice(24 * first, 24 * (first + number))
    return Unit(whole.t[part], {name: x[part] for name, x in whole.sensor.items()}, whole.reference[part])


def test_a_week_and_the_type_are_better_than_a_line_through_the_week() -> None:
    scores = score_transfer({str(seed): unit(seed, factor) for seed, factor in ((1, 1.0), (2, 1.25), (3, 0.8))})
    for score in scores:
        assert score.ratio < 0.95
        assert score.type_gain < score.raw
        assert score.type_gain < score.no_sensor
        assert score.starts >= 3


def test_a_gain_is_found_the_nearer_the_longer_the_unit_hung_there() -> None:
    known = fit_type([unit(1), unit(2), unit(3)])
    bad = unit(4, 1.6)
    errors, sure = [], []
    for days in (0, 4, 28, 56):
        gain = unit_gain(known, days_of(bad, 0, days))
        errors.append(abs(np.log(gain.gain * 1.6)))
        sure.append(gain.u)
        assert gain.days == days
    assert errors[0] == pytest.approx(np.log(1.6))
    assert errors[3] < 0.15
    assert errors[2] < errors[0] / 2
    assert sure == sorted(sure, reverse=True)


@given(st.floats(0.2, 5), st.integers(1, 40))
def test_a_gain_lies_between_one_and_what_was_measured(factor: float, days: int) -> None:
    known = type_of_two()
    part = days_of(unit(4), 0, days)
    said = known.apply(part.t, part.sensor)
    exact = Unit(part.t, part.sensor, factor * said)
    gain = unit_gain(known, exact)
    low, high = sorted([1.0, factor])
    assert low - 1e-9 <= gain.gain <= high + 1e-9
    assert 0 < gain.u <= known.between


@cache
def type_of_two():  # type: ignore[no-untyped-def]
    return fit_type([unit(1), unit(2)])


def test_an_electrochemical_cell_without_days_of_its_own_is_refused() -> None:
    known = type_of_two()
    nothing = days_of(unit(4), 0, 0)
    with pytest.raises(NoBetter, match="electrochemical cell for no2"):
        unit_gain(known, nothing, quantity="no2")
    with pytest.raises(NoBetter, match="electrochemical"):
        unit_gain(known, nothing, electrochemical=True)
    assert unit_gain(known, nothing, quantity="pm25") == Gain(1.0, known.between, 0)
    assert unit_gain(known, days_of(unit(4), 0, 7), quantity="no2").days == 7


def test_hops_multiply_and_their_uncertainties_add_as_squares() -> None:
    rng = np.random.default_rng(1)
    n = 24 * 10
    t = START + HOUR * np.arange(1, n + 1)
    air = 10 * np.exp(0.5 * autoregressive(rng, n, 0.95))

    def seen(gain: float) -> Floats:
        return air / gain * (1 + 0.05 * rng.standard_normal(n))

    golden, sensor = seen(1.3), seen(0.7)
    first, second = hop(t, air, golden), hop(t, golden, sensor)
    chained = first.then(second)
    assert first.gain == pytest.approx(1.3, rel=0.02)
    assert chained.gain == pytest.approx(0.7, rel=0.03)
    assert chained.u == pytest.approx(np.hypot(first.u, second.u))
    assert chained.u > max(first.u, second.u)
    assert chained.days == 10
    assert abs(np.log(chained.gain / 0.7)) < 4 * chained.u


def test_too_little_is_refused_with_what_is_needed() -> None:
    with pytest.raises(TooLittleData, match="1 unit beside"):
        fit_type([unit(1)])
    with pytest.raises(TooLittleData, match="2 units"):
        score_transfer({"a": unit(1), "b": unit(2)})
    with pytest.raises(TooLittleData, match=r"has no 7 days before"):
        score_transfer({"a": unit(1), "b": unit(2), "c": days_of(unit(3), 0, 10)})
    t = START + HOUR * np.arange(1, 11)
    with pytest.raises(TooLittleData, match="10 hours on 1 days together"):
        hop(t, np.ones(10), np.ones(10))
    with pytest.raises(TooLittleData, match="means above zero"):
        hop(START + HOUR * np.arange(1, 100), np.zeros(99), np.ones(99))
