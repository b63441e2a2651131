# SPDX-License-Identifier: EUPL-1.2
"""Sums that least squares needs, kept per day and sensor, so that windows and left-out blocks are additions.

Features and a target come in; X'X, X'y and y'y per day go out, and coefficients for any set of days without another
pass over the hours. Beside them: a robust line, and a covariance for hours that depend on each other. The models and
their penalties are fitted with these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.align import DAY, HOUR, Floats, Ints
from calibration.errors import BadInput

HUBER_K = 1.345  # 95 % efficient where errors are normal
_MAX_STEPS = 50


def day_of(t: Ints) -> Ints:
    """The UTC day, counted from 1970, in which an hour lies that ends at t [s]."""
    return (t - HOUR) // DAY


@dataclass(frozen=True)
class DailyStatistics:
    """Additive sufficient statistics of least squares, per sensor and day.

    Attributes
    ----------
    days : (D,) array
        Days since 1970, consecutive.
    count : (S, D) array
        Hours that count.
    xx : (S, D, p, p) array
    xy : (S, D, p) array
    yy : (S, D) array
    """

    days: Ints
    count: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    def total(self, weight: Floats | None = None) -> Total:
        """Sums over days, each day weighted; `weight` is (D,), by default one."""
        w = np.ones(len(self.days)) if weight is None else weight
        return Total(
            np.einsum("sd,d->s", self.count, w),
            np.einsum("sdij,d->sij", self.xx, w),
            np.einsum("sdi,d->si", self.xy, w),
            np.einsum("sd,d->s", self.yy, w),
        )

    def windows(self, length: int) -> Total:
        """Sums over all windows of `length` days; every first axis becomes sensors x windows (S, D - length + 1)."""

        def rolled(x: Floats) -> Floats:
            ran = np.cumsum(x, axis=1)
            ran = np.concatenate([np.zeros_like(ran[:, :1]), ran], axis=1)
            return ran[:, length:] - ran[:, :-length]

        return Total(rolled(self.count), rolled(self.xx), rolled(self.xy), rolled(self.yy))


@dataclass(frozen=True)
class Total:
    """Sums over days: the same as `DailyStatistics`, with the axis of days gone or become windows."""

    count: Floats
    xx: Floats
    xy: Floats
    yy: Floats

    def __add__(self, other: Total) -> Total:
        return Total(self.count + other.count, self.xx + other.xx, self.xy + other.xy, self.yy + other.yy)

    def __sub__(self, other: Total) -> Total:
        return Total(self.count - other.count, self.xx - other.xx, self.xy - other.xy, self.yy - other.yy)

    def solve(self, penalty: Floats | float = 0.0) -> Floats:
        """Coefficients (..., p) of all sensors at once.

        Parameters
        ----------
        penalty : scalar or (p,) array
            Ridge penalty per hour and coefficient; none by default.

        Notes
        -----
        b = (X'X + n diag(penalty))^-1 X'y
        """
        p = self.xx.shape[-1]
        ridge = self.count[..., None, None] * (np.broadcast_to(penalty, p) * np.eye(p))
        return np.asarray(np.linalg.solve(self.xx + ridge, self.xy[..., None])[..., 0])

    def squared_error(self, b: Floats) -> Floats:
        """Sum of squared residuals of these days under coefficients b (..., p), never below zero."""
        fitted = np.einsum("...i,...ij,...j->...", b, self.xx, b)
        return np.asarray(np.maximum(self.yy - 2 * np.einsum("...i,...i->...", b, self.xy) + fitted, 0.0))


def daily_statistics(t: Ints, x: NDArray[np.floating], y: NDArray[np.floating]) -> DailyStatistics:
    """Sufficient statistics per sensor and day.

    Parameters
    ----------
    t : (n,) array
        Ends of hours [s], strictly rising; hours may be missing.
    x : (S, n, p) or (n, p) array
        Features. An hour with a NaN in any of them, or in y, does not count.
    y : (S, n) or (n,) array
        Target.
    """
    x3 = x if x.ndim == 3 else x[None]
    y2 = y if y.ndim == 2 else y[None]
    if x3.shape[:2] != y2.shape or x3.shape[1] != len(t) or len(t) == 0:
        raise BadInput(f"Shapes do not fit: t {t.shape}, x {x.shape}, y {y.shape}.")
    day = day_of(t)
    days = np.arange(day[0], day[-1] + 1, dtype=np.int64)
    place = (t - HOUR) // HOUR - 24 * day[0]  # hour on a grid of whole days
    shape = (x3.shape[0], len(days), 24)
    with np.errstate(invalid="ignore"):
        # One sum per hour tells whether any of its numbers is missing, much faster than looking at each.
        good = np.isfinite(x3 @ np.ones(x3.shape[2], x3.dtype) + y2)
    # A missing hour is a row of zeros: it adds nothing to any sum.
    design = np.zeros((shape[0], shape[1] * 24, x3.shape[2] + 1), dtype=x3.dtype)
    design[:, place, :-1] = x3
    design[:, place, -1] = y2
    count = np.zeros((shape[0], shape[1] * 24))
    count[:, place] = good
    design[count == 0] = 0
    design = design.reshape(*shape, -1)
    products = (np.swapaxes(design, 2, 3) @ design).astype(np.float64)
    return DailyStatistics(
        days,
        count.reshape(shape).sum(axis=2),
        products[..., :-1, :-1],
        products[..., :-1, -1],
        products[..., -1, -1],
    )


def huber_line(x: Floats, y: Floats, weight: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Straight line that outliers hardly move, by iteratively reweighted least squares.

    Parameters
    ----------
    x, y : (..., n) arrays
        Finite values; the last axis is time, those before it are sensors.
    weight : (..., n) array, optional
        Prior weights.

    Returns
    -------
    intercept, slope : (...) arrays
    weight : (..., n) array
        The final weights, prior ones included.

    References
    ----------
    Huber, P. J. (1964), Annals of Mathematical Statistics 35, doi:10.1214/aoms/1177703732.
    """
    prior = np.ones_like(y) if weight is None else np.broadcast_to(weight, y.shape)
    w = prior
    intercept, slope = weighted_line(x, y, w)
    for _ in range(_MAX_STEPS):
        residual = y - intercept[..., None] - slope[..., None] * x
        spread = 1.4826 * np.median(np.abs(residual), axis=-1, keepdims=True)  # standard deviation if normal
        size = np.maximum(np.abs(residual), np.finfo(np.float64).tiny)
        w = prior * np.where(spread > 0, np.minimum(1.0, HUBER_K * spread / size), 1.0)
        before = slope
        intercept, slope = weighted_line(x, y, w)
        if np.all(np.abs(slope - before) <= 1e-12 * (1 + np.abs(slope))):
            break
    return intercept, slope, w


def weighted_line(x: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Intercepts and slopes of weighted least squares of y on x; (..., n) arrays that broadcast, gives (...)."""
    total = w.sum(axis=-1)
    x_mean, y_mean = (w * x).sum(axis=-1) / total, (w * y).sum(axis=-1) / total
    dx, dy = x - x_mean[..., None], y - y_mean[..., None]
    sxx = (w * dx * dx).sum(axis=-1)
    # A sensor that never moved has no slope: the line is then the mean of y.
    slope = np.divide((w * dx * dy).sum(axis=-1), sxx, out=np.zeros_like(sxx), where=sxx > 0)
    return y_mean - slope * x_mean, slope


def robust_covariance(t: Ints, score: Floats, bread: Floats) -> Floats:
    """Covariance of coefficients that holds although neighbouring hours, and days, depend on each other.

    Parameters
    ----------
    t : (n,) array
        Ends of hours [s], strictly rising.
    score : (n, p) array
        Weight times residual times feature of every hour.
    bread : (p, p) array
        Inverse of the weighted X'X, penalty included.

    Returns
    -------
    (p, p) array

    Notes
    -----
    bread M bread, with M from daily sums s_d of the scores: sum_l w_l sum_d (s_d s_(d-l)' + its transpose), Bartlett
    weights w_l = 1 - l / (L + 1) and L = 4 (D / 100)^(2/9) + 1 days for D days.

    References
    ----------
    Newey and West (1987), A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
    covariance matrix, Econometrica 55, 703-708, doi:10.2307/1913610.
    """
    day = day_of(t) - day_of(t)[0]
    daily = np.zeros((int(day[-1]) + 1, score.shape[1]))
    np.add.at(daily, day, score)
    lags = int(4 * (len(daily) / 100) ** (2 / 9)) + 1
    meat = daily.T @ daily
    for lag in range(1, min(lags, len(daily) - 1) + 1):
        cross = daily[lag:].T @ daily[:-lag]
        meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    covariance = bread @ meat @ bread
    return np.asarray(0.5 * (covariance + covariance.T))
