# SPDX-License-Identifier: EUPL-1.2
"""Values against time, with their 90 % intervals as bands; what was not measured stays empty.

Every value is drawn from the begin to the end of its interval, so a mean is seen as the mean of its hour or day, and a
gap as long as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from collector.pictures.style import (
    BLACK,
    PALE,
    SERIES,
    Floats,
    Ints,
    View,
    day_words,
    days,
    frame,
    keys,
    number,
    plain,
    styled,
    time_axis,
)

PARTS_OF_A_DAY = ("lday", "leve", "lnight")  # between their windows lies time that nobody asked for
_BAND = 1.5  # of the highest value: what of a band lies higher is cut off
_FROM_ZERO = ("µg/m³", "mg/m³", "ppm", "%")


@dataclass(frozen=True)
class Line:
    """One series in order of time; arrays of one length. `official` is a station's."""

    name: str
    start: Ints  # s since 1970, UTC
    end: Ints
    value: Floats  # NaN where the interval does not count
    lower: Floats | None = None  # 90 % interval
    upper: Floats | None = None
    official: bool = False

    @property
    def known(self) -> Floats:
        """The values without those that are missing."""
        return self.value[np.isfinite(self.value)]


@styled
def draw(lines: Sequence[Line], view: View) -> Figure:
    """The picture of up to six series and any number of stations."""
    figure, axes = plain()
    draw_lines(axes, lines, view)
    frame(figure, view)
    return figure


def draw_lines(axes: Axes, lines: Sequence[Line], view: View) -> None:
    """Series with bands and empty stretches into axes; `draw` and the report of an evaluation use it."""
    if len(lines) == 1:
        empty = [(float(a), float(b - a)) for a, b in zip(*(days(x) for x in holes(lines[0], view)), strict=True)]
        if empty:
            axes.broken_barh(
                empty, (0, 1), transform=axes.get_xaxis_transform(), facecolor=PALE, linewidth=0, label="no value",
                zorder=0, gid="empty",
            )  # fmt: skip
    styles = iter(SERIES)
    for line in lines:
        colour, dashes = (BLACK, (0, (3, 1))) if line.official else next(styles)[:2]
        t, value = steps(line, line.value)
        band = ", with its 90 % interval" if line.lower is not None else ""
        axes.plot(
            days(t), value, color=colour, linestyle=dashes, linewidth=1.1 if line.official else 1.3,
            label=line.name + band, gid=f"series {line.name}",
        )  # fmt: skip
        if line.lower is not None and line.upper is not None:
            lower, upper = steps(line, line.lower)[1], steps(line, line.upper)[1]
            axes.fill_between(days(t), lower, upper, color=colour, alpha=0.22, linewidth=0, gid=f"interval {line.name}")
    time_axis(axes, view)
    axes.set_xlim(days(min(line.start[0] for line in lines)), days(max(line.end[-1] for line in lines)))  # type: ignore[arg-type]
    axes.set_ylabel(view.axis)
    keys(axes)
    lowest = min((float(np.nanmin(line.value)) for line in lines if len(line.known)), default=0.0)
    if view.in_unit in _FROM_ZERO and lowest >= 0:
        axes.set_ylim(bottom=0)
    highest = max((float(line.known.max()) for line in lines if len(line.known)), default=0.0)
    if highest > 0:  # a band that is wider than the values are high would make them flat
        axes.set_ylim(top=min(axes.get_ylim()[1], _BAND * highest))


def steps(line: Line, value: Floats) -> tuple[Ints, Floats]:
    """Times and values of a path that is level over each interval, and interrupted between intervals that do not touch.

    >>> line = Line("kit", np.array([0, 60, 180]), np.array([60, 120, 240]), np.array([1.0, 2.0, 3.0]))
    >>> [x.tolist() for x in steps(line, line.value)]
    [[0, 60, 60, 120, 120, 180, 240], [1.0, 1.0, 2.0, 2.0, nan, 3.0, 3.0]]
    """
    t = np.column_stack([line.start, line.end]).ravel()
    y = np.repeat(value, 2)
    apart = 2 * (np.flatnonzero(line.start[1:] > line.end[:-1]) + 1)
    return np.insert(t, apart, t[apart - 1]), np.insert(y, apart, np.nan)


def holes(line: Line, view: View) -> tuple[Ints, Ints]:
    """Begins and ends of the stretches without a value between the first and the last one.

    A pause that is shorter than an interval is none: the clocks of kits drift.
    """
    known = np.isfinite(line.value)
    start, end = line.start[known], line.end[known]
    if view.every in PARTS_OF_A_DAY:
        return start[:0], end[:0]
    long = start[1:] - end[:-1] >= np.minimum(end - start, np.inf)[1:]
    return end[:-1][long], start[1:][long]


def alt(lines: Sequence[Line], view: View) -> str:
    """What the picture shows, in words."""
    first, last = min(line.start[0] for line in lines), max(line.end[-1] for line in lines)
    period = f"from {day_words(first, view.zone)} to {day_words(last - 1, view.zone)}"
    text = f"Values of {view.axis} by the {view.length} against time, {period} ({view.zone})."
    return " ".join([text, *(_said(line, view) for line in lines), *view.notes])


def _said(line: Line, view: View) -> str:
    known = line.known
    if not len(known):
        return f"{line.name} has no values."
    top = int(np.nanargmax(line.value))
    text = (
        f"{line.name}: median {number(float(np.median(known)))}, from {number(float(known.min()))} to "
        f"{number(float(known.max()))} {view.in_unit}".rstrip()
        + f", which was on {day_words(line.end[top] - 1, view.zone)}"
    )
    if line.lower is not None and line.upper is not None:
        half = float(np.nanmedian(line.upper - line.lower)) / 2
        text += f"; a band shows the 90 % interval, mostly ± {number(half)}"
    n = len(holes(line, view)[0])
    return text + (f"; {n} gap{'s' if n > 1 else ''} without values." if n else ".")
