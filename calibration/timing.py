# SPDX-License-Identifier: EUPL-1.2
"""Whether the labels of a sensor fit those of its reference, and if not, what may have happened to them.

Hourly arrays come in, a `Timing` with a finding in words goes out: labels at the other end of the hour, windows half an
hour apart, a wrong zone, a clock that was set meanwhile, or summer time on one side only. Nothing is corrected here.
Called by `citimeasure calibrate align` and noted by `evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from calibration.align import (
    DAY,
    HOUR,
    MAX_LAG,
    PARTS,
    Floats,
    Ints,
    Lag,
    at,
    check_hours,
    correlations,
    estimate_lag,
    logarithm,
)
from calibration.errors import TooLittleData

REACH = 14  # the widest difference between zones that is looked for [h]
BETTER = 0.02  # by so much correlation another zone must be better, and by four standard deviations,
MUCH_BETTER = 0.1  # or by so much
PART_DAYS = 14
MIN_PART_HOURS = 120
STEP = 0.7  # a clock that was set by less is not told [h]
SIGMAS = 4.0


class Finding(StrEnum):
    """What was found; `OK` if labels fit."""

    OK = "ok"
    HALF_HOUR = "half an hour"
    LABEL = "an hour"
    HOURS = "hours"
    ZONE = "zone"
    SUMMER_TIME = "summer time"
    SET = "clock was set"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Part:
    """The lag in a part of the time [h]; `t` is the end of its last hour [s]."""

    t: int
    lag: float
    spread: float


@dataclass(frozen=True)
class Timing:
    """What was found about labels.

    Attributes
    ----------
    finding : Finding
    lag : Lag
        Within three hours to both sides.
    zone_hours : int
        How late the sensor's labels are if it is a matter of zones [h]; 0 otherwise.
    step, step_at : float, int
        By how much labels became later [h], and at about what time [s]; 0 if they did not.
    parts : tuple of Part
        The lag of each fortnight.
    """

    finding: Finding
    lag: Lag
    zone_hours: int = 0
    step: float = 0.0
    step_at: int = 0
    parts: tuple[Part, ...] = ()

    @property
    def words(self) -> str:
        """What it means, and what to do."""
        hours, late = abs(self.lag.hours), "late" if self.lag.hours > 0 else "early"
        if self.finding is Finding.OK:
            return "The labels fit."
        if self.finding is Finding.UNSURE:
            return (
                f"No lag can be told for sure: about {self.lag.estimate:+.1f} h, give or take "
                f"{2 * self.lag.spread:.1f} h. The sensor may follow the reference too little, or the hours be too few."
            )
        if self.finding is Finding.HALF_HOUR:
            return (
                f"The sensor's labels are {hours:g} h {late}: hours are cut at the half on one side. Average again "
                "from minutes, or correct it with --correct-lag."
            )
        if self.finding is Finding.LABEL:
            return (
                f"The sensor's labels are an hour {late}: one side labels the begin of the hour, the other its end, or "
                "only one follows summer time. See --label and --zone, or correct it with --correct-lag."
            )
        if self.finding is Finding.HOURS:
            return f"The sensor's labels are {hours:g} h {late}. See --zone, or correct it with --correct-lag."
        if self.finding is Finding.ZONE:
            return (
                f"The sensor's labels are {self.zone_hours:+d} h from the reference's: one column is of another zone "
                "than the other. Put both on one clock; a lag of more than three hours is not corrected."
            )
        day = datetime.fromtimestamp(self.step_at, UTC).date()
        if self.finding is Finding.SUMMER_TIME:
            return (
                f"At about {day} the sensor's labels became {self.step:+.1f} h later: only one column follows summer "
                "time. Put both on one clock, such as UTC."
            )
        return (
            f"At about {day} the sensor's labels became {self.step:+.1f} h later: a clock was set. Evaluate the time "
            "before and after by themselves, with --from and --to."
        )


def timing(t: Ints, sensor: Floats, reference: Floats) -> Timing:
    """Holds a sensor's labels against those of its reference.

    Parameters
    ----------
    t : (n,) array
        Labels [s], strictly rising, whole hours apart.
    sensor, reference : (n,) arrays
        Hourly means, any unit; NaN where missing.

    Raises
    ------
    TooLittleData
        If fewer than 48 hours can be compared.

    Notes
    -----
    First the correlation of logarithms over 14 hours to both sides: another zone must be better than whatever lies
    within three hours, by 0.1, or by 0.02 and by four standard deviations (jackknife over eight parts). Then the lag of
    each fortnight; the one step that explains them best is told if it is 0.7 h or more and four of its standard
    deviations. Summer time is a step of an hour in a month in which clocks change.
    """
    t = check_hours(t)
    lag = estimate_lag(t, sensor, reference)
    far = _zone(t, sensor, reference)
    if far:
        return Timing(Finding.ZONE, lag, zone_hours=far)
    parts = _parts(t, sensor, reference)
    step, step_at = _step(parts)
    if step:
        month = datetime.fromtimestamp(step_at, UTC).month
        summer = abs(abs(step) - 1) <= 0.35 and month in (3, 4, 10, 11)
        return Timing(Finding.SUMMER_TIME if summer else Finding.SET, lag, step=step, step_at=step_at, parts=parts)
    if not lag.sure:
        return Timing(Finding.UNSURE, lag, parts=parts)
    by_size = {0.0: Finding.OK, 1.0: Finding.LABEL, 2.0: Finding.HOURS, 3.0: Finding.HOURS}
    return Timing(by_size.get(abs(lag.hours), Finding.HALF_HOUR), lag, parts=parts)


def _zone(t: Ints, sensor: Floats, reference: Floats) -> int:
    """By how many hours, more than three, the labels fit much better; 0 if they do not."""
    x, y = logarithm(sensor), logarithm(reference)
    lags = list(range(-REACH, REACH + 1))
    moved = np.stack([at(t, x, t + hours * HOUR) for hours in lags])
    known = np.isfinite(moved).all(axis=0) & np.isfinite(y)
    if known.sum() < MIN_PART_HOURS:
        return 0
    moved, y = moved[:, known], y[known]
    found = correlations(moved, y)
    best = int(np.argmax(found))
    near = [i for i, hours in enumerate(lags) if abs(hours) <= MAX_LAG]
    rival = max(near, key=lambda i: found[i])
    if best in near:
        return 0
    pair = moved[[best, rival]]
    parts = np.array_split(np.arange(len(y)), PARTS)
    gains = [float(np.subtract(*correlations(np.delete(pair, p, axis=1), np.delete(y, p)))) for p in parts]
    spread = float(np.sqrt((PARTS - 1) * np.var(gains)))
    gain = float(found[best] - found[rival])
    return lags[best] if gain > MUCH_BETTER or (gain > BETTER and gain > SIGMAS * spread) else 0


def _parts(t: Ints, sensor: Floats, reference: Floats) -> tuple[Part, ...]:
    found = []
    for start in range(int(t[0]) - HOUR, int(t[-1]), PART_DAYS * DAY):
        part = (t > start) & (t <= start + PART_DAYS * DAY)
        if np.count_nonzero(part & np.isfinite(sensor) & np.isfinite(reference)) < MIN_PART_HOURS:
            continue
        try:
            lag = estimate_lag(t[part], sensor[part], reference[part])
        except TooLittleData:
            continue
        if abs(lag.estimate) < MAX_LAG:
            found.append(Part(int(t[part][-1]), lag.estimate, max(lag.spread, 0.05)))
    return tuple(found)


def _step(parts: tuple[Part, ...]) -> tuple[float, int]:
    """The one step that explains the lags best, and when; (0, 0) if there is none to speak of."""
    lags, weight = np.array([one.lag for one in parts]), np.array([one.spread**-2 for one in parts])
    best, found = 0.0, (0.0, 0)
    for k in range(1, len(parts)):
        left, right = (float(np.average(lags[side], weights=weight[side])) for side in (slice(k), slice(k, None)))
        rest = np.concatenate([lags[:k] - left, lags[k:] - right])
        # What is left within both sides says how far lags scatter beyond their own spread.
        scatter = max(1.0, float(np.sqrt(np.average(rest**2 * weight)))) if len(parts) > 2 else 2.0
        spread = scatter * float(np.sqrt(1 / weight[:k].sum() + 1 / weight[k:].sum()))
        size = abs(right - left) / spread
        if abs(right - left) >= STEP and size >= SIGMAS and size > best:
            best, found = size, (right - left, parts[k - 1].t)
    return found
