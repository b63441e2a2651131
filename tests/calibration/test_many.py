# SPDX-License-Identifier: EUPL-1.2
"""Fits of many sensors at once are the fits of each, and so is every window of days."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.align import HOUR, Floats, Ints
from calibration.errors import BadInput
from calibration.many import CHUNK, apply_many, fit_every_day, fit_many

START = 1_767_225_600


def city(sensors: int, days: int, seed: int, missing: float = 0.05) -> tuple[Ints, Floats, Floats]:
    rng = np.random.default_rng(seed)
    n = 24 * days
    t = START + HOUR * np.arange(1, n + 1, dtype=np.int64)
    x = rng.standard_normal((sensors, n, 3)) * [10, 15, 8] + [20, 60, 10]
    y = 3 + x @ [0.6, -0.05, 0.1] + rng.standard_normal((sensors, n))
    x[rng.random(x.shape) < missing] = np.nan
    y[rng.random(y.shape) < missing] = np.nan
    return t, x, y


def direct(x: Floats, y: Floats) -> Floats:
    good = np.isfinite(x).all(axis=1) & np.isfinite(y)
    return np.linalg.lstsq(np.c_[np.ones(good.sum()), x[good]], y[good], rcond=None)[0]


@given(st.integers(1, 2 * CHUNK + 1), st.integers(4, 20), st.integers(0, 10_000))
def test_many_fits_are_the_fits_of_each(sensors: int, days: int, seed: int) -> None:
    _, x, y = city(sensors, days, seed)
    found = fit_many(x, y)
    for one, these, target in zip(found, x, y, strict=True):
        np.testing.assert_allclose(one, direct(these, target), rtol=1e-9, atol=1e-9)
    narrow = fit_many(x.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(narrow, found, rtol=1e-3, atol=1e-3)


@given(st.integers(1, 3), st.integers(4, 12), st.integers(0, 10), st.integers(0, 10_000))
def test_every_window_is_its_own_fit_to_nine_digits(sensors: int, window: int, more: int, seed: int) -> None:
    t, x, y = city(sensors, window + more, seed)
    present = np.random.default_rng(seed).random(len(t)) < 0.97  # whole hours are missing too
    t, x, y = t[present], x[:, present], y[:, present]
    days, found = fit_every_day(t, x, y, window)
    assert found.shape == (sensors, more + 1, 4)
    for d, day in enumerate(days):
        inside = (t > 86_400 * (day - window + 1)) & (t <= 86_400 * (day + 1))
        for s in range(sensors):
            np.testing.assert_allclose(found[s, d], direct(x[s, inside], y[s, inside]), rtol=1e-9, atol=1e-9)


def test_applying_is_intercept_plus_slopes() -> None:
    _, x, y = city(3, 10, 0)
    b = fit_many(x, y)
    value = apply_many(b, x)
    assert value.shape == y.shape
    np.testing.assert_allclose(value[1], b[1, 0] + x[1] @ b[1, 1:])
    assert (np.isnan(value) == np.isnan(x).any(axis=2)).all()


def test_what_cannot_be_fitted_is_not() -> None:
    t, x, y = city(5, 10, 0)
    x[0, 30:] = np.nan  # too few hours
    x[1, :, 2] = 7.0  # never changes
    x[2, :, 2] = 2 * x[2, :, 1] + 1  # says the same twice
    y[3] = np.nan
    for found in (fit_many(x, y), fit_every_day(t, x, y, 10)[1][:, 0]):
        assert np.isnan(found[:4]).all()
        np.testing.assert_allclose(found[4], direct(x[4], y[4]), rtol=1e-9)


def test_shapes_that_do_not_fit_and_windows_that_are_too_long() -> None:
    t, x, y = city(2, 5, 0)
    with pytest.raises(BadInput, match="have shape"):
        fit_many(x, y[:1])
    with pytest.raises(BadInput, match="5 days are fewer than a window of 6"):
        fit_every_day(t, x, y, 6)
    with pytest.raises(BadInput, match="no sensor"):
        fit_every_day(t, x[:0], y[:0], 3)
