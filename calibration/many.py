# SPDX-License-Identifier: EUPL-1.2
"""Least squares for all sensors of a city at once: one fit each, a fit for every day, and applying them.

Arrays of many sensors come in, coefficients come out. What a day adds to a fit is a small matrix; windows of days are
sums of these, so that a year of daily fits costs little more than one fit. Called by the renewal of calibrations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.align import Floats, Ints
from calibration.errors import BadInput
from calibration.stats import daily_statistics

CHUNK = 16  # sensors at a time: what they need stays in the processor's cache
LEAST_PER_COEFFICIENT = 10  # hours


def fit_many(x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
    """Intercept and slopes of every sensor, by ordinary least squares.

    Parameters
    ----------
    x : (S, n, p) array
        Inputs; 32-bit floats are enough and need half the memory. An hour with a NaN in any of them, or in y, does not
        count.
    y : (S, n) array
        Reference of each sensor.

    Returns
    -------
    (S, p + 1) array
        Intercept first; NaN for a sensor with fewer than ten hours per coefficient, or whose inputs never change.
    """
    _check(x, y)
    sensors, _, p = x.shape
    each, ones = np.ones(p, x.dtype), np.ones(x.shape[1], x.dtype)
    count = np.zeros(sensors)
    near, level = np.zeros((sensors, p)), np.zeros(sensors)
    mean, middle, xx, xy = (np.zeros((sensors, *shape)) for shape in ((p,), (), (p, p), (p,)))
    for s in range(sensors):
        hours = np.flatnonzero(np.isfinite(x[s] @ each + y[s]))
        if len(hours) == 0:
            continue
        inputs, target = x[s].take(hours, axis=0), y[s].take(hours)
        # Near zero, sums of squares keep their digits; any value of the sensor's own will do for that.
        near[s], level[s], count[s] = inputs[0], target[0], len(hours)
        inputs -= inputs[0].copy()
        target -= target[0]
        turned = inputs.T
        mean[s], middle[s] = turned @ ones[: len(hours)], target.sum()
        xx[s], xy[s] = turned @ inputs, turned @ target
    share = np.maximum(count, 1)[:, None]
    mean, middle = mean / share, middle / share[:, 0]
    xx -= share[..., None] * mean[:, :, None] * mean[:, None, :]
    xy -= share * mean * middle[:, None]
    slopes = _solve(xx, xy, count)
    intercept = level + middle - np.einsum("sp,sp->s", slopes, near + mean)
    return np.concatenate([intercept[:, None], slopes], axis=1)


def fit_every_day(t: Ints, x: NDArray[np.floating], y: NDArray[np.floating], window: int) -> tuple[Ints, Floats]:
    """Fits of every sensor to every run of `window` days, by ordinary least squares.

    Parameters
    ----------
    t : (n,) array
        Ends of hours [s], strictly rising; hours may be missing.
    x : (S, n, p) array
        Inputs; an hour with a NaN in any of them, or in y, does not count.
    y : (S, n) array
        Reference of each sensor.
    window : int
        Days.

    Returns
    -------
    days : (D,) array
        The last day of each window, since 1970.
    coefficients : (S, D, p + 1) array
        Intercept first; NaN as for `fit_many`.

    Raises
    ------
    BadInput
        If shapes do not fit, or there are fewer days than the window is long.
    """
    _check(x, y)
    last: Ints | None = None
    found = []
    for start in range(0, len(x), CHUNK):
        inputs, target = np.asarray(x[start : start + CHUNK], np.float64), np.asarray(y[start : start + CHUNK], float)
        good = np.isfinite(inputs @ np.ones(x.shape[2]) + target)
        first, every = good.argmax(axis=1), np.arange(len(good))  # numbers near zero keep their digits in sums
        centre, middle = np.nan_to_num(inputs[every, first]), np.nan_to_num(target[every, first])[:, None]
        design = np.concatenate([np.ones_like(target)[..., None], inputs - centre[:, None]], axis=2)
        daily = daily_statistics(t, design, target - middle)
        if len(daily.days) < window:
            raise BadInput(f"{len(daily.days)} days are fewer than a window of {window}.", "Take a shorter window.")
        last = daily.days[window - 1 :]
        sums = daily.windows(window)
        slopes = _solve(sums.xx, sums.xy, sums.count)
        slopes[..., 0] += middle - np.einsum("sdp,sp->sd", slopes[..., 1:], centre)
        found.append(slopes)
    if last is None:
        raise BadInput("There is no sensor.")
    return last, np.concatenate(found)


def apply_many(coefficients: Floats, x: NDArray[np.floating]) -> Floats:
    """Values (S, n) of every sensor: intercept plus slopes times inputs, in the precision of x.

    Parameters
    ----------
    coefficients : (S, p + 1) array
        As `fit_many` gives them.
    x : (S, n, p) array
    """
    exact = coefficients.astype(x.dtype)
    value = np.empty(x.shape[:2], x.dtype)
    for one, b, inputs in zip(value, exact, x, strict=True):
        np.matmul(inputs, b[1:], out=one)
        one += b[0]  # while it is still in the processor's cache
    return value


def _check(x: NDArray[np.floating], y: NDArray[np.floating]) -> None:
    if x.ndim != 3 or x.shape[:2] != y.shape:
        raise BadInput(f"Inputs have shape {x.shape}, references {y.shape}.", "Give (S, n, p) and (S, n).")


def _solve(xx: Floats, xy: Floats, count: NDArray[np.floating] | NDArray[np.int64]) -> Floats:
    """Coefficients (..., p), NaN where hours are too few or inputs do not change."""
    p = xx.shape[-1]
    size = np.sqrt(np.einsum("...ii->...i", xx))
    scale = np.where(size > 0, size, 1.0)
    scaled = xx / (scale[..., :, None] * scale[..., None, :])
    enough = (count >= LEAST_PER_COEFFICIENT * (p + 1)) & (size > 0).all(axis=-1)
    enough &= np.linalg.det(np.where(enough[..., None, None], scaled, np.eye(p))) > 1e-12
    solved = np.linalg.solve(np.where(enough[..., None, None], scaled, np.eye(p)), (xy / scale)[..., None])[..., 0]
    return np.where(enough[..., None], solved / scale, np.nan)
