# SPDX-License-Identifier: EUPL-1.2
"""Hours averaged over longer windows, after the quantity's rule, with gates and with the uncertainty carried along.

Hours that count come in; each counts the same, however much of it was measured beyond the 75 % that make it count. A
window counts if enough of its hours do: 18 of the 24 of a day, 85 % of those of a year.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from collector.errors import UsageError
from collector.judge import Flag, Test
from collector.moments import HOUR
from collector.quantities import Averaging
from collector.series.averaging import Floats, Ints, average, rule_of
from collector.series.hours import CalibratedHours, Hours
from collector.series.windows import GATES, NOISE, Every, Windows, windows

_RUN = 8  # hours of a running mean
_RUN_LEAST = 6  # of these must count; Directive (EU) 2024/2881, Annex V
_RUNS_LEAST = 18  # running means of a day
_EPSILON = 1e-9


@dataclass(frozen=True)
class Longer:
    """Values of longer windows; arrays of one length. Those of the uncertainty are None for raw values."""

    windows: Windows
    value: Floats  # NaN where the window does not count
    coverage: Floats  # share of the window that was measured, 0 to 1
    n: Ints  # hours that count
    flag: NDArray[np.uint8]
    tests: NDArray[np.int32]
    raw: Floats | None = None
    u: Floats | None = None  # standard uncertainty
    lower: Floats | None = None  # 90 % interval
    upper: Floats | None = None
    record: list[str | None] | None = None  # ids of the calibration records, with a space between them


def longer(hours: Hours | CalibratedHours, quantity: str, over: Windows, *, least: float | None = None) -> Longer:
    """The hours averaged over each window, by whatever is proper for windows of its kind.

    `least` is the share of a window's hours that must count, instead of that of GATES.

    Notes
    -----
    The uncertainty of a mean is the mean of its hours' uncertainties: as if the errors of all hours had one cause,
    which is the most that it can be. A record does not say yet how much of it averages out.
    """
    rule = rule_of(quantity)
    if over.every is Every.MAX8H:
        if rule is not Averaging.MEAN:
            raise UsageError(f"There is no running mean of {quantity}: it is averaged by {rule}.", "Ask for days.")
        return max_running_8h(hours, over)
    if over.every is Every.LDEN:
        return lden(hours, quantity, over, least=least)
    if over.every in NOISE and rule is not Averaging.ENERGY_MEAN:
        raise UsageError(f"{over.every} is made of sound levels, not of {quantity}.", "Ask for laeq, or for days.")
    raw, value = (hours.raw, hours.value) if isinstance(hours, CalibratedHours) else (hours, hours.value)
    index, size = over.index(raw.t), len(over)
    used = (index >= 0) & ~np.isnan(value)
    at = index[used]
    n = np.bincount(at, minlength=size)[:size]
    enough = n >= (GATES[over.every] if least is None else least) * over.hours - _EPSILON
    enough &= n > 0

    def mean(x: Floats, by: Averaging = rule) -> Floats:
        return np.where(enough, average(by, x[used], at, size), np.nan)

    result = Longer(over, mean(value), _coverage(raw, index, over), n, *_flags(hours, index, used, enough))
    if not isinstance(hours, CalibratedHours):
        return result
    below, above = mean(hours.value - hours.lower), mean(hours.upper - hours.value)
    return replace(
        result,
        raw=mean(raw.value),
        u=mean(hours.u),
        lower=result.value - below,
        upper=result.value + above,
        record=_records(hours.record, index, used, size),
    )


def as_longer(hours: Hours | CalibratedHours, each: Windows) -> Longer:
    """Hours in the shape of longer windows."""
    raw = hours.raw if isinstance(hours, CalibratedHours) else hours
    n = (~np.isnan(hours.value)).astype(np.int64)
    result = Longer(each, hours.value, raw.coverage, n, hours.flag, hours.tests)
    if not isinstance(hours, CalibratedHours):
        return result
    return replace(result, raw=raw.value, u=hours.u, lower=hours.lower, upper=hours.upper, record=hours.record)


def max_running_8h(hours: Hours | CalibratedHours, days: Windows) -> Longer:
    """The highest running mean of eight hours of each day.

    Hours must be without holes and reach seven hours before the first day. A running mean belongs to the day in which
    it ends, so the first of a day begins at 17:00 of the day before; six of its hours must count, and 18 running means
    of a day. Directive 2008/50/EC, Annex XI; (EU) 2024/2881, Annex V.
    """
    raw, value = (hours.raw, hours.value) if isinstance(hours, CalibratedHours) else (hours, hours.value)
    n_runs, mean = _running(value)
    index, size = days.index(raw.t), len(days)
    used = (index >= 0) & (n_runs >= _RUN_LEAST)
    n = np.bincount(index[used], minlength=size)[:size]
    enough = n >= np.ceil(_RUNS_LEAST / 24 * days.hours - _EPSILON)
    best = _last_best(mean, index, used, size)
    found = np.where(enough & (best >= 0), mean[best], np.nan)
    flag, tests = _flags(hours, index, used, enough)
    result = Longer(days, found, _coverage(raw, index, days), n, flag, tests)
    if not isinstance(hours, CalibratedHours):
        return result

    def there(x: Floats) -> Floats:
        return np.where(enough & (best >= 0), _running(x)[1][best], np.nan)

    return replace(
        result,
        raw=there(raw.value),
        u=there(hours.u),
        lower=found - there(hours.value - hours.lower),
        upper=found + there(hours.upper - hours.value),
        record=_records(hours.record, index, used, size),
    )


def lden(hours: Hours | CalibratedHours, quantity: str, days: Windows, *, least: float | None = None) -> Longer:
    """Lden of each day from 07 to 07, of hourly levels.

    Notes
    -----
    10 lg ((12 10^(Lday/10) + 4 10^((Leve+5)/10) + 8 10^((Lnight+10)/10)) / 24), Directive 2002/49/EC, Annex I; the
    weights stay 12, 4 and 8 in a night of 7 or 9 hours. A day counts if its day, evening and night do. Its uncertainty
    is the sum of those of its parts, each times its share of the energy.
    """
    parts = [
        longer(hours, quantity, _part(every, days), least=least) for every in (Every.LDAY, Every.LEVE, Every.LNIGHT)
    ]
    value = lden_of(*(part.value for part in parts))
    seconds = np.sum([part.coverage * (part.windows.end - part.windows.start) for part in parts], axis=0)
    result = Longer(
        windows=days,
        value=value,
        coverage=np.minimum(seconds / (days.end - days.start), 1.0),
        n=np.sum([part.n for part in parts], axis=0),
        flag=np.maximum.reduce([part.flag for part in parts]),
        tests=np.bitwise_or.reduce([part.tests for part in parts]),
    )
    raw, u, lower, upper = ([getattr(part, name) for part in parts] for name in ("raw", "u", "lower", "upper"))
    if raw[0] is None:
        return result
    energy = _energies(*(part.value for part in parts))
    return replace(
        result,
        raw=lden_of(*raw),
        u=np.sum(energy * np.array(u), axis=0) / energy.sum(axis=0),
        lower=lden_of(*lower),
        upper=lden_of(*upper),
        record=[_joined([(part.record or [None] * len(days))[i] for part in parts]) for i in range(len(days))],
    )


def lden_of(day: Floats, evening: Floats, night: Floats) -> Floats:
    """Lden [dB] of levels by day, evening and night [dB].

    >>> round(float(lden_of(np.array(60.0), np.array(55.0), np.array(50.0))), 3)
    60.0
    """
    return np.asarray(10 * np.log10(_energies(day, evening, night).sum(axis=0) / 24))


def _energies(day: Floats, evening: Floats, night: Floats) -> Floats:
    return np.array([12 * 10 ** (day / 10), 4 * 10 ** ((evening + 5) / 10), 8 * 10 ** ((night + 10) / 10)])


def _part(every: Every, days: Windows) -> Windows:
    """The days, evenings or nights of noise days, one for each."""
    found = windows(every, int(days.start[0]), int(days.end[-1]), days.zone) if len(days) else days
    wanted = set(days.name)
    keep = [i for i, name in enumerate(found.name) if name in wanted]
    return Windows(every, days.zone, found.start[keep], found.end[keep], [found.name[i] for i in keep])


def _running(value: Floats) -> tuple[Ints, Floats]:
    """How many of the eight hours up to each hour are numbers, and their mean; sums of each window by itself."""
    known = ~np.isnan(value)
    padded = np.concatenate([np.zeros(_RUN - 1), np.where(known, value, 0.0)])
    counts = np.concatenate([np.zeros(_RUN - 1, np.int64), known.astype(np.int64)])
    if not len(value):
        return np.empty(0, np.int64), np.empty(0)
    total = np.lib.stride_tricks.sliding_window_view(padded, _RUN).sum(axis=1)
    n = np.lib.stride_tricks.sliding_window_view(counts, _RUN).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return n, total / n


def _last_best(mean: Floats, index: Ints, used: NDArray[np.bool_], size: int) -> Ints:
    """Where the highest value of each window stands; -1 where there is none."""
    best = np.full(size, -1)
    order = np.argsort(mean[used], kind="stable")
    best[index[used][order]] = np.flatnonzero(used)[order]  # of several writes to one place the last one stays
    return best


def _coverage(raw: Hours, index: Ints, over: Windows) -> Floats:
    inside = index >= 0
    seconds = np.bincount(index[inside], raw.coverage[inside] * HOUR, len(over))[: len(over)]
    return np.minimum(seconds / (over.end - over.start), 1.0)


def _flags(
    hours: Hours | CalibratedHours, index: Ints, used: NDArray[np.bool_], enough: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The worst flag of the hours that count, and every test that failed in any of them."""
    flag, tests = np.zeros(len(enough), np.uint8), np.zeros(len(enough), np.int32)
    np.maximum.at(flag, index[used], hours.flag[used])
    np.bitwise_or.at(tests, index[used], hours.tests[used])
    return (
        np.where(enough, flag, Flag.MISSING).astype(np.uint8),
        np.where(enough, tests, tests | Test.COVERAGE).astype(np.int32),
    )


def _records(record: list[str | None], index: Ints, used: NDArray[np.bool_], size: int) -> list[str | None]:
    found: list[dict[str | None, None]] = [{} for _ in range(size)]
    for i in np.flatnonzero(used):
        if (id_ := record[i]) is not None:
            found[index[i]][id_] = None
    return [_joined(list(ids)) for ids in found]


def _joined(ids: list[str | None]) -> str | None:
    """Ids without repetition, in order, with a space between."""
    return " ".join(dict.fromkeys(word for id_ in ids if id_ for word in id_.split())) or None
