# SPDX-License-Identifier: EUPL-1.2
"""Recalibration of a sensor that hangs beside a station all the time: a proposal, and whether it is within bounds.

A record in use and the hours of a recent window come in; a new record goes out, with what it would change and a
verdict. Nothing is used here: that is decided by who called, `calibrate renew`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints, check_hours
from calibration.apply import apply
from calibration.blocks import GAP
from calibration.calibrate import fit
from calibration.difference import MIN_HOURS, Difference, difference
from calibration.errors import BadInput, TooLittleData
from calibration.features import RAW
from calibration.models.base import Envelope
from calibration.record import Lineage, Record
from calibration.stats import day_of

ONE_SIDED_95 = 1.645  # of a standard normal distribution


class Verdict(StrEnum):
    """What to do with a proposal."""

    KEEP = "keep"  # the record in use does as well
    APPLY = "apply"  # better, and within bounds
    ASK = "ask"  # better, but a person should look


@dataclass(frozen=True)
class Bounds:
    """Within which a new record may be used without a person.

    Attributes
    ----------
    change : float
        Most that the median value may move, as a share: 0.2 lets it move between x0.8 and x1.25.
    gain : float
        Least share by which the error on the latest days must fall, so that noise changes nothing.
    days : int
        Least days with data in the window.
    range : float
        Least share of the raw values' range in the record's envelope that the window must have seen.
    """

    change: float = 0.2
    gain: float = 0.03
    days: int = 14
    range: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.change < 1 and 0 <= self.gain < 1 and 0 <= self.range <= 1 and self.days >= 5):
            raise BadInput(
                f"These bounds are none: {self}.", "Shares lie between 0 and 1; a window has five days or more."
            )


@dataclass(frozen=True)
class Proposal:
    """A new record and what speaks for and against it.

    Attributes
    ----------
    record : Record
        Fitted on the whole window, and superseding the one in use.
    verdict : Verdict
    reasons : tuple of str
        Sentences: why not simply "apply".
    rmse_now, rmse_new : float
        On the window's last quarter, of the record in use, and of one fitted on what lies a day or more before it.
    difference : Difference
        By which values move over the window.
    """

    record: Record
    verdict: Verdict
    reasons: tuple[str, ...]
    rmse_now: float
    rmse_new: float
    difference: Difference


def propose(
    now: Record,
    t: Ints,
    sensor: Mapping[str, Floats],
    reference: Floats,
    *,
    limit_value: float | None = None,
    lineage: Lineage | None = None,
    bounds: Bounds | None = None,
) -> Proposal:
    """Fit a window anew, and judge whether its record should take the place of the one in use.

    Parameters
    ----------
    now : Record
        In use.
    t : (n,) array
        Ends of the window's hours [s], strictly rising.
    sensor : mapping of str to (n,) arrays
        `raw` and the covariates of `now` at least.
    reference : (n,) array
        In the record's unit.
    limit_value : float, optional
        Where the expanded uncertainty is given.
    lineage : Lineage, optional
        Of the new record; `supersedes` is set here.
    bounds : Bounds, optional

    Raises
    ------
    TooLittleData
        If the window has too few days, or no hours that the record in use did not learn from.

    Notes
    -----
    The two are judged on the window's last quarter, which neither has seen: a record is fitted for this on the hours
    that lie a day or more before it. That one must do better by `bounds.gain`, and on enough of the days that it is not
    chance: the mean difference of squared errors of the days over its standard error, which counts a day's likeness to
    the next, exceeds 1.645 (Diebold and Mariano 1995). The record that is proposed has learned from the whole window.

    References
    ----------
    Diebold and Mariano (1995), Comparing predictive accuracy, J. Bus. Econ. Stat. 13, 253-263, doi:10.2307/1392185.
    """
    bounds = bounds or Bounds()
    t = check_hours(t)
    y = np.asarray(reference, np.float64)
    known = np.isfinite(y) & np.isfinite(np.asarray(sensor[RAW], np.float64))
    days = np.unique(day_of(t[known]))
    if len(days) < bounds.days:
        raise TooLittleData(
            f"The window has {len(days)} days with both values; {bounds.days} are needed.",
            "Give a longer window, or wait.",
        )
    latest = known & (day_of(t) >= days[-max(len(days) // 4, 1)])
    latest &= (t - HOUR >= now.training.end + GAP) | (t <= now.training.start - GAP)
    if latest.sum() < MIN_HOURS:
        raise TooLittleData(
            "The record in use has learned from these very days: nothing is left to judge it on.",
            "Wait until some days have passed since it was fitted.",
        )
    before = t <= t[latest][0] - HOUR - GAP
    kept = {"quantity": now.quantity, "unit": now.unit, "limit_value": limit_value}
    trial = fit(t[before], _rows(sensor, before), y[before], **kept)  # type: ignore[arg-type]
    errors = [np.where(latest, apply(record, sensor, t).value - y, np.nan) for record in (now, trial)]
    both = np.isfinite(errors[0]) & np.isfinite(errors[1])
    if both.sum() < MIN_HOURS:
        raise TooLittleData(f"{int(both.sum())} of the latest hours have a value of both; {MIN_HOURS} are needed.")
    squares = [error[both] ** 2 for error in errors]
    rmse_now, rmse_new = (float(np.sqrt(square.mean())) for square in squares)
    given = lineage or Lineage(devices=now.lineage.devices, stations=now.lineage.stations, units=now.lineage.units)
    record = fit(t, sensor, y, lineage=Lineage(**{**vars(given), "supersedes": now.id}), **kept)  # type: ignore[arg-type]
    found = difference(now, record, t, sensor)
    if not (rmse_new < (1 - bounds.gain) * rmse_now and _is_better(day_of(t[both]), squares[0] - squares[1])):
        why = (
            f"The record in use does as well, as far as {len(np.unique(day_of(t[both])))} days can tell: an error of "
            f"{rmse_now:.3g} beside {rmse_new:.3g} {now.unit}."
        )
        return Proposal(record, Verdict.KEEP, (why,), rmse_now, rmse_new, found)
    reasons = tuple(_objections(now, found, np.asarray(sensor[RAW], np.float64)[known], bounds))
    return Proposal(record, Verdict.ASK if reasons else Verdict.APPLY, reasons, rmse_now, rmse_new, found)


def _objections(now: Record, found: Difference, raw: Floats, bounds: Bounds) -> list[str]:
    """Why a person should look, though it is better."""
    ratio = found.moves[0].ratio
    said = []
    if not 1 - bounds.change <= ratio <= 1 / (1 - bounds.change):
        said.append(
            f"Values would move by x{ratio:.2f} in the median, the bound is {100 * bounds.change:.0f} %: look "
            "whether the sensor, its place or the station changed."
        )
    seen = _seen(now, raw)
    if seen < bounds.range:
        said.append(
            f"The window saw {100 * seen:.0f} % of the raw values' range from which the record in use has learned: "
            "the new one may not hold beyond."
        )
    return said


def _seen(now: Record, raw: Floats) -> float:
    """Which share of the raw values' range that a record knows lies within that of these ones."""
    known, here = now.model.envelope, Envelope.of({RAW: raw})
    i = known.features.index(RAW)
    low, high = known.low[i], known.high[i]
    return max(min(high, here.high[0]) - max(low, here.low[0]), 0.0) / max(high - low, 1e-9)


def _is_better(day: Ints, gained: Floats) -> bool:
    """Whether squared errors fell by more than chance: hours (n,) with their days, positive where they fell."""
    _, place, count = np.unique(day, return_inverse=True, return_counts=True)
    each = np.bincount(place, gained) / count
    rest = each - each.mean()
    shared = float(rest @ rest) + max(float(rest[:-1] @ rest[1:]), 0.0)  # weight of lag 1 after Newey and West: 2 / 2
    return len(each) > 2 and float(each.sum()) > ONE_SIDED_95 * float(np.sqrt(shared * len(each) / (len(each) - 1)))


def _rows(sensor: Mapping[str, Floats], which: Bools) -> dict[str, Floats]:
    return {name: np.asarray(x, np.float64)[which] for name, x in sensor.items()}
