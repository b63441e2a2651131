# SPDX-License-Identifier: EUPL-1.2
"""Judges stored values of one source over a span of time, with what lies before, behind and nearby.

Everything is judged anew from the values: only that a time was the collector's cannot be seen any more, and is kept. A
value that fails the range test is no evidence about others. `collector.judging` reads the values and writes the flags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.judge import qartod
from collector.judge.flags import Flag, Test
from collector.judge.limits import Limits
from collector.judge.reading import ORDER_SHARE, SIZES
from collector.moments import HOUR
from collector.quantities import QUANTITIES
from collector.store.base import Values

Floats = NDArray[np.float64]
_MEASURED = 0.5  # share of an hour that must be there for its median


@dataclass(frozen=True)
class Flagged:
    """New flags for the values of a series; arrays of one length."""

    flag: NDArray[np.uint8]
    tests: NDArray[np.int32]


def span_before(limits: Mapping[str, Limits]) -> int:
    """How far back a flag may look [s]."""
    flat = [hours for one in limits.values() for hours in (one.flat_suspect_h, one.flat_fail_h) if hours is not None]
    return max(qartod.DAY, qartod.LONGEST_REACH, *(int(hours * HOUR) for hours in flat))


SPAN_BEHIND = qartod.LONGEST_REACH  # how far ahead one may: the next value, and the end of the hour [s]


def sound(quantity: str, values: Values) -> Floats:
    """The values, NaN where they fail the range test."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return values.value.copy()
    passed = qartod.gross_range(values.value, known.low, known.high) == Flag.PASS
    return np.where(passed, values.value, np.nan)


