# SPDX-License-Identifier: EUPL-1.2
"""One series against another at the same times, with the line on which both would be equal.

Few pairs are dots, many are cells that are darker the more pairs they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from calibration.metrics import Regression, regression
from collector.pictures.style import (
    AREAS,
    BLACK,
    BLUE,
    GREY,
    WIDTH,
    Floats,
    View,
    frame,
    number,
    styled,
)

MOST_DOTS = 1500
MOST_BARS = 200
FEWEST = 2  # pairs


@dataclass(frozen=True)
class Pairs:
    """Pairs (n,) of which both are numbers; `lower` and `upper` bound the 90 % interval of y."""

    x_name: str
    y_name: str
    x: Floats
    y: Floats
    lower: Floats | None = None
    upper: Floats | None = None

    @property
    def bars(self) -> tuple[Floats, Floats] | None:
        """The bounds of the intervals, if there are few enough to be seen."""
        if self.lower is None or self.upper is None or len(self.x) > MOST_BARS:
            return None
        return self.lower, self.upper

    @property
    def line(self) -> Regression:
        """The regression of y on x, and how far y lies from x."""
        return regression(self.y, self.x)


@styled
def draw(panels: Sequence[Pairs], view: View) -> Figure:
    """The picture: a panel for each set of pairs, all with the same scale."""
    figure = Figure(figsize=(min(WIDTH, 4.3 * len(panels) + 0.8), 5.0 if len(panels) == 1 else 4.6))
    all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    low, high = _reach(panels)
    cells: list[PolyCollection] = []
    for axes, pairs in zip(all_axes, panels, strict=True):
        axes.plot([low, high], [low, high], color=BLACK, linewidth=1, linestyle="--", gid="identity")
        axes.annotate(
            "equal", (high, high), xytext=(-4, -4), textcoords="offset points", ha="right", va="top", rotation=45,
            rotation_mode="anchor", fontsize=8, color=GREY,
        )  # fmt: skip
        if (drawn := _draw_pairs(axes, pairs, (low, high))) is not None:
            cells.append(drawn)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        unit = f" [{view.in_unit}]" if view.in_unit else ""
        axes.set(xlabel=f"{pairs.x_name}: {view.quantity}{unit}", ylabel=f"{pairs.y_name}{unit}")
        # On the side of the line that has fewer pairs.
        (across, up), side = ((0.97, 0.03), "right") if pairs.line.mbe > 0 else ((0.03, 0.97), "left")
        axes.text(
            across, up, summary(pairs, view), transform=axes.transAxes, ha=side, va="bottom" if up < 0.5 else "top",
            fontsize=8.5, linespacing=1.35,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    if cells:
        _count_colours(figure, cells)
    frame(figure, view)
    return figure


def _draw_pairs(axes: Axes, pairs: Pairs, reach: tuple[float, float]) -> PolyCollection | None:
    """Dots, or cells if the pairs are many; returns the cells."""
    if len(pairs.x) > MOST_DOTS:
        return axes.hexbin(
            pairs.x, pairs.y, gridsize=45, mincnt=1, cmap=AREAS, linewidths=0.1, extent=(*reach, *reach), gid="pairs"
        )
    if (bars := pairs.bars) is not None:
        axes.vlines(pairs.x, *bars, color=BLUE, alpha=0.35, linewidth=1, gid="intervals")
    axes.plot(
        pairs.x, pairs.y, "o", color=BLUE, markersize=3.5, alpha=0.55, markeredgewidth=0, linestyle="none", gid="pairs"
    )
    return None


def _count_colours(figure: Figure, cells: Sequence[PolyCollection]) -> None:
    """One scale of colours for the cells of all panels."""
    most = max(float(one.get_array().max()) for one in cells)  # type: ignore[union-attr]
    scale = LogNorm(1, max(2.0, most))
    for one in cells:
        one.set_norm(scale)
    bar = figure.colorbar(
        cells[0], ax=figure.axes, location="bottom", shrink=0.5, aspect=35, label="pairs in a cell", format="%d"
    )
    bar.minorticks_off()


def _reach(panels: Sequence[Pairs]) -> tuple[float, float]:
    values = np.concatenate([x for pairs in panels for x in (pairs.x, pairs.y, *(pairs.bars or ()))])
    low, high = float(values.min()), float(values.max())
    low = 0.0 if 0 <= low < high / 2 else low
    margin = 0.04 * (high - low) or 1.0
    return (low if low == 0 else low - margin), high + margin


def summary(pairs: Pairs, view: View) -> str:
    """The measures that are written into a panel, one on a line."""
    found = pairs.line
    unit = f" {view.in_unit}".rstrip()
    rows = [f"{found.n} pairs, each of one {view.length}", f"rmse {number(found.rmse)}{unit}"]
    rows.append(f"bias {'+' if found.mbe > 0 else ''}{number(found.mbe)}{unit}")
    if pairs.lower is not None and pairs.upper is not None and pairs.bars is None:
        rows.append(f"90 % interval mostly ± {number(float(np.median(pairs.upper - pairs.lower)) / 2)}{unit}")
    if np.isfinite(found.r2):
        sign = "+" if found.intercept >= 0 else "−"
        rows.append(f"r² {found.r2:.2f}, y = {number(found.slope)} x {sign} {number(abs(found.intercept))}")
    return "\n".join(rows)


def alt(panels: Sequence[Pairs], view: View) -> str:
    """What the picture shows, in words."""
    said = [
        f"{pairs.y_name} against {pairs.x_name}: {summary(pairs, view).replace(chr(10), '; ')}." for pairs in panels
    ]
    return " ".join([f"Scatter of {view.axis} with the line of equality.", *said, *view.notes])
