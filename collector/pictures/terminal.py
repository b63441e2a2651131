# SPDX-License-Identifier: EUPL-1.2
"""Pictures as text, for a terminal: fewer dots, the same values, words and gaps as on paper.

Series differ by their signs where there are no colours. Called by `citimeasure plot` without --out.
"""

from __future__ import annotations

import calendar as months
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import plotext

from collector.moments import DAY
from collector.pictures.calendar import Days
from collector.pictures.places import ENOUGH, Spot, apart, flat
from collector.pictures.scatter import Pairs, summary
from collector.pictures.series import Line
from collector.pictures.style import BLACK, SERIES, Floats, Ints, View, dates, number
from collector.pictures.week import WEEKDAYS, Week

_SIGNS = "braille", "*", "+", "x", "o", "#"
SIGNS_OF_PLACES = string.ascii_uppercase + string.ascii_lowercase


@dataclass(frozen=True)
class Screen:
    """How many letters a picture may be wide and high, and whether in colours."""

    width: int = 100
    height: int = 30
    colours: bool = False


def series(lines: Sequence[Line], view: View, screen: Screen) -> str:
    """Values against time; dots mark the bounds of 90 % intervals."""
    figure = _figure(view, screen)
    styles = iter(zip(SERIES, _SIGNS, strict=True))
    legend = []
    for line in lines:
        (colour, *_), sign = ((BLACK,), "=") if line.official else next(styles)
        middle = (line.start + line.end) / 2
        for bound in (line.lower, line.upper):
            if bound is not None:
                figure.draw(_signal(figure, middle, bound, "·", colour))
        for run in _runs(line):
            signal = _signal(figure, middle[run], line.value[run], sign, colour)
            figure.draw(signal.lines(True) if sign == "braille" else signal)
        shown = "⠒" if sign == "braille" else sign
        legend.append(f"{shown} {line.name}" + (" (·: its 90 % interval)" if line.lower is not None else ""))
    first, last = min(int(line.start[0]) for line in lines), max(int(line.end[-1]) for line in lines)
    _time_axis(figure, first, last, view)
    return _text(figure, screen, ["   ".join(legend), *view.notes])


def scatter(panels: Sequence[Pairs], view: View, screen: Screen) -> str:
    """One series against another, and the line of equality in dots."""
    texts = []
    for pairs in panels:
        figure = _figure(view, screen)
        both = np.concatenate([pairs.x, pairs.y])
        equal = np.linspace(both.min(), both.max(), screen.width)
        figure.draw(_signal(figure, equal, equal, "·", BLACK))
        figure.draw(_signal(figure, pairs.x, pairs.y, "braille", SERIES[0][0]))
        figure.label(f"{pairs.x_name} [{view.in_unit}]", "x")
        words = [f"up: {pairs.y_name}   · equal", *summary(pairs, view).splitlines()]
        texts.append(_text(figure, screen, [*words, *view.notes]))
    return "\n".join(texts)


def calendar(data: Days, view: View, screen: Screen) -> str:
    """A value for each day, as months of numbers."""
    values = data.by_day
    lines = [f"{view.title} [{view.in_unit}]".center(screen.width).rstrip()]
    for year, month in data.months:
        lines += ["", f"{months.month_name[month]} {year}", "".join(f"{name[:2]:>6}" for name in WEEKDAYS)]
        for week in months.Calendar().monthdatescalendar(year, month):
            cells = [_cell(values.get(day)) if day.month == month else "" for day in week]
            lines.append("".join(f"{cell:>6}" for cell in cells).rstrip())
    said = f"each value is of one {view.length} ({view.zone}); -: no value"
    return "\n".join([*lines, "", said, *view.notes])


def week(data: Week, view: View, screen: Screen) -> str:
    """The mean of each hour of each weekday, as numbers."""
    hours = "".join(f"{n:>4}" for n in range(1, 25))
    lines = [f"{view.title} [{view.in_unit}]".center(screen.width).rstrip(), f"   {hours}"]
    for name, row in zip(WEEKDAYS, data.means(view.quantity), strict=True):
        cells = [None if np.isnan(x) else x for x in row.tolist()]
        lines.append(f"{name[:2]:<3}" + "".join(f"{_cell(x, 3):>4}" for x in cells))
    return "\n".join(
        [*lines, f"hour of the day, named by its end ({view.zone}); -: fewer than three values", *view.notes]
    )


def _cell(value: float | None, letters: int = 5) -> str:
    if value is None:
        return "-"
    text = f"{value:.1f}"
    return text if len(text) <= letters else f"{value:.0f}"


def places(spots: Sequence[Spot], view: View, screen: Screen) -> str:
    """Kits and stations as letters where they are, and their values in a list below."""
    figure = _figure(view, screen)
    x, y = apart(*flat(spots))
    signs = [SIGNS_OF_PLACES[n % len(SIGNS_OF_PLACES)] for n in range(len(spots))]
    for sign, across, up in zip(signs, x.tolist(), y.tolist(), strict=True):
        figure.draw(_signal(figure, np.array([across]), np.array([up]), sign, BLACK))
    figure.label("metres to the east; north is up", "x")
    rows = [
        f"{sign} {one.name}{', station' if one.official else ''}: {number(one.value)}"
        + (f" ± {number(one.half)}" if one.half is not None else "")
        + ("" if one.coverage >= ENOUGH else f", measured for {100 * one.coverage:.0f} % of the period")
        for sign, one in zip(signs, spots, strict=True)
    ]
    return _text(figure, screen, [*rows, *view.notes])


def _figure(view: View, screen: Screen) -> Any:
    """plotext knows one figure; it is emptied for each picture."""
    plotext.terminal.limit(False, False)
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(screen.width, screen.height)
    figure.title(f"{view.title} [{view.in_unit}]" if view.in_unit else view.title)
    figure.legend(False)
    return figure


def _signal(figure: Any, x: Floats, y: Floats, sign: str, colour: str) -> Any:
    known = np.isfinite(y)
    rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
    pixel = plotext.pixel() if colour == BLACK else plotext.pixel(foreground=rgb)  # black is whatever is legible
    return figure.signal(x[known].tolist(), y[known].tolist(), marker=plotext.marker(sign, pixel))


def _runs(line: Line) -> Iterator[Ints]:
    """Indices of values that follow one another without a gap."""
    known = np.flatnonzero(np.isfinite(line.value))
    length = line.end - line.start
    apart = line.start[known[1:]] - line.end[known[:-1]] >= length[known[1:]]
    for run in np.split(known, np.flatnonzero(apart) + 1):
        if len(run):
            yield run


def _time_axis(figure: Any, first: int, last: int, view: View) -> None:
    locator, formatter = dates(view, 3, 7)
    found = locator.tick_values(*(datetime.fromtimestamp(t, UTC) for t in (first, last)))
    ticks = [one for one in found if first <= one * DAY <= last]
    names = formatter.format_ticks(ticks)
    figure.ruler("x", "lower").ticks([one * DAY for one in ticks], [name.strip() for name in names])
    where = f"{formatter.get_offset()} {view.zone}".strip()
    figure.label(f"time ({where}); each value is of one {view.length}, labelled with its end", "x")


def _text(figure: Any, screen: Screen, below: Sequence[str]) -> str:
    text: str = figure.build().string(colorless=not screen.colours)
    return "\n".join([*(line.rstrip() for line in text.splitlines()), *below])
