# SPDX-License-Identifier: EUPL-1.2
"""A value for each day, as a calendar: weeks downwards, Monday first, the number in its square.

The colour grows darker with the value, the number can be read without it; a day without a value is empty.
"""

from __future__ import annotations

import calendar as months
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from collector.pictures.style import AREAS, GREY, PALE, WIDTH, Floats, View, frame, legible, number, styled

ACROSS = 3  # months in a row
MOST_MONTHS = 24
_WEEKDAYS = "Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"


@dataclass(frozen=True)
class Days:
    """Values of days (n,) in order of time, NaN where a day does not count."""

    name: str
    day: Sequence[date]
    value: Floats

    @property
    def by_day(self) -> dict[date, float]:
        """The days that count."""
        return {day: x for day, x in zip(self.day, self.value.tolist(), strict=True) if np.isfinite(x)}

    @property
    def months(self) -> list[tuple[int, int]]:
        """Every year and month from the first to the last day that counts."""
        known = list(self.by_day)
        first, last = (12 * one.year + one.month - 1 for one in (known[0], known[-1]))
        return [(n // 12, n % 12 + 1) for n in range(first, last + 1)]


@styled
def draw(data: Days, view: View) -> Figure:
    """The picture: a block for each month."""
    rows = -(-len(data.months) // ACROSS)
    figure = Figure(figsize=(WIDTH, 2.2 * rows + 0.9))
    panels = figure.subplots(rows, ACROSS, squeeze=False).ravel()
    values = data.by_day
    scale = Normalize(min(values.values()), max(values.values()))
    for axes, (year, month) in zip(panels, data.months, strict=False):
        _month(axes, year, month, values, scale)
    for axes in panels[len(data.months) :]:
        axes.set_axis_off()
    shades = figure.colorbar(ScalarMappable(scale, AREAS), ax=panels.tolist(), shrink=0.8, aspect=30, location="bottom")
    shades.set_label(f"{view.axis} by the {view.length} ({view.zone}); empty: no value")
    frame(figure, view)
    return figure


def _month(axes: Axes, year: int, month: int, values: dict[date, float], scale: Normalize) -> None:
    """One month; each day that counts is a square with its date in the corner and its value."""
    axes.set(xlim=(0, 7), ylim=(6, -0.6), aspect="equal")
    axes.set_axis_off()
    axes.set_title(f"{months.month_name[month]} {year}", fontsize=9, pad=3)
    for n, name in enumerate(_WEEKDAYS):
        axes.text(n + 0.5, -0.1, name, ha="center", fontsize=6, color=GREY)
    for week, row in enumerate(months.Calendar().monthdatescalendar(year, month)):
        for weekday, day in enumerate(row):
            if day.month != month:
                continue
            value = values.get(day)
            colour = None if value is None else AREAS(scale(value))
            name = f"{'empty' if value is None else 'day'} {day}"
            square = (weekday + 0.03, week + 0.03), 0.94, 0.94
            axes.add_patch(Rectangle(*square, facecolor=colour or "none", edgecolor=PALE, linewidth=0.6, gid=name))
            ink = legible(colour) if colour else GREY
            axes.text(weekday + 0.08, week + 0.3, str(day.day), fontsize=4.5, color=ink)
            if value is not None:
                axes.text(weekday + 0.5, week + 0.78, _short(value), ha="center", fontsize=6.5, color=ink)


def _short(value: float) -> str:
    """At most four letters.

    >>> _short(7.256), _short(52.37), _short(-0.04)
    ('7.3', '52', '0.0')
    """
    return f"{value:.0f}" if abs(value) >= 10 else f"{round(value, 1) + 0.0:.1f}".replace("-", "−")


def alt(data: Days, view: View) -> str:
    """What the picture shows, in words."""
    values = data.by_day
    top, low = max(values, key=lambda day: values[day]), min(values, key=lambda day: values[day])
    first, last = data.day[0], data.day[-1]
    said = (
        f"Calendar of {view.axis} of {data.name} by the {view.length} ({view.zone}), from {first} to {last}: "
        f"{len(values)} days have a value, the highest {number(values[top])} on {top}, the lowest "
        f"{number(values[low])} on {low}, the median {number(float(np.median(list(values.values()))))}."
    )
    return " ".join([said, *view.notes])
