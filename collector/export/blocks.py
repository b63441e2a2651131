# SPDX-License-Identifier: EUPL-1.2
"""Blocks: some days of one series as columns of one length, which every format writes as they are.

`months` and `pieces` say which there are, `read` makes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.export.request import Request
from collector.export.scope import Span
from collector.moments import DAY, HOUR
from collector.registry import Registry
from collector.series import calibrated, hour_grid, read_hours
from collector.store.base import Store

_VALUES = 200_000  # of one block at most, more or less: it and its text must fit into memory several times


@dataclass(frozen=True)
class Block:
    """Rows of one series. Times are seconds since 1970, a missing number is NaN, `record` counts in `records`."""

    span: Span
    columns: dict[str, NDArray[Any]]
    records: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["end"])


class Month(NamedTuple):
    """A calendar month in UTC; an interval belongs to the month in which it ends, after `start`, not after `end`."""

    name: str
    start: int
    end: int


def months(spans: tuple[Span, ...]) -> list[Month]:
    """The months that any of the spans touches."""
    found = []
    for number in range(_month(min(span.after for span in spans)), _month(max(span.until for span in spans) - 1) + 1):
        month = Month(f"{number // 12:04}-{number % 12 + 1:02}", _begin(number), _begin(number + 1))
        if any(span.after < month.end and span.until > month.start for span in spans):
            found.append(month)
    return found


def _month(t: int) -> int:
    moment = datetime.fromtimestamp(t, UTC)
    return moment.year * 12 + moment.month - 1


def _begin(number: int) -> int:
    return int(datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC).timestamp())


def pieces(span: Span, month: Month) -> Iterator[tuple[int, int]]:
    """A series' part of a month in pieces that fit into memory, in order of time."""
    after, until = max(span.after, month.start), min(span.until, month.end)
    step = max(1, int(_VALUES / max(span.per_day, 1))) * DAY
    for start in range(after, until, step):
        yield start, min(start + step, until)


def read(store: Store, registry: Registry, request: Request, span: Span, piece: tuple[int, int]) -> Block:
    """The rows of a piece, maybe none."""
    if request.every == "minute":
        return _as_measured(store, span, *piece)
    if request.level == "raw":
        return _raw_hours(store, span, *piece)
    return _calibrated_hours(store, registry, request, span, piece)


def _as_measured(store: Store, span: Span, after: int, until: int) -> Block:
    found = store.read(span.source, span.quantity, after, until)
    columns = {"start": found.t - found.dt, "end": found.t, "tests": found.tests, "raw": found.value}
    return Block(span, {**columns, "raw_flag": found.flag})


def _raw_hours(store: Store, span: Span, after: int, until: int) -> Block:
    found = read_hours(store, span.source, span.quantity, hour_grid(after, until))
    use = found.coverage > 0
    columns: dict[str, NDArray[Any]] = {
        "start": found.t - HOUR,
        "end": found.t,
        "coverage": np.round(found.coverage, 4),
        "tests": found.tests,
        "raw": found.value,
        "raw_flag": found.flag,
    }
    return Block(span, {name: column[use] for name, column in columns.items()})


def _calibrated_hours(store: Store, registry: Registry, request: Request, span: Span, period: tuple[int, int]) -> Block:
    grid = hour_grid(*period)
    found = calibrated(store, registry, span.source, span.quantity, grid, as_of=request.as_of)
    use = found.raw.coverage > 0 if request.level == "both" else ~np.isnan(found.value)
    ids = tuple(sorted({id_ for id_ in found.record if id_ is not None}))
    number = {id_: n for n, id_ in enumerate(ids)}
    columns: dict[str, NDArray[Any]] = {
        "start": grid - HOUR,
        "end": grid,
        "value": found.value,
        "u": found.u,
        "lower": found.lower,
        "upper": found.upper,
        "coverage": np.round(found.raw.coverage, 4),
        "flag": found.flag,
        "tests": found.tests,
        "raw": found.raw.value,
        "raw_flag": found.raw.flag,
        "record": np.array([-1 if id_ is None else number[id_] for id_ in found.record], np.int32),
    }
    return Block(span, {name: column[use] for name, column in columns.items()}, ids)
