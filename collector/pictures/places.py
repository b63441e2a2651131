# SPDX-License-Identifier: EUPL-1.2
"""A map of kits and stations with one value each, drawn from what we know alone: no tiles of anybody.

Kits stand in the middle of the cell of the grid that their host chose, never where they hang. A scale bar tells how far
things are; north is up. Places are laid flat around their middle, which is right to a percent within 100 km.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from collector.pictures.style import AREAS, BLACK, GREY, PALE, Floats, View, frame, keys, number, styled

METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere
_LEAST = 400.0  # metres that a map shows at least
_STEP = 0.07  # of them between kits of one cell
ENOUGH = 0.75  # share of a period below which a mark is hollow


@dataclass(frozen=True)
class Spot:
    """A kit at its public place, or a station; `half` is half of its 90 % interval."""

    name: str
    latitude: float
    longitude: float
    value: float
    half: float | None = None
    coverage: float = 1.0
    official: bool = False


@styled
def draw(spots: Sequence[Spot], view: View) -> Figure:
    """The picture."""
    figure = Figure(figsize=(7.0, 7.0))
    axes = figure.add_subplot()
    x, y = apart(*flat(spots))
    # What lies within the intervals is no difference that a colour should show.
    low, high = (pick(one.value + sign * (one.half or 0) for one in spots) for pick, sign in ((min, -1), (max, 1)))
    scale = Normalize(low, high if high > low else low + 1)
    for one, across, up in zip(spots, x.tolist(), y.tolist(), strict=True):
        colour = AREAS(scale(one.value))
        hollow = one.coverage < ENOUGH
        axes.plot(
            across, up, marker="s" if one.official else "o", markersize=12 if one.official else 11, linestyle="none",
            markerfacecolor="white" if hollow else colour, markeredgecolor=colour if hollow else BLACK,
            markeredgewidth=2.0 if hollow or one.official else 0.6, gid=f"place {one.name}",
        )  # fmt: skip
        words = number(one.value) + (f" ± {number(one.half)}" if one.half is not None else "")
        axes.annotate(
            f"{words}\n{one.name}", (across, up), xytext=(9, 0), textcoords="offset points", va="center", fontsize=7.5
        )
    _scale_bar(axes, x, y)
    figure.colorbar(
        ScalarMappable(scale, AREAS),
        ax=axes,
        location="bottom",
        shrink=0.6,
        aspect=30,
        label=f"{view.axis}, mean of the period",
    )
    signs = [("o", "kit, in its cell of the grid"), ("s", "official station")]
    for sign, words in signs:
        axes.plot([], [], sign, color=PALE, markeredgecolor=BLACK, label=words)
    axes.plot(
        [],
        [],
        "o",
        color="white",
        markeredgecolor=GREY,
        markeredgewidth=2,
        label=f"measured for < {100 * ENOUGH:.0f} % of it",
    )
    keys(axes)
    frame(figure, view)
    return figure


def flat(spots: Sequence[Spot]) -> tuple[Floats, Floats]:
    """Metres to the east and north of the middle of all places."""
    latitude, longitude = (np.array([getattr(one, name) for one in spots]) for name in ("latitude", "longitude"))
    middle = (latitude.min() + latitude.max()) / 2
    east = (longitude - (longitude.min() + longitude.max()) / 2) * np.cos(np.radians(middle))
    return east * METRES_PER_DEGREE, (latitude - middle) * METRES_PER_DEGREE


def apart(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Places of which several share a cell, one below the other so that each is seen."""
    y = y.copy()
    step = _STEP * max(float(np.ptp(x)), float(np.ptp(y)), _LEAST)
    _, cells = np.unique(np.round(np.column_stack([x, y]), 1), axis=0, return_inverse=True)
    for cell in range(int(cells.max()) + 1):
        here = np.flatnonzero(cells.ravel() == cell)
        y[here] -= step * (np.arange(len(here)) - (len(here) - 1) / 2)
    return x, y


def _scale_bar(axes: Axes, x: Floats, y: Floats) -> None:
    """A frame that holds all places, a bar of a round length, and where north is."""
    half = 0.62 * max(float(np.ptp(x)), float(np.ptp(y)), _LEAST)
    across, up = float(x.min() + x.max()) / 2, float(y.min() + y.max()) / 2
    axes.set(xlim=(across - half, across + half * 1.25), ylim=(up - half, up + half), aspect="equal")
    axes.set(xticks=[], yticks=[])
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    length = round_length(half / 2)
    left, bottom = across - 0.93 * half, up - 0.9 * half
    axes.plot([left, left + length], [bottom, bottom], color=BLACK, linewidth=3, solid_capstyle="butt", gid="scale")
    words = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(words, (left, bottom), xytext=(0, 4), textcoords="offset points", fontsize=8.5)
    axes.annotate("N ↑", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=11)


def round_length(most: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten metres that is not longer.

    >>> round_length(730), round_length(2300)
    (500.0, 2000.0)
    """
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(one * power for one in (1, 2, 5) if one * power <= most))


def alt(spots: Sequence[Spot], view: View) -> str:
    """What the picture shows, in words."""
    said = [f"Map of {view.axis}, mean of the period, at places on a grid."]
    for one in sorted(spots, key=lambda one: -one.value):
        kind = "station " if one.official else ""
        half = f" ± {number(one.half)}" if one.half is not None else ""
        said.append(f"{kind}{one.name}: {number(one.value)}{half} {view.in_unit}".strip() + ".")
    return " ".join([*said, *view.notes])
