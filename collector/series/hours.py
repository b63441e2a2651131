# SPDX-License-Identifier: EUPL-1.2
"""Raw values from a store as hours, and calibrated as they were at any moment.

Hours are UTC hours labelled with their end; one counts if at least 75 % of it was measured (Directive (EU) 2024/2881,
Annex V). A calibrated value is computed when asked, from the raw one and the records that were assigned by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from collector.judge import Flag, Test
from collector.moments import HOUR
from collector.registry import Registry
from collector.series.averaging import Floats, average, rule_of
from collector.store.base import HourSums, Store, Values

if TYPE_CHECKING:
    import calibration

MIN_COVERAGE = 0.75
_MARGIN = 4  # [h]


@dataclass(frozen=True)
class Hours:
    """Hourly values on a grid without holes; arrays of one length."""

    t: NDArray[np.int64]  # end of the hour, s since 1970, UTC
    value: Floats  # NaN where the hour does not count
    coverage: Floats  # share of the hour that was measured, 0 to 1
    flag: NDArray[np.uint8]
    tests: NDArray[np.int32]


@dataclass(frozen=True)
class CalibratedHours:
    """Calibrated hourly values with their lineage; arrays of one length."""

    raw: Hours
    value: Floats  # NaN where there is no raw value or no calibration
    u: Floats  # standard uncertainty, in the quantity's unit
    lower: Floats  # 90 % interval
    upper: Floats
    flag: NDArray[np.uint8]
    tests: NDArray[np.int32]
    record: list[str | None]  # id of the calibration record behind each value


def hour_grid(after: int, until: int, phase: int = 0) -> NDArray[np.int64]:
    """The ends of all whole hours that lie within (after, until]; hours begin `phase` seconds after those of UTC."""
    first = -((phase - after) // HOUR) + 1
    return np.arange(first, (until - phase) // HOUR + 1, dtype=np.int64) * HOUR + phase


def hour_sums(values: Values, quantity: str, grid: NDArray[np.int64]) -> HourSums:
    """Hours after the quantity's averaging rule, from values of an hour or shorter, however little was measured.

    A value that failed a test is left out, as if it had not been measured.
    """
    rule = rule_of(quantity)
    n = len(grid)
    use = (values.flag < Flag.FAIL) & (values.dt <= HOUR)
    index = -((grid[0] - values.t[use]) // HOUR) if n else np.empty(0, np.int64)
    inside = (index >= 0) & (index < n)
    index = index[inside]
    value, weight = values.value[use][inside], values.dt[use][inside].astype(np.float64)
    seconds = np.minimum(np.bincount(index, weight, n)[:n], HOUR)
    flag = np.zeros(n, np.uint8)
    np.maximum.at(flag, index, values.flag[use][inside])
    tests = np.zeros(n, np.int32)
    np.bitwise_or.at(tests, index, values.tests[use][inside])
    return HourSums(average(rule, value, index, n, weight), seconds.astype(np.int64), flag, tests)


def counted(sums: HourSums, grid: NDArray[np.int64], least: float = MIN_COVERAGE) -> Hours:
    """Hours of which at least the share `least` was measured; the others are missing."""
    coverage = sums.seconds / HOUR
    enough = (coverage >= least) & (coverage > 0)
    return Hours(
        t=grid,
        value=np.where(enough, sums.value, np.nan),
        coverage=coverage,
        flag=np.where(enough, sums.flag, Flag.MISSING).astype(np.uint8),
        tests=np.where(enough, sums.tests, sums.tests | Test.COVERAGE).astype(np.int32),
    )


def hourly(values: Values, quantity: str, grid: NDArray[np.int64]) -> Hours:
    """Hours as they count, from values of an hour or shorter."""
    return counted(hour_sums(values, quantity, grid), grid)


def read_hours(
    store: Store, source: str, quantity: str, grid: NDArray[np.int64], *, least: float | None = None
) -> Hours:
    """The hours of a grid, from what a store holds of a device or station: from hours kept ready, else from values."""
    rule_of(quantity)
    least = MIN_COVERAGE if least is None else least
    if not len(grid):
        return counted(hour_sums(Values.of([]), quantity, grid), grid, least)
    first, last = int(grid[0]), int(grid[-1])
    rolled = store.rolled(source, quantity, first, last) if first % HOUR == 0 else None
    if rolled is None:
        return counted(hour_sums(store.read(source, quantity, first - HOUR, last), quantity, grid), grid, least)
    parts = [rolled.hours]
    n = len(rolled.ready)
    if n < len(grid):
        values = store.read(source, quantity, first + (n - 1) * HOUR, last)
        parts.append(hour_sums(values, quantity, grid[n:]))
    sums = HourSums(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    for begin, end in _runs(np.flatnonzero(~rolled.ready)):
        values = store.read(source, quantity, int(grid[begin]) - HOUR, int(grid[end - 1]))
        for i, column in enumerate(hour_sums(values, quantity, grid[begin:end])):
            sums[i][begin:end] = column
    return counted(sums, grid, least)


def _runs(index: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Numbers that follow one another as (first, behind the last), for rising numbers.

    >>> list(_runs(np.array([1, 2, 5])))
    [(1, 3), (5, 6)]
    """
    for run in np.split(index, np.flatnonzero(np.diff(index) > 1) + 1):
        if len(run):
            yield int(run[0]), int(run[-1]) + 1


