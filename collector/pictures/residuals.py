# SPDX-License-Identifier: EUPL-1.2
"""How far values lie from the reference, against what may be the cause: humidity, time, or whatever else was measured.

A cloud that bends or leans tells that a model does not know something. The line in it is the median of each twelfth of
the dots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from collector.pictures.style import (
    BLACK,
    BLUE,
    VERMILLION,
    WIDTH,
    Floats,
    Ints,
    View,
    days,
    frame,
    keys,
    number,
    styled,
    time_axis,
)

PARTS = 12
LEAST = 5  # dots of a part
MOST_SHAPES = 1000  # dots that are shapes of their own in an SVG; more of them are an image in it
_MOST = 0.99  # of the hours


@dataclass(frozen=True)
class Residuals:
    """Value minus reference (n,) at the ends of hours, and what else was measured; NaN where something is missing."""

    t: Ints  # s since 1970
    residual: Floats
    beside: dict[str, Floats]  # by the name for an axis, as `humidity [%]`


@styled
def draw(data: Residuals, view: View) -> Figure:
    """The picture: a panel for each thing that was measured beside, and one for the time."""
    names = list(data.beside)
    figure = Figure(figsize=(WIDTH, 2.6 * (len(names) + 1) + 0.5))
    panels = figure.subplots(len(names) + 1, 1, sharey=True, squeeze=False)[:, 0]
    for axes, name in zip(panels[:-1], names, strict=True):
        _cloud(axes, data.beside[name], data.residual)
        axes.set_xlabel(name)
    _cloud(panels[-1], days(data.t), data.residual)
    time_axis(panels[-1], view)
    reach = _reach(data.residual)
    beyond = int((np.abs(data.residual) > reach).sum())
    if beyond:
        said = f"{beyond} hour{'s lie' if beyond > 1 else ' lies'} beyond the frame, up to"
        panels[-1].set_title(f"{said} {number(_largest(data.residual))} {view.in_unit}".rstrip(), fontsize=8)
    for axes in panels:
        axes.set_ylim(-reach, reach)
        axes.axhline(0, color=BLACK, linewidth=1, linestyle="--")
        axes.set_ylabel(f"error [{view.in_unit}]" if view.in_unit else "error")
    keys(panels[0])
    frame(figure, view)
    return figure


def _reach(residual: Floats) -> float:
    """What the frame holds: all but a few hours that would press the others flat."""
    size = np.abs(residual[np.isfinite(residual)])
    return float(min(1.05 * size.max(), 2 * np.quantile(size, _MOST))) or 1.0


def _largest(residual: Floats) -> float:
    return float(residual[np.nanargmax(np.abs(residual))])


def _cloud(axes: Axes, x: Floats, y: Floats) -> None:
    axes.plot(
        x, y, "o", color=BLUE, markersize=2.5, alpha=0.4, markeredgewidth=0, linestyle="none", label="an hour",
        rasterized=len(x) > MOST_SHAPES,
    )  # fmt: skip
    axes.plot(*middles(x, y), "s-", color=VERMILLION, markersize=4, label="median of a twelfth of the hours")


def middles(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Medians of y in parts of equally many dots along x, and the medians of x there."""
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    order = known[np.argsort(x[known], kind="stable")]
    parts = [part for part in np.array_split(order, PARTS) if len(part) >= LEAST]
    return np.array([np.median(x[part]) for part in parts]), np.array([np.median(y[part]) for part in parts])


def alt(data: Residuals, view: View) -> str:
    """What the picture shows, in words."""
    said = ["Error of each hour, value minus reference, against time and what else was measured."]
    for name, x in [*data.beside.items(), ("time", days(data.t))]:
        y = middles(x, data.residual)[1]
        if len(y) > 1:
            ends = f"{number(float(y[0]))} at its low end to {number(float(y[-1]))} at its high end"
            said.append(f"Along {name} the median error goes from {ends}, at most {number(float(np.abs(y).max()))}.")
    said.append(f"The largest error is {number(_largest(data.residual))}.")
    return " ".join([*said, f"In {view.in_unit}." if view.in_unit else "", *view.notes]).replace("  ", " ")
