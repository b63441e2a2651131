# SPDX-License-Identifier: EUPL-1.2
"""Answers of the engine as what pictures are drawn from: rows in, `Line` or `Pairs` out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collector.columns import Row
from collector.errors import NothingFound, UsageError
from collector.pictures.scatter import FEWEST, Pairs
from collector.pictures.series import Line
from collector.pictures.style import Floats, Ints

MOST_VALUES = 50_000  # of one line; more than that has a picture no dots for


def line_of(name: str, rows: Sequence[Row]) -> Line:
    """The series of an answer about a source; UsageError if it is too long to be seen."""
    if len(rows) > MOST_VALUES:
        raise UsageError(
            f"{name} has {len(rows)} values in that period: no picture has so many dots.",
            "Ask for longer intervals with --every, or for a shorter period.",
        )
    lower, upper = (_numbers(rows, key) if "lower" in rows[0] else None for key in ("lower", "upper"))
    official = name.startswith("station:")
    return Line(name, _moments(rows, "start"), _moments(rows, "end"), _numbers(rows, "value"), lower, upper, official)


def station_of(name: str, rows: Sequence[Row]) -> Line:
    """The station that the engine put beside the values of an answer."""
    values = _numbers(rows, "station")
    return Line(name, _moments(rows, "start"), _moments(rows, "end"), values, official=True)


def pairs_of(x: Line, y: Line) -> Pairs:
    """The intervals that two series share and at which both have a value; NothingFound if these are too few."""
    _, i, j = np.intersect1d(x.end, y.end, return_indices=True)
    both = np.isfinite(x.value[i]) & np.isfinite(y.value[j]) & (x.start[i] == y.start[j])
    i, j = i[both], j[both]
    if len(i) < FEWEST:
        raise NothingFound(
            f"{x.name} and {y.name} have {len(i)} intervals together at which both have a value.",
            "Take a longer period, or see with `citimeasure query` what there is.",
        )
    lower, upper = (None if bound is None else bound[j] for bound in (y.lower, y.upper))
    return Pairs(x.name, y.name, x.value[i], y.value[j], lower, upper)


def _numbers(rows: Sequence[Row], key: str) -> Floats:
    return np.array([row[key] for row in rows], np.float64)  # None becomes NaN


def _moments(rows: Sequence[Row], key: str) -> Ints:
    return np.array([row[key].rstrip("Z") for row in rows], "datetime64[s]").astype(np.int64)
