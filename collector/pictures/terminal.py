# SPDX-License-Identifier: EUPL-1.2
"""Pictures as text, for a terminal: fewer dots, the same values, words and gaps as on paper.

Series differ by their signs where there are no colours. Called by `citimeasure plot` without --out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import plotext

from collector.moments import DAY
from collector.pictures.scatter import Pairs, summary
from collector.pictures.series import Line
from collector.pictures.style import BLACK, SERIES, Floats, Ints, View, dates

_SIGNS = "braille", "*", "+", "x", "o", "#"


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
        legend.append(
            f"{'⠒' if sign == 'braille' else sign} {line.name}" + (" · 90 %" if line.lower is not None else "")
        )
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
