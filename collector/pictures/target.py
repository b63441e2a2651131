# SPDX-License-Identifier: EUPL-1.2
"""The target diagram: bias upwards, scatter sideways, both in standard deviations of the reference.

The distance from the middle is the root mean square error; on the circle a model is as good as no sensor at all, which
would give the mean. Right of the middle values vary more than the reference, left of it less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.patches import Circle

from collector.pictures.style import BLACK, GREY, PALE, SERIES, View, frame, number, plain, styled

_MOST = 3.0  # standard deviations; what lies beyond stands at the edge


@dataclass(frozen=True)
class Mark:
    """One model: measures of value minus reference in its unit, and of the regression of value on reference."""

    name: str
    rmse: float
    bias: float
    slope: float
    r2: float
    chosen: bool = False

    def place(self, deviation: float) -> tuple[float, float]:
        """Across and up, of a reference with that standard deviation.

        Notes
        -----
        x = sign(s_value - s_reference) sqrt(rmse^2 - bias^2) / s_reference, y = bias / s_reference, where
        s_value / s_reference = |slope| / r.

        References
        ----------
        Jolliff et al. (2009), Summary diagrams for coupled hydrodynamic-ecosystem model skill assessment, J. Marine
        Systems 76, 64-82, doi:10.1016/j.jmarsys.2008.05.014.
        """
        across = math.sqrt(max(0.0, self.rmse**2 - self.bias**2)) / deviation
        wider = abs(self.slope) >= math.sqrt(self.r2)
        return (across if wider else -across), self.bias / deviation


@dataclass(frozen=True)
class Marks:
    """Models of one sensor, and the standard deviation of the reference over the same hours."""

    marks: Sequence[Mark]
    deviation: float


@styled
def draw(data: Marks, view: View) -> Figure:
    """The picture."""
    figure, axes = plain(height=5.2, width=7.0)
    axes.add_patch(Circle((0, 0), 1, facecolor=PALE, edgecolor=BLACK, linewidth=1, zorder=0, gid="no sensor"))
    axes.add_patch(Circle((0, 0), 0.5, facecolor="white", edgecolor=GREY, linewidth=0.8, linestyle=":", zorder=0))
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    places = [one.place(data.deviation) for one in data.marks]
    reach = min(_MOST, max(1.15, *(1.1 * max(abs(x), abs(y)) for x, y in places)))
    signs = "os^DvP*X<>dhp"
    for n, (one, (x, y)) in enumerate(zip(data.marks, places, strict=True)):
        away = max(1.0, abs(x) / (0.97 * reach), abs(y) / (0.97 * reach))  # beyond the edge: on it, and said so
        axes.plot(
            x / away, y / away, marker=signs[n % len(signs)], color=SERIES[n % len(SERIES)][0], linestyle="none",
            markersize=11 if one.chosen else 7, markeredgecolor=BLACK, markeredgewidth=1.6 if one.chosen else 0.4,
            label=one.name + (" (chosen)" if one.chosen else "") + (" (farther out)" if away > 1 else ""),
            gid=f"model {one.name}",
        )  # fmt: skip
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    axes.set_xlabel("scatter [standard deviations of the reference]\n← varies less      varies more →")
    axes.set_ylabel("bias [standard deviations of the reference]")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    axes.annotate("as good as no sensor", (0, -1), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8)
    frame(figure, view)
    return figure


def alt(data: Marks, view: View) -> str:
    """What the picture shows, in words."""
    said = []
    for one in sorted(data.marks, key=lambda one: one.rmse):
        away = one.rmse / data.deviation
        side = "within" if away < 1 else "outside of"
        said.append(f"{one.name}{', the chosen one,' if one.chosen else ''} at {number(away)}, {side} the circle.")
    head = "Target diagram. The distance from the middle is the error in standard deviations of the reference, "
    return " ".join([f"{head}1 is the circle of no sensor at all.", *said, *view.notes])
