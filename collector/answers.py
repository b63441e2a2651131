# SPDX-License-Identifier: EUPL-1.2
"""Answers: a question about one source and quantity, as rows with named columns.

`citimeasure query` prints them and the export writes them, so both say the same, column by column.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.errors import NothingFound
from collector.moments import HOUR, iso
from collector.quantities import QUANTITIES
from collector.registry import Registry
from collector.series import CalibratedHours, Hours, calibrated, hour_grid, read_hours
from collector.store.base import Store

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What one wants to know. `kind` is raw, calibrated, or any: calibrated where there is a calibration."""

    source: str
    quantity: str
    after: int
    until: int
    kind: str = "any"
    every: str = "hour"
    as_of: int | None = None


@dataclass(frozen=True)
class Answer:
    """Rows of the same columns, with notes for people."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    hint: str = ""


def ask(store: Store, registry: Registry, question: Question) -> Answer:
    """Answers a question; NothingFound if calibrated values are wanted where there is no calibration."""
    notes = _notes(registry, question)
    period = covered(store, question)
    if period is None:
        sources = sorted({one.source for one in store.series()})
        known = ", ".join(sources[:8]) + (", ..." if len(sources) > 8 else "")
        hint = f"There is data of {known}." if known else "Nothing is stored yet; is `citimeasure run` going?"
        return Answer([], notes, hint)
    if question.every == "minute":
        return Answer(list(as_measured(store, question)), notes)
    grid = hour_grid(*period)
    assigned = registry.assignments(question.source, question.quantity, as_of=question.as_of)
    if question.kind == "calibrated" and not assigned:
        moment = " at that moment" if question.as_of else ""
        raise NothingFound(
            f"The {question.quantity} of {question.source} had no calibration{moment}.",
            "Ask for --raw, or fit one with `citimeasure calibrate fit`.",
        )
    if question.kind == "raw" or not assigned:
        hours = read_hours(store, question.source, question.quantity, grid)
        return Answer([row for row in raw_rows(question, hours) if row["coverage"] > 0], notes)
    found = calibrated(store, registry, question.source, question.quantity, grid, as_of=question.as_of)
    return Answer([row for row in calibrated_rows(question, found) if row["coverage"] > 0], notes)


def covered(store: Store, question: Question) -> tuple[int, int] | None:
    """The part of the question's period for which there can be values, in whole hours."""
    for one in store.series(question.source):
        if one.quantity == question.quantity:
            after = max(question.after, (one.first - 1) // HOUR * HOUR)
            until = min(question.until, -(-one.last // HOUR) * HOUR)
            return (after, until) if after < until else None
    return None


def _notes(registry: Registry, question: Question) -> list[str]:
    if question.source.startswith("station:"):
        return []
    simulated = any(one.simulated for one in registry.devices() if one.id == question.source)
    return [f"SIMULATED: {question.source} is no real kit."] if simulated else []


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