@lru_cache(maxsize=1024)
def _record(data: bytes) -> calibration.Record:
    """A record out of the registry; records never change, and reading one takes as long as a month of its values."""
    import calibration  # not above: raw answers need nothing of it, and would wait for it

    return calibration.Record.from_json(data)


def sensor_hours(
    store: Store,
    device: str,
    quantity: str,
    covariates: tuple[str, ...],
    grid: NDArray[np.int64],
    *,
    least: float | None = None,
) -> tuple[Hours, dict[str, Floats]]:
    """A device's raw hours, and the arrays that a calibration works on: raw and its covariates by name."""
    raw = read_hours(store, device, quantity, grid, least=least)
    inputs = {"raw": raw.value}
    for name in covariates:
        inputs[name] = read_hours(store, device, name, grid, least=least).value
    return raw, inputs


def calibrated(
    store: Store,
    registry: Registry,
    device: str,
    quantity: str,
    grid: NDArray[np.int64],
    *,
    as_of: int | None = None,
    least: float | None = None,
) -> CalibratedHours:
    """The calibrated hours of a grid, with the records that were assigned at the moment `as_of` (None: now).

    Where several assignments hold for an hour, the one that was made last counts.
    """
    from calibration import apply

    # Some hours more on both sides: models look at the hour before, and a corrected lag moves values by up to four.
    margin = np.arange(1, _MARGIN + 1) * HOUR
    wide = np.concatenate([grid[:1] - margin[::-1], grid, grid[-1:] + margin]) if len(grid) else grid
    inner = slice(_MARGIN, _MARGIN + len(grid))
    which = np.full(len(grid), -1)
    records: list[calibration.Record] = []
    ids: list[str] = []
    for assignment in registry.assignments(device, quantity, as_of=as_of):
        if assignment.record not in ids:
            ids.append(assignment.record)
            records.append(_record(registry.calibration(assignment.record)))
        starts = grid - HOUR >= assignment.start
        ends = True if assignment.until is None else grid <= assignment.until
        which[starts & ends] = ids.index(assignment.record)
    covariates = tuple(sorted({name for record in records for name in record.covariates}))
    raw_wide, inputs = sensor_hours(store, device, quantity, covariates, wide, least=least)
    raw = Hours(*(getattr(raw_wide, name)[inner] for name in ("t", "value", "coverage", "flag", "tests")))
    value, u, lower, upper = (np.full(len(grid), np.nan) for _ in range(4))
    flag, tests = np.full(len(grid), Flag.MISSING, np.uint8), raw.tests.copy()
    for i, record in enumerate(records):
        here = which == i
        if not here.any():
            continue
        found = apply(record, inputs, wide - grid[0] % HOUR)
        for target, source in ((value, found.value), (u, found.u), (lower, found.lower), (upper, found.upper)):
            target[here] = source[inner][here]
        outside = found.outside[inner][here]
        tests[here] |= np.where(outside, np.int32(Test.ENVELOPE), np.int32(0))
        judged = np.where(outside, np.maximum(raw.flag[here], Flag.SUSPECT), raw.flag[here])
        flag[here] = np.where(np.isnan(value[here]), Flag.MISSING, judged)
    which[np.isnan(value)] = -1
    record_of = np.array([*ids, None], object)[which]
    return CalibratedHours(raw, value, u, lower, upper, flag, tests, record_of.tolist())
