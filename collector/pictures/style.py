# SPDX-License-Identifier: EUPL-1.2
"""What all pictures look like: colours, lines, letters, and how quantities, units and times are written on axes.

Colours are those of Okabe and Ito (2008), Color Universal Design, which people with a colour vision deficiency tell
apart; no two series differ by colour alone, so pictures can be read in grey. Areas are coloured with cividis (Nuñez,
Anderton and Renslow 2018, doi:10.1371/journal.pone.0199239), which grows evenly in lightness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from textwrap import fill, shorten
from typing import ParamSpec, TypeVar
from warnings import catch_warnings, filterwarnings

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import NDArray

from collector.moments import DAY
from collector.quantities import QUANTITIES
from collector.series.windows import zone_of

P = ParamSpec("P")
R = TypeVar("R")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
BLACK, GREY, PALE = "#000000", "#666666", "#EDEDED"
AREAS = colormaps["cividis_r"]  # darker is more, as on paper
# Colour, dashes and marker of each series in turn: any two differ in print without colours, too.
SERIES = (
    (BLUE, "-", "o"),
    (VERMILLION, (0, (5, 1.5)), "s"),
    (GREEN, (0, (1.2, 1.2)), "^"),
    (PURPLE, (0, (6, 1.5, 1.2, 1.5)), "D"),
    (ORANGE, (0, (9, 2)), "v"),
    (SKY, (0, (3, 1, 1, 1, 1, 1)), "P"),
)
WIDTH = 8.0  # inches; the width of a page of A4 between its margins is 6.5
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelsize": 9.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.5,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.solid_capstyle": "round",
    "savefig.dpi": 150,
    "svg.fonttype": "none",  # text stays text: it can be searched, read aloud and copied
    "text.parse_math": False,  # a name with a $ in it is a name
    "svg.hashsalt": "citimeasure",  # names inside of a file do not change from one run to the next
}
# From years down to seconds: what stands at a tick, at a tick that begins something longer, and at the end of the axis.
_DATES = {
    "formats": ["%Y", "%b", "%-d %b", "%H:%M", "%H:%M", "%H:%M:%S"],
    "zero_formats": ["", "%Y", "%-d %b", "%-d %b", "%H:%M", "%H:%M"],
    "offset_formats": ["", "%Y", "%Y", "%-d %B %Y", "%-d %B %Y", "%-d %B %Y"],
}
_UNITS = {"ug/m3": "µg/m³", "mg/m3": "mg/m³", "Cel": "°C"}
_LENGTHS = {"minute": "interval", "max8h": "day", "lday": "day's 07 to 19 h", "leve": "evening, 19 to 23 h"} | {
    "lnight": "night, 23 to 07 h",
    "lden": "day from 07 to 07 h",
}


@dataclass(frozen=True)
class View:
    """What a picture is about, whatever its kind. `notes` stand in small letters beneath it."""

    quantity: str
    every: str  # see collector.series.Every
    zone: str  # of its clock
    unit: str | None = None  # None: that of the glossary
    title: str = ""
    notes: tuple[str, ...] = ()

    @property
    def in_unit(self) -> str:
        """The unit as people write it; empty where there is none."""
        known = QUANTITIES.get(self.quantity)
        return unit_words((known.unit if known else "") if self.unit is None else self.unit)

    @property
    def axis(self) -> str:
        """The quantity with its unit, for an axis."""
        return f"{self.quantity} [{self.in_unit}]" if self.in_unit else self.quantity

    @property
    def length(self) -> str:
        """What one value is of: an hour, a night."""
        return _LENGTHS.get(self.every, self.every)


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function draw or save in our style, whatever the settings of matplotlib around it.

    A letter that the font has not is a box in a PNG and itself in an SVG; nobody needs to be warned of that.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(STYLE), catch_warnings():  # type: ignore[arg-type]
            filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
            return function(*args, **kwargs)

    return call


def unit_words(unit: str) -> str:
    """A unit of the glossary as people write it.

    >>> unit_words("ug/m3"), unit_words("dB"), unit_words("1")
    ('µg/m³', 'dB', '')
    """
    return "" if unit == "1" else _UNITS.get(unit, unit)


def number(value: float) -> str:
    """A value as people read it: three digits that mean something.

    >>> number(1234.5), number(12.345), number(-0.0123), number(0.0)
    ('1234', '12.3', '−0.0123', '0')
    """
    digits = max(0, 2 - int(np.floor(np.log10(abs(value))))) if value else 0
    return f"{value:.{digits}f}".replace("-", "−")


def day_words(t: float, zone: str) -> str:
    """A moment as a day of a zone, as 3 January 2026."""
    moment = datetime.fromtimestamp(t, UTC).astimezone(zone_of(zone))
    return f"{moment.day} {moment:%B %Y}"


def legible(colour: tuple[float, ...]) -> str:
    """Black or white, whichever can be read on a colour of red, green and blue (relative luminance, WCAG 2.2)."""
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return BLACK if luminance > 0.179 else "#FFFFFF"


def plain(height: float = 4.2, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, in inches."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def days(t: Floats | Ints) -> Floats:
    """Seconds since 1970 as matplotlib counts time: in days."""
    return np.asarray(t, np.float64) / DAY


def dates(view: View, fewest: int, most: int) -> tuple[AutoDateLocator, ConciseDateFormatter]:
    """Where dates stand on an axis of the view's clock, and how they are written."""
    zone = zone_of(view.zone)
    locator = AutoDateLocator(tz=zone, minticks=fewest, maxticks=most)
    return locator, ConciseDateFormatter(locator, tz=zone, **_DATES)


def keys(axes: Axes) -> None:
    """What lines and marks mean, above the axes, in as many columns as have room there."""
    handles, labels = axes.get_legend_handles_labels()
    room = int(12 * WIDTH)  # letters
    labels = [shorten(label, room, placeholder="...") for label in labels]
    if labels:
        columns = max(1, room // (max(map(len, labels)) + 6))
        axes.legend(
            handles, labels, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, borderpad=0, ncols=columns
        )


def time_axis(axes: Axes, view: View) -> None:
    """Dates along the bottom, in the clock of the view, and that values end where they are labelled."""
    locator, formatter = dates(view, 4, 9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlabel(f"time ({view.zone}); each value fills its {view.length}, and is labelled with its end")


def frame(figure: Figure, view: View) -> None:
    """The title above, and the small print beneath."""
    title = fill(view.title, int(10 * figure.get_figwidth()))  # ten bold letters take about an inch
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    if view.notes:
        notes = fill("  ".join(view.notes), int(15 * figure.get_figwidth()))
        figure.supxlabel(notes, fontsize=8, color=GREY, x=0.01, ha="left")
