# SPDX-License-Identifier: EUPL-1.2
"""The columns of answers: a question and the values found for it become rows of named columns, one for each interval.

A test compares them with the tables of docs/reference. Called by whatever prints, exports or serves series.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.moments import HOUR
from collector.quantities import QUANTITIES
from collector.series import CalibratedHours, Hours, Longer, Windows
from collector.series.groups import mean
from collector.store.base import Store

Row = dict[str, Any]
Columns = dict[str, list[Any]]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """What one wants to know. `kind` is raw, calibrated, or any: calibrated where there is a calibration."""

    source: str  # device, station:ID, or a group
    quantity: str
    after: int
    until: int
    kind: str = "any"
    every: str = "hour"  # see collector.series.Every
    as_of: int | None = None
    zone: str | None = None  # of days and longer; None: that of the kit
    least: float | None = None  # share of an interval that must count; None: the quantity's own gate
    beside: bool = False  # with the nearest official station

    @property
    def whose(self) -> str:
        return f"{self.quantity} of {self.source}"


def as_measured(store: Store, question: Question) -> Iterator[Row]:
    """Rows of the values as they were measured."""
    found = store.read(question.source, question.quantity, question.after, question.until)
    columns = {"value": found.value.tolist(), "flag": found.flag.tolist(), "tests": found.tests.tolist()}
    return _rows(question, found.t - found.dt, found.t, columns)


def hour_rows(question: Question, hours: Hours | CalibratedHours) -> Iterator[Row]:
    """Rows of hours; calibrated ones with their uncertainty, the raw value and the record beside each."""
    if isinstance(hours, Hours):
        columns: Columns = {"value": numbers(hours.value), **_quality(hours.coverage, hours)}
        return _rows(question, hours.t - HOUR, hours.t, columns)
    raw = hours.raw
    columns = {
        "value": numbers(hours.value),
        "u": numbers(hours.u),
        "lower": numbers(hours.lower),
        "upper": numbers(hours.upper),
        **_quality(raw.coverage, hours),
        "raw": numbers(raw.value),
        "record": hours.record,
    }
    return _rows(question, raw.t - HOUR, raw.t, columns)


def longer_rows(question: Question, found: Longer) -> Iterator[Row]:
    """Rows of days and longer: `name` is the local date, month or year, `hours` how many of its hours count."""
    columns: Columns = {"name": found.windows.name, "value": numbers(found.value)}
    if found.u is not None and found.lower is not None and found.upper is not None:
        columns |= {"u": numbers(found.u), "lower": numbers(found.lower), "upper": numbers(found.upper)}
    quality = _quality(found.coverage, found)
    columns |= {"coverage": quality.pop("coverage"), "hours": found.n.tolist(), **quality}
    if found.raw is not None and found.record is not None:
        columns |= {"raw": numbers(found.raw), "record": list(found.record)}
    return _rows(question, found.windows.start, found.windows.end, columns)


def group_rows(question: Question, over: Windows, parts: list[Longer]) -> Iterator[Row]:
    """Rows of a group: `sensors` of its kits have a value, `spread` is the standard deviation between them."""
    found = mean(parts, question.quantity)
    columns: Columns = {"name": over.name, "value": numbers(found.value)}
    if found.u is not None:
        columns["u"] = numbers(found.u)
    columns |= {"spread": numbers(found.spread), "sensors": found.sensors.tolist(), "coverage": _shares(found.coverage)}
    return _rows(question, over.start, over.end, columns)


def _rows(question: Question, start: Ints, end: Ints, columns: Columns) -> Iterator[Row]:
    """A row for each interval: whose it is, and the columns in their order."""
    quantity = QUANTITIES.get(question.quantity)
    head = {
        "source": question.source,
        "quantity": question.quantity,
        "unit": quantity.unit if quantity else None,
    }
    names = ("start", "end", *columns)
    for values in zip(isos(start), isos(end), *columns.values(), strict=True):
        yield head | dict(zip(names, values, strict=True))


def _quality(coverage: Floats, judged: Hours | CalibratedHours | Longer) -> Columns:
    return {"coverage": _shares(coverage), "flag": judged.flag.tolist(), "tests": judged.tests.tolist()}


def _shares(x: Floats) -> list[float]:
    shares: list[float] = np.round(x, 4).tolist()
    return shares


def isos(t: Ints) -> list[str]:
    """Seconds since 1970 as ISO 8601 in UTC.

    >>> isos(np.array([1767261600]))
    ['2026-01-01T10:00:00Z']
    """
    texts: list[str] = np.datetime_as_string(np.asarray(t, np.int64).astype("datetime64[s]"), timezone="UTC").tolist()
    return texts


def numbers(x: Floats) -> list[float | None]:
    """Floats for JSON and CSV; None where they are missing."""
    return [None if value != value else value for value in x.tolist()]
