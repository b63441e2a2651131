# SPDX-License-Identifier: EUPL-1.2
"""Blocks: some days of one series as columns of one length, which every format writes as they are.

`read` gives those of a month, one after the other; `ahead` lets another thread read the next while this one writes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from collector.export.request import Request
from collector.export.scope import Span
from collector.moments import DAY, HOUR
from collector.registry import Registry
from collector.series import calibrated, hour_grid, read_hours
from collector.store.base import Store

_VALUES = 200_000  # of one block at most, more or less: it and its text must fit into memory several times

T = TypeVar("T")


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


def read(store: Store, registry: Registry, request: Request, span: Span, month: Month) -> Iterator[Block]:
    """A series' blocks of a month, in order of time; those without rows are left out."""
    after, until = max(span.after, month.start), min(span.until, month.end)
    step = max(1, int(_VALUES / max(span.per_day, 1))) * DAY
    for start in range(after, until, step):
        end = min(start + step, until)
        if request.every == "minute":
            block = _as_measured(store, span, start, end)
        elif request.level == "raw":
            block = _raw_hours(store, span, start, end)
        else:
            block = _calibrated_hours(store, registry, request, span, (start, end))
        if len(block):
            yield block


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


def ahead(items: Iterator[T], n: int = 2) -> Iterator[T]:
    """The same items, of which another thread makes up to `n` in advance; its errors come out here."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(n)
    stop = threading.Event()

    def put(item: tuple[bool, Any]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes the items
            put((False, error))

    thread = threading.Thread(target=make, name="export-reader", daemon=True)
    thread.start()
    try:
        while True:
            good, item = waiting.get()
            if good:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        stop.set()
        thread.join()
