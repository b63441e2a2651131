# SPDX-License-Identifier: EUPL-1.2
"""The pictures of one evaluated sensor, on the hours that no model learned from.

An `Evaluation` goes in; scatter, residuals, target diagram and series come out, each with its title and words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from matplotlib.figure import Figure

from calibration.evaluation import Aim, Evaluation
from calibration.features import RAW
from collector.moments import DAY, HOUR
from collector.pictures import residuals, scatter, series, target
from collector.pictures.residuals import Residuals
from collector.pictures.scatter import Pairs
from collector.pictures.series import Line
from collector.pictures.style import View, unit_words
from collector.pictures.target import Mark, Marks

CLOSE_UP = 14 * DAY


@dataclass(frozen=True)
class Picture:
    """A figure with its name, its title, and what it shows in words."""

    name: str
    title: str
    figure: Figure
    alt: str


def pictures(one: Evaluation, aim: Aim, unit: str = "") -> Iterator[Picture]:
    """The pictures of a sensor, one by one; `unit` is its name, where there are several."""
    of = f"{unit}: " if unit else ""
    view = View(aim.quantity, "hour", "UTC", unit=aim.unit)

    def titled(name: str, title: str, kind: ModuleType, data: object) -> Picture:
        seen = replace(view, title=of + title)
        return Picture(name, seen.title, kind.draw(data, seen), kind.alt(data, seen))

    model = one.record.model.name
    yield titled("scatter", "Sensor and reference, as measured and corrected", scatter, _panels(one, aim, model))
    yield titled("residuals", f"What is left of the error, corrected by {model}", residuals, _left(one))
    yield titled("target", "Every model beside no sensor at all", target, _marks(one))
    first, last = (int(t) for t in one.t[one.test][[0, -1]])
    yield titled("series", f"Corrected by {model}, with 90 % intervals", series, _lines(one, model, first, last))
    if last - first > 1.5 * CLOSE_UP:
        closer = _lines(one, model, first, first + CLOSE_UP)
        yield titled("fortnight", "The first fortnight of it", series, closer)


def _panels(one: Evaluation, aim: Aim, model: str) -> list[Pairs]:
    judged, found = one.test, one.found
    x = one.reference[judged]
    bounds = found.lower[judged], found.upper[judged]
    corrected = Pairs("reference", f"corrected by {model}", x, found.value[judged], *bounds)
    return [Pairs("reference", "as measured", x, one.raw[judged]), corrected] if aim.raw_comparable else [corrected]


def _left(one: Evaluation) -> Residuals:
    judged, units = one.test, one.record.lineage.units
    names = [name for name in ("humidity", "temperature") if name in one.sensor]
    # What else the model was given, if neither is known.
    names = names or [name for name in one.sensor if name != RAW][:2]
    beside = {
        f"{name} [{unit_words(units[name])}]" if units.get(name) else name: one.sensor[name][judged] for name in names
    }
    return Residuals(one.t[judged], (one.found.value - one.reference)[judged], beside)


def _marks(one: Evaluation) -> Marks:
    marks = [
        Mark(row.model, row.rmse, row.bias, row.slope, row.r2, chosen=row.chosen)
        for row in one.rows
        if row.rmse is not None and row.bias is not None and row.slope is not None and row.r2 is not None
    ]
    return Marks(marks, float(np.std(one.reference[one.test])))


def _lines(one: Evaluation, model: str, first: int, last: int) -> list[Line]:
    """Every hour of a time, with those that were not judged as something was missing."""
    here = (one.t >= first) & (one.t <= last)
    t, found = one.t[here], one.found
    value, lower, upper = (x[here] for x in (found.value, found.lower, found.upper))
    return [
        Line(f"corrected by {model}", t - HOUR, t, value, lower, upper),
        Line("reference", t - HOUR, t, one.reference[here], official=True),
    ]
