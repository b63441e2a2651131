# SPDX-License-Identifier: EUPL-1.2
"""Two hourly series on one clock: join them on their labels, and find out whether one of them is early or late.

Labels are integer seconds since 1970, UTC, at the end of each hour. The lag estimator only reports; `shift` corrects,
when it is asked to. Called by `calibration.fit` and by the code that reads reference stations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.errors import BadInput, TooLittleData

HOUR = 3600
DAY = 86400
MAX_LAG = 3  # hours
MIN_PAIRS = 48
PARTS = 8  # of the jackknife that says how sure the lag is
_RESOLUTION = 0.01  # of the series' 90th percentile: what zero and below count as before the logarithm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Lag:
    """How late a sensor's labels are against the reference.

    Attributes
    ----------
    hours : float
        Positive where the sensor is late, in steps of half an hour [h].
    estimate : float
        The same before it was rounded [h].
    spread : float
        Standard error of the estimate, by jackknife [h].
    correlation : float
        Of the logarithms, after a shift by `hours`.
    correlation_unshifted : float
        The same without a shift.
    sure : bool
        Whether the true lag is most likely within half an hour of `hours`, and the peak within the lags looked at.
    """

    hours: float
    estimate: float
    spread: float
    correlation: float
    correlation_unshifted: float
    sure: bool


def check_hours(t: ArrayLike) -> Ints:
    """Labels as int64, after a look that they are hours, whole hours apart, in strictly rising order.

    They need not be whole hours of UTC: clocks of some places are half an hour off.

    Raises
    ------
    BadInput
        If they are not.
    """
    labels = np.asarray(t)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise BadInput("Times must be one row of integer seconds.", "Give the ends of hours, in seconds since 1970.")
    labels = labels.astype(np.int64)
    if np.any((labels - labels[:1]) % HOUR) or np.any(np.diff(labels) <= 0):
        raise BadInput(
            "Times must lie whole hours apart, in strictly rising order.",
            "Average to hours, sort, and keep one value per hour.",
        )
    return labels


def at(t: Ints, x: Floats, wanted: Ints) -> Floats:
    """Values of a series at wanted labels, NaN where it has none.

    Parameters
    ----------
    t, x : (n,) arrays
        Labels [s], strictly rising, and values.
    wanted : (m,) array
        Labels [s].

    Returns
    -------
    (m,) array
    """
    if len(t) == 0:
        return np.full(len(wanted), np.nan)
    place = np.minimum(np.searchsorted(t, wanted), len(t) - 1)
    return np.where(t[place] == wanted, np.asarray(x, np.float64)[place], np.nan)


def join(t_a: Ints, a: Floats, t_b: Ints, b: Floats) -> tuple[Ints, Floats, Floats]:
    """Two series on the labels that both have.

    Returns
    -------
    t, a, b : (n,) arrays
        Common labels [s] and the two values there, which may be NaN.
    """
    t, in_a, in_b = np.intersect1d(t_a, t_b, assume_unique=True, return_indices=True)
    return t.astype(np.int64), np.asarray(a, np.float64)[in_a], np.asarray(b, np.float64)[in_b]


def shift(t: Ints, x: Floats, hours: float) -> Floats:
    """A series whose labels are `hours` late, put back onto the right ones.

    Notes
    -----
    x'(t) = x(t + hours). A half hour is the mean of the two whole hours beside it. NaN where a needed hour is missing.
    """
    whole = int(np.floor(hours))
    first = at(t, x, t + whole * HOUR)
    if hours == whole:
        return first
    return 0.5 * (first + at(t, x, t + (whole + 1) * HOUR))


def estimate_lag(t: Ints, sensor: Floats, reference: Floats) -> Lag:
    """How late the sensor's labels are, by cross-correlation of the logarithms from -3 to +3 h.

    Parameters
    ----------
    t : (n,) array
        Labels [s], strictly rising.
    sensor, reference : (n,) arrays
        Hourly means, any unit; NaN where missing.

    Raises
    ------
    TooLittleData
        If fewer than 48 hours can be compared at all lags.

    Notes
    -----
    The lag is the vertex of the parabola through the highest correlation and its two neighbours. The plain maximum over
    half-hour mixes would not do: a mix is a mean of two hours, loses noise by that, and wins with a noisy sensor that
    keeps perfect time. The jackknife leaves out one of eight parts in time.
    """
    log_sensor, log_reference = logarithm(sensor), logarithm(reference)
    shifted = np.stack([shift(t, log_sensor, k) for k in range(-MAX_LAG - 1, MAX_LAG + 2)])
    usable = np.isfinite(shifted).all(axis=0) & np.isfinite(log_reference)
    if usable.sum() < MIN_PAIRS:
        raise TooLittleData(
            f"Only {usable.sum()} hours can be compared at lags of {MAX_LAG + 1} hours to both sides; "
            f"{MIN_PAIRS} are needed.",
            "Wait for more hours beside the station, or give the times as they are.",
        )
    shifted, y = shifted[:, usable], log_reference[usable]
    estimate = _vertex(correlations(shifted, y))
    parts = np.array_split(np.arange(len(y)), PARTS)
    left_out = [_vertex(correlations(np.delete(shifted, part, axis=1), np.delete(y, part))) for part in parts]
    spread = float(np.sqrt((PARTS - 1) * np.var(left_out)))
    hours = round(2 * estimate) / 2
    after = np.stack([shift(t, log_sensor, hours)[usable], log_sensor[usable]])
    correlation, unshifted = correlations(after, y)
    return Lag(
        hours=hours,
        estimate=estimate,
        spread=spread,
        correlation=float(correlation),
        correlation_unshifted=float(unshifted),
        sure=bool(abs(estimate) < MAX_LAG and abs(estimate - hours) + 2 * spread < 0.5),
    )


def _vertex(correlation: Floats) -> float:
    """The lag of the highest correlation, between whole hours by a parabola [h]."""
    best = 1 + int(np.argmax(correlation[1:-1]))  # the outermost lags are there as neighbours only
    before, peak, after = correlation[best - 1 : best + 2]
    curvature = before - 2 * peak + after
    offset = 0.5 * (before - after) / curvature if curvature < 0 else 0.0
    return float(np.clip(best - 1 - MAX_LAG + offset, -MAX_LAG, MAX_LAG))


def logarithm(x: Floats) -> Floats:
    """Logarithms (n,), of values held above a hundredth of what is high for the series."""
    values = np.asarray(x, np.float64)
    known = values[np.isfinite(values)]
    floor = _RESOLUTION * float(np.percentile(np.abs(known), 90)) if len(known) else 1.0
    # All zero: any positive floor does, the correlation is then undefined and counts as none.
    return np.log(np.maximum(values, floor or 1.0))


def correlations(shifted: Floats, reference: Floats) -> Floats:
    """The correlation of each row (k, n) with a series (n,), none NaN; 0 where a row does not vary."""
    a = shifted - shifted.mean(axis=1, keepdims=True)
    b = reference - reference.mean()
    norm = np.sqrt((a * a).sum(axis=1) * (b * b).sum())
    result: Floats = np.divide(a @ b, norm, out=np.zeros(len(a)), where=norm > 0)
    return result
