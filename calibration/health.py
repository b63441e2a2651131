# SPDX-License-Identifier: EUPL-1.2
"""What is wrong with a sensor: dead, stuck at its upper end, another sensitivity, another offset; suddenly or slowly.

The hours that `calibration.drift` watched and what it found come in, a diagnosis with numbers goes out. Called by
`citimeasure calibrate drift`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.align import DAY, Bools, Floats, Ints
from calibration.drift import FAIL, UNKNOWN, WARN, Drift
from calibration.errors import BadInput
from calibration.stats import day_of, huber_line

RECENT = 28  # days that say what the sensor is now
LEAST_HOURS = 72
CHANGE_NEAR = 3  # days between a step and a change of hardware that explains it
_STILL = 0.05  # of the spread that the sensor had: below, it does not move
_MOVES = 0.25  # of the spread that the reference had: above, it does
_AT_THE_TOP = 24  # hours at one greatest value
_WEEK = 7 * 24  # hours that are drawn together
_DRAWS = 200
_ALIKE = 1e-3  # relative difference of values that are the same

VERDICTS = {
    "well": "nothing to see",
    "dead": "the sensor hardly moves any more, while the reference does",
    "saturated": "the sensor stays at one greatest value, while the reference goes on",
    "step": "the sensor changed from one day to the next",
    "change": "the sensor changed when its hardware or place did: begin a new baseline",
    "drift": "the sensor changes bit by bit",
    "unknown": "there are too few days to tell",
}


@dataclass(frozen=True)
class Health:
    """A diagnosis.

    Attributes
    ----------
    verdict : str
        One of VERDICTS.
    since : int or None
        Day of the step, or on which the drift began [days since 1970].
    size : float or None
        Relative change at the step, or per 30 days of the drift.
    sensitivity, sensitivity_se : float or None
        Slope of the last 28 days over that of the baseline, and its standard error.
    offset, offset_se : float or None
        Intercept of the last 28 days less that of the baseline, and its standard error [unit of the raw value].
    hours : int
        Of the last 28 days with both values.
    """

    verdict: str
    since: int | None
    size: float | None
    sensitivity: float | None
    sensitivity_se: float | None
    offset: float | None
    offset_se: float | None
    hours: int


def examine(t: Ints, raw: Floats, reference: Floats, found: Drift, changes: Sequence[int] = ()) -> Health:
    """Tells what kind of fault it is, if there is one.

    Parameters
    ----------
    t, raw, reference : (n,) arrays
        As `calibration.drift.watch` had them.
    found : Drift
        What it found.
    changes : sequence of int, optional
        When hardware, firmware or place changed [s since 1970].

    Raises
    ------
    BadInput
        If the arrays are not those that were watched.

    Notes
    -----
    Lines are robust (Huber). Their standard errors are what lines over as many hours of the baseline differ by, weeks
    of it being drawn 200 times: errors from the residuals of 28 days alone are far too small, since the few polluted
    days that decide a slope differ from month to month. Saturated: 24 hours or more within 0.1 % of the greatest value,
    which lies in the upper quarter of what it was, while the interquartile range of the reference over these hours is
    above 25 % of what it was. Dead: the same range of the raw value is below 5 % of what it was, that of the reference
    above 25 %.

    Step or drift: a level that changes once and a slope that begins once are both fitted to the daily log-ratios after
    the baseline and its last 28 days, for every day on which they could begin, with the least absolute errors; the
    better one is told.
    """
    raw, reference = np.asarray(raw, np.float64), np.asarray(reference, np.float64)
    day = day_of(np.asarray(t, np.int64))
    if not len(day) == len(raw) == len(reference) or not len(day) or (day[0], day[-1]) != (found.day[0], found.day[-1]):
        raise BadInput("These are not the hours that were watched.")
    both = np.isfinite(raw) & np.isfinite(reference)
    baseline = both & (day <= int(found.day[found.baseline_day][-1]))
    recent = both & (day > day[-1] - RECENT) & ~baseline
    hours = int(recent.sum())
    if hours < LEAST_HOURS:
        return Health("unknown", None, None, None, None, None, None, hours)
    intercept, slope, _ = huber_line(reference[recent], raw[recent])
    sensitivity = float(slope / found.baseline.slope)
    offset_sd, slope_sd = _spread_of_lines(reference[baseline], raw[baseline], hours)
    sensitivity_se = abs(sensitivity) * slope_sd / found.baseline.slope
    verdict, since, size = _verdict(raw, reference, baseline, recent, found, changes)
    offset = float(intercept - found.baseline.intercept)
    return Health(verdict, since, size, sensitivity, sensitivity_se, offset, offset_sd, hours)


def _verdict(
    raw: Floats, reference: Floats, baseline: Bools, recent: Bools, found: Drift, changes: Sequence[int]
) -> tuple[str, int | None, float | None]:
    moves = _MOVES * _range(reference[baseline])
    greatest = float(np.max(raw[recent]))
    top = recent & (raw >= greatest - _ALIKE * abs(greatest))
    high = greatest >= np.percentile(raw[baseline], 75)
    if high and top.sum() >= _AT_THE_TOP and _range(reference[top]) > moves:
        return "saturated", None, None
    if _range(raw[recent]) < _STILL * _range(raw[baseline]) and _range(reference[recent]) > moves:
        return "dead", None, None
    state = str(found.state[-1])
    if state == UNKNOWN:
        return "unknown", None, None
    if state not in (WARN, FAIL):
        return "well", None, None
    kind, since, size = _begin(found)
    if kind == "step" and any(abs(since - moment // DAY) <= CHANGE_NEAR for moment in changes):
        kind = "change"
    return kind, since, size


def _begin(found: Drift) -> tuple[str, int, float]:
    """Step or drift, its first day, and its relative size, of a drift per 30 days."""
    first = max(0, int(found.baseline_day.sum()) - RECENT)
    known = np.isfinite(found.ratio[first:])
    day, ratio = found.day[first:][known], found.ratio[first:][known]
    tried = []
    for i in range(1, len(day) - 1):
        for kind, shape in (("step", (day >= day[i]).astype(np.float64)), ("drift", np.maximum(day - day[i], 0.0))):
            size = _through_zero(shape[shape > 0], ratio[shape > 0])
            tried.append((float(np.abs(ratio - size * shape).sum()), kind, int(day[i]), size))
    _, kind, since, size = min(tried)
    return kind, since, float(np.expm1(size * (30 if kind == "drift" else 1)))


def _through_zero(x: Floats, y: Floats) -> float:
    """Slope of the line through zero with the least absolute errors; x > 0."""
    slopes = y / x
    order = np.argsort(slopes)
    weight = np.cumsum(x[order])
    return float(slopes[order][np.searchsorted(weight, weight[-1] / 2)])


def _range(x: Floats) -> float:
    """Between the quartiles."""
    low, high = np.percentile(x, (25, 75))
    return float(high - low)


def _spread_of_lines(x: Floats, y: Floats, hours: int) -> tuple[float, float]:
    """Standard deviations of intercept and slope of so many hours against those of all, by resampling weeks of all."""
    rng = np.random.default_rng(1)
    block = min(_WEEK, len(x))
    starts = rng.integers(0, len(x) - block + 1, (_DRAWS, -(-hours // block)))
    picked = (starts[..., None] + np.arange(block)).reshape(_DRAWS, -1)[:, :hours]
    intercept, slope, _ = huber_line(x[picked], y[picked])
    own = float(np.sqrt(1 + hours / len(x)))  # the baseline's line has an error, too
    return float(np.std(intercept)) * own, float(np.std(slope)) * own
