# SPDX-License-Identifier: EUPL-1.2
"""The columns of answers: a question and the values found for it become rows of named columns, one for each interval.

A test compares them with the tables of docs/reference. Called by whatever prints, exports or serves series.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.moments import HOUR, iso
from collector.quantities import QUANTITIES
from collector.series import CalibratedHours, Hours, Longer, Windows
from collector.series.groups import mean
from collector.store.base import Store

Row = dict[str, Any]


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
    for t, dt, value, flag, tests in zip(found.t, found.dt, found.value, found.flag, found.tests, strict=True):
        yield {
            **_head(question, int(t) - int(dt), int(t)),
            "value": float(value),
            "flag": int(flag),
            "tests": int(tests),
        }


def hour_rows(question: Question, hours: Hours | CalibratedHours) -> Iterator[Row]:
    """Rows of hours, raw or calibrated."""
    return calibrated_rows(question, hours) if isinstance(hours, CalibratedHours) else raw_rows(question, hours)


def raw_rows(question: Question, hours: Hours) -> Iterator[Row]:
    """Rows of raw hours."""
    for t, value, coverage, flag, tests in zip(
        hours.t, hours.value, hours.coverage, hours.flag, hours.tests, strict=True
    ):
        yield {
            **_head(question, int(t) - HOUR, int(t)),
            "value": number(value),
            "coverage": round(float(coverage), 4),
            "flag": int(flag),
            "tests": int(tests),
        }


def calibrated_rows(question: Question, found: CalibratedHours) -> Iterator[Row]:
    """Rows of calibrated hours, with the raw value beside each."""
    columns = (found.raw.t, found.raw.value, found.raw.coverage, found.value, found.u, found.lower, found.upper)
    flags = (found.flag, found.tests, found.record)
    for t, raw, coverage, value, u, lower, upper, flag, tests, record in zip(*columns, *flags, strict=True):
        yield {
            **_head(question, int(t) - HOUR, int(t)),
            "value": number(value),
            "u": number(u),
            "lower": number(lower),
            "upper": number(upper),
            "coverage": round(float(coverage), 4),
            "flag": int(flag),
            "tests": int(tests),
            "raw": number(raw),
            "record": record,
        }


def longer_rows(question: Question, found: Longer) -> Iterator[Row]:
    """Rows of days and longer: `name` is the local date, month or year, `hours` how many of its hours count."""
    for i, name in enumerate(found.windows.name):
        row = _head(question, int(found.windows.start[i]), int(found.windows.end[i]))
        row = {**row, "name": name, "value": number(found.value[i])}
        if found.u is not None and found.lower is not None and found.upper is not None:
            row |= {"u": number(found.u[i]), "lower": number(found.lower[i]), "upper": number(found.upper[i])}
        row |= {"coverage": round(float(found.coverage[i]), 4), "hours": int(found.n[i])}
        row |= {"flag": int(found.flag[i]), "tests": int(found.tests[i])}
        if found.raw is not None and found.record is not None:
            row |= {"raw": number(found.raw[i]), "record": found.record[i]}
        yield row


def group_rows(question: Question, over: Windows, parts: list[Longer]) -> Iterator[Row]:
    """Rows of a group: `sensors` of its kits have a value, `spread` is the standard deviation between them."""
    found = mean(parts, question.quantity)
    for i, name in enumerate(over.name):
        row = {**_head(question, int(over.start[i]), int(over.end[i])), "name": name, "value": number(found.value[i])}
        if found.u is not None:
            row["u"] = number(found.u[i])
        row |= {"spread": number(found.spread[i]), "sensors": int(found.sensors[i])}
        yield {**row, "coverage": round(float(found.coverage[i]), 4)}


def _head(question: Question, start: int, end: int) -> Row:
    quantity = QUANTITIES.get(question.quantity)
    return {
        "source": question.source,
        "quantity": question.quantity,
        "unit": quantity.unit if quantity else None,
        "start": iso(start),
        "end": iso(end),
    }


def number(value: float | np.float64 | NDArray[np.float64]) -> float | None:
    """A float for JSON and CSV; None where it is missing."""
    value = float(value)
    return None if math.isnan(value) else value
