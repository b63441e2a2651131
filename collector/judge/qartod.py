# SPDX-License-Identifier: EUPL-1.2
"""The tests of QARTOD as small functions: arrays of one length in, flags out. NaN is a missing value.

Each flag follows from values within a bounded span of time around it and from nothing else, without sums that round, so
a long series may be judged in pieces of any size. `window` calls them.

References
----------
.. [1] U.S. IOOS, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data (QARTOD), version 2.1,
   2020, tests 4 to 11. DOI: 10.25923/x02m-m555
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.judge.flags import Flag

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Flags = NDArray[np.uint8]

# Beyond these a value before or behind says nothing any more [s].
SHORTEST_REACH, LONGEST_REACH = 900, 7200
DAY = 86400
_ENOUGH = 0.75  # share of a span that must be measured
_FEWEST = 3  # values of a span that must be there; QARTOD's REP_CNT_SUSPECT
_COMPANY = 3  # neighbours that must be there
_SPREADS = 3.0  # of the neighbours' own spread that an hour may lie aside
_MAD = 1.4826  # standard deviation over median absolute deviation, of a normal distribution


def _graded(size: Floats, suspect: float | None, fail: float | None) -> Flags:
    """Flags by a size: above `suspect`, above `fail`; NaN could not be evaluated."""
    flags = np.full(len(size), Flag.PASS, np.uint8)
    if suspect is not None:
        flags[size > suspect] = Flag.SUSPECT
    if fail is not None:
        flags[size > fail] = Flag.FAIL
    flags[np.isnan(size)] = Flag.NOT_EVALUATED
    return flags


def _placed(present: NDArray[np.bool_], found: Flags) -> Flags:
    flags = np.full(len(present), Flag.MISSING, np.uint8)
    flags[present] = found
    return flags


def gross_range(value: Floats, low: float, high: float) -> Flags:
    """Whether values are plausible at all.

    Parameters
    ----------
    value : array, shape (n,) [unit of the quantity]
    low, high : float
        What is plausible, both included.

    Returns
    -------
    array, shape (n,)
        PASS, FAIL or MISSING.

    Notes
    -----
    Test 4 of [1]_.

    >>> gross_range(np.array([20.0, 99.0, np.nan]), -40, 60).tolist()
    [1, 4, 9]
    """
    inside = (value >= low) & (value <= high)
    return np.where(np.isnan(value), Flag.MISSING, np.where(inside, Flag.PASS, Flag.FAIL)).astype(np.uint8)


def climatology(t: Times, value: Floats, months: tuple[tuple[float, float] | None, ...]) -> Flags:
    """Whether values are what the month brings.

    Parameters
    ----------
    t : array, shape (n,) [s since 1970, UTC]
    value : array, shape (n,)
    months : 12 pairs of lowest and highest, January first; None where nothing is known
        Empty: nothing is known of any month.

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, NOT_EVALUATED or MISSING.

    Notes
    -----
    Test 5 of [1]_.

    >>> january = ((-15.0, 15.0), *[None] * 11)
    >>> climatology(np.array([1767261600, 1767261660, 1785000000]), np.array([5.0, 25.0, 25.0]), january).tolist()
    [1, 3, 2]
    """
    known = [pair or (np.nan, np.nan) for pair in months] or [(np.nan, np.nan)] * 12
    month = t.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    low, high = np.array(known, np.float64)[month].T
    flags = np.where((value < low) | (value > high), Flag.SUSPECT, Flag.PASS).astype(np.uint8)
    flags[np.isnan(low)] = Flag.NOT_EVALUATED
    flags[np.isnan(value)] = Flag.MISSING
    return flags


def _steps(t: Times, dt: Times, value: Floats) -> tuple[Floats, Floats]:
    """The change [unit] and the time [s] from each value to the next; NaN where that is too far away."""
    seconds = np.diff(t).astype(np.float64)
    reach = np.clip(2 * np.maximum(dt[:-1], dt[1:]), SHORTEST_REACH, LONGEST_REACH)
    return np.where(seconds <= reach, np.diff(value), np.nan), seconds


def spike(t: Times, dt: Times, value: Floats, suspect: float | None, fail: float | None = None) -> Flags:
    """Whether a single value stands out from the one before and the one behind.

    Parameters
    ----------
    t, dt : arrays, shape (n,) [s]
        Ends and lengths of the intervals, in order of time.
    value : array, shape (n,)
    suspect, fail : float or None
        Heights above which a spike is one.

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, FAIL, MISSING; NOT_EVALUATED at ends and gaps.

    Notes
    -----
    Test 6 of [1]_, which measures the height against the mean of the values beside it. Here it is the smaller one of
    the two steps where they go opposite ways, and 0 elsewhere: so the innocent values beside a spike, and both sides of
    a step, pass.

    >>> t = np.arange(5) * 60
    >>> spike(t, np.full(5, 60), np.array([20.0, 20.1, 25.0, 20.2, 20.1]), 3, 10).tolist()
    [2, 1, 3, 1, 2]
    """
    present = ~np.isnan(value)
    height = np.full(int(present.sum()), np.nan)
    if len(height) > 2:
        step, _ = _steps(t[present], dt[present], value[present])
        up, down = step[:-1], -step[1:]
        height[1:-1] = np.where(np.sign(up) == np.sign(down), np.minimum(np.abs(up), np.abs(down)), 0.0)
        height[1:-1][np.isnan(up) | np.isnan(down)] = np.nan
    return _placed(present, _graded(height, suspect, fail))


def rate_of_change(t: Times, dt: Times, value: Floats, suspect: float | None, fail: float | None = None) -> Flags:
    """Whether a value changed faster, since the one before, than it can.

    Parameters
    ----------
    t, dt : arrays, shape (n,) [s]
        Ends and lengths of the intervals, in order of time.
    value : array, shape (n,)
    suspect, fail : float or None [unit per minute]

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, FAIL, MISSING; NOT_EVALUATED behind gaps.

    Notes
    -----
    Test 7 of [1]_, with a fixed limit in place of a multiple of the standard deviation. Steps of less than a
    minute count as a minute's: they are mostly noise.

    >>> rate_of_change(np.array([0, 60, 660]), np.full(3, 60), np.array([20.0, 24.0, 34.0]), 3, 10).tolist()
    [2, 3, 1]
    """
    present = ~np.isnan(value)
    rate = np.full(int(present.sum()), np.nan)
    if len(rate) > 1:
        step, seconds = _steps(t[present], dt[present], value[present])
        rate[1:] = np.abs(step) / np.maximum(seconds / 60, 1.0)
    return _placed(present, _graded(rate, suspect, fail))


def _span(t: Times, dt: Times, value: Floats, seconds: int) -> Floats:
    """Highest less lowest value of the `seconds` that end with each value; NaN where too few are there."""
    n = len(t)
    start = np.searchsorted(t, t - seconds, "right")
    measured = np.concatenate([[0], np.cumsum(dt.astype(np.int64))])
    end = np.arange(n)
    length = end - start + 1
    # Extremes of 1, 2, 4, 8 ... values in a row; two of them that overlap cover any span.
    level = np.frexp(length.astype(np.float64))[1] - 1
    low, high = value.copy(), value.copy()
    lowest, highest = np.empty(n), np.empty(n)
    for k in range(int(level.max(initial=0)) + 1):
        width = 1 << k
        here = np.flatnonzero(level == k)
        first, last = start[here], end[here] - width + 1
        lowest[here] = np.minimum(low[first], low[last])
        highest[here] = np.maximum(high[first], high[last])
        low = np.minimum(low[:-width], low[width:])
        high = np.maximum(high[:-width], high[width:])
    enough = (measured[end + 1] - measured[start] >= _ENOUGH * seconds) & (length >= _FEWEST)
    return np.where(enough, highest - lowest, np.nan)


def flat_line(
    t: Times, dt: Times, value: Floats, tolerance: float, suspect: int | None, fail: int | None = None
) -> Flags:
    """Whether a value has been the same for too long: a sensor that is stuck.

    Parameters
    ----------
    t, dt : arrays, shape (n,) [s]
        Ends and lengths of the intervals, in order of time.
    value : array, shape (n,)
    tolerance : float
        Values that differ by no more are the same.
    suspect, fail : int or None [s]
        For so long, at least 75 % of which was measured.

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, FAIL, MISSING; NOT_EVALUATED where too little was measured before.

    Notes
    -----
    Test 8 of [1]_, in time instead of counts, so that it means the same for every interval.

    >>> t = np.arange(1, 7) * 600
    >>> flat_line(t, np.full(6, 600), np.array([5.0, 5.1, 7.0, 7.0, 7.0, 7.0]), 0.05, 1800).tolist()
    [2, 2, 1, 1, 3, 3]
    """
    present = ~np.isnan(value)
    t, dt, value = t[present], dt[present], value[present]
    flags = np.full(len(t), Flag.NOT_EVALUATED, np.uint8)
    for seconds, flag in ((suspect, Flag.SUSPECT), (fail, Flag.FAIL)):
        if seconds is not None:
            span = _span(t, dt, value, seconds)
            flags[(span > tolerance) & (flags == Flag.NOT_EVALUATED)] = Flag.PASS
            flags[span <= tolerance] = flag
    return _placed(present, flags)


def attenuated_signal(
    t: Times, dt: Times, value: Floats, suspect: float | None, fail: float | None = None, seconds: int = DAY
) -> Flags:
    """Whether values have moved too little in a day: a sensor that is covered, clogged or indoors.

    Parameters
    ----------
    t, dt : arrays, shape (n,) [s]
        Ends and lengths of the intervals, in order of time.
    value : array, shape (n,)
    suspect, fail : float or None
        Least difference of the highest and the lowest value.
    seconds : int [s]
        The span that is looked at, at least 75 % of which was measured.

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, FAIL, MISSING; NOT_EVALUATED where too little was measured before.

    Notes
    -----
    Test 10 of [1]_, by the range of the values.

    >>> t = np.arange(1, 25) * 3600
    >>> attenuated_signal(t, np.full(24, 3600), 50 + np.arange(24) % 2, 3.0)[-1]
    np.uint8(3)
    """
    present = ~np.isnan(value)
    span = _span(t[present], dt[present], value[present], seconds)
    flags = np.where(np.isnan(span), Flag.NOT_EVALUATED, Flag.PASS).astype(np.uint8)
    for least, flag in ((suspect, Flag.SUSPECT), (fail, Flag.FAIL)):
        if least is not None:
            flags[span < least] = flag
    return _placed(present, flags)


def neighbour(own: Floats, others: Floats, floor: float, share: float) -> Flags:
    """Whether a kit's hours are unlike those of the kits nearby.

    Parameters
    ----------
    own : array, shape (n,)
        The kit's medians of hours.
    others : array, shape (k, n)
        Those of its neighbours; NaN where there is none.
    floor : float
        A difference that is never too large.
    share : float
        A share of the neighbours' median that is never too large.

    Returns
    -------
    array, shape (n,)
        PASS, SUSPECT, MISSING; NOT_EVALUATED with fewer than three neighbours.

    Notes
    -----
    Test 11 of [1]_, which leaves open how to compare. Here it is with the median of the neighbours, and three times
    their own spread (from the median absolute deviation) is usual.

    >>> others = np.array([[10.0, 10.0], [11.0, 11.0], [12.0, np.nan]])
    >>> neighbour(np.array([90.0, 90.0]), others, 20, 1.0).tolist()
    [3, 2]
    """
    flags = np.full(len(own), Flag.NOT_EVALUATED, np.uint8)
    company = np.flatnonzero((~np.isnan(others)).sum(axis=0) >= _COMPANY)
    if len(company):
        middle = np.nanmedian(others[:, company], axis=0)
        spread = _MAD * np.nanmedian(np.abs(others[:, company] - middle), axis=0)
        usual = np.maximum(np.maximum(floor, share * np.abs(middle)), _SPREADS * spread)
        flags[company] = np.where(np.abs(own[company] - middle) > usual, Flag.SUSPECT, Flag.PASS)
    flags[np.isnan(own)] = Flag.MISSING
    return flags