def hour_medians(quantity: str, values: Values, grid: NDArray[np.int64]) -> Floats:
    """The median of each hour that ends at a time of the grid; NaN where less than half of it was measured."""
    value, hour = sound(quantity, values), -(-values.t // HOUR) * HOUR
    result = np.full(len(grid), np.nan)
    first, last = np.searchsorted(hour, grid, "left"), np.searchsorted(hour, grid, "right")
    for n, (start, stop) in enumerate(zip(first, last, strict=True)):
        present = ~np.isnan(value[start:stop])
        if values.dt[start:stop][present].sum() >= _MEASURED * HOUR:
            result[n] = np.median(value[start:stop][present])
    return result


def judge_source(
    series: Mapping[str, Values],
    limits: Mapping[str, Limits],
    hours: NDArray[np.int64],
    nearby: Mapping[str, Floats],
) -> dict[str, Flagged]:
    """New flags for all series of one source.

    Parameters
    ----------
    series : values by quantity
        With enough before and behind, see `span_before` and `SPAN_BEHIND`: only the flags within are good.
    limits : limits by quantity
    hours : array, shape (m,) [s since 1970]
        Ends of the hours that `nearby` is about.
    nearby : arrays, shape (k, m), by quantity
        Medians of the hours of the kits nearby.
    """
    sounds = {quantity: sound(quantity, values) for quantity, values in series.items()}
    result = {}
    for quantity, values in series.items():
        n = len(values)
        flag, tests = np.full(n, Flag.PASS, np.uint8), values.tests & np.int32(Test.RECEIVED_TIME)
        known = QUANTITIES.get(quantity)
        if known is None:
            flag[:] = Flag.NOT_EVALUATED
            tests |= np.int32(Test.UNKNOWN_QUANTITY)
        else:
            ranged = qartod.gross_range(values.value, known.low, known.high)
            for test, found in ((Test.RANGE, ranged), *_in_time(quantity, values, sounds[quantity], limits)):
                _note(flag, tests, test, found)
            if quantity in nearby:
                _note(flag, tests, Test.NEIGHBOUR, _nearby(quantity, values, limits[quantity], hours, nearby[quantity]))
        result[quantity] = Flagged(flag, tests)
    _judge_particles(series, sounds, limits, result)
    return result


def _note(flag: NDArray[np.uint8], tests: NDArray[np.int32], test: Test, found: qartod.Flags) -> None:
    """Puts what a test found into a series' flags: the worst counts, and only a fault sets the test's bit."""
    fault = (found == Flag.SUSPECT) | (found == Flag.FAIL)
    np.maximum(flag, found, out=flag, where=fault)
    tests[fault] |= np.int32(test)


def _in_time(
    quantity: str, values: Values, value: Floats, limits: Mapping[str, Limits]
) -> list[tuple[Test, qartod.Flags]]:
    limit = limits.get(quantity)
    if limit is None or not len(values):
        return []
    t, dt = values.t, values.dt.astype(np.int64)
    flat = [None if hours is None else int(hours * HOUR) for hours in (limit.flat_suspect_h, limit.flat_fail_h)]
    found = [
        (Test.SPIKE, qartod.spike(t, dt, value, limit.spike_suspect, limit.spike_fail)),
        (Test.RATE, qartod.rate_of_change(t, dt, value, limit.rate_suspect, limit.rate_fail)),
        (Test.FLAT_LINE, qartod.flat_line(t, dt, value, limit.flat_tolerance, *flat)),
        (Test.ATTENUATED, qartod.attenuated_signal(t, dt, value, limit.attenuated_suspect, limit.attenuated_fail)),
    ]
    if limit.climatology:
        found.append((Test.CLIMATOLOGY, qartod.climatology(t, value, limit.climatology)))
    return found


def _nearby(quantity: str, values: Values, limit: Limits, hours: NDArray[np.int64], others: Floats) -> qartod.Flags:
    """The flag of its hour for each value; none for values outside of the hours, and for those that are no evidence."""
    if limit.neighbour_floor is None or not len(hours):
        return np.full(len(values), Flag.NOT_EVALUATED, np.uint8)
    own = hour_medians(quantity, values, hours)
    of_hour = qartod.neighbour(own, others, limit.neighbour_floor, limit.neighbour_share)
    hour = -(-values.t // HOUR) * HOUR
    index = np.clip(np.searchsorted(hours, hour), 0, len(hours) - 1)
    fits = (hours[index] == hour) & ~np.isnan(sound(quantity, values))
    return np.where(fits, of_hour[index], Flag.NOT_EVALUATED).astype(np.uint8)


def _judge_particles(
    series: Mapping[str, Values],
    sounds: Mapping[str, Floats],
    limits: Mapping[str, Limits],
    result: Mapping[str, Flagged],
) -> None:
    """Particles in damp air, and sizes that contradict each other, as `reading` judges them."""
    sizes = [size for size in SIZES if size in series]
    if not sizes:
        return
    t = np.unique(np.concatenate([series[size].t for size in sizes]))
    damp = _aligned(series["humidity"].t, sounds["humidity"], t) if "humidity" in series else np.full(len(t), np.nan)
    before, owner = np.full(len(t), np.nan), np.full(len(t), -1)
    marks = np.zeros((len(sizes), len(t)), np.int32)
    for n, size in enumerate(sizes):
        value, limit = _aligned(series[size].t, sounds[size], t), limits[size]
        present = ~np.isnan(value)
        if limit.humidity_above is not None:
            marks[n][present & (damp > limit.humidity_above)] |= np.int32(Test.HUMIDITY)
        if limit.order_slack is not None:
            wrong = np.flatnonzero(before > value * (1 + ORDER_SHARE) + limit.order_slack)
            marks[n, wrong] |= np.int32(Test.PM_ORDER)
            marks[owner[wrong], wrong] |= np.int32(Test.PM_ORDER)
        before, owner = np.where(present, value, before), np.where(present, n, owner)
    for n, size in enumerate(sizes):
        mark = marks[n][np.searchsorted(t, series[size].t)]
        judged = result[size]
        np.maximum(judged.flag, np.uint8(Flag.SUSPECT), out=judged.flag, where=mark != 0)
        np.bitwise_or(judged.tests, mark, out=judged.tests)


def _aligned(t: NDArray[np.int64], value: Floats, grid: NDArray[np.int64]) -> Floats:
    """Values at the times of a grid, NaN where there is none."""
    result = np.full(len(grid), np.nan)
    index = np.searchsorted(grid, t)
    inside = index < len(grid)
    index, value, t = index[inside], value[inside], t[inside]
    same = grid[index] == t
    result[index[same]] = value[same]
    return result
