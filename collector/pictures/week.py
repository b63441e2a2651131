# SPDX-License-Identifier: EUPL-1.2
"""The week of a street: the mean of each hour of each weekday, on the clock of the place.

Above a square for each hour of the week, below the day as a line: working days and weekends, each with the middle half
of its hours as a band. The band shows how days differ; the uncertainty of an hour is in the small print.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from matplotlib.figure import Figure

from collector.moments import HOUR
from collector.pictures.series import Line
from collector.pictures.style import AREAS, PALE, SERIES, WIDTH, Floats, Ints, View, frame, number, styled
from collector.series.averaging import average, rule_of
from collector.series.windows import zone_of

WEEKDAYS = "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
LEAST = 3  # hours behind a square


@dataclass(frozen=True)
class Week:
    """Hourly values that count (n,), and where in the local week each one lies."""

    name: str
    value: Floats
    weekday: Ints  # 0 is Monday
    hour: Ints  # in which it begins, 0 to 23

    @classmethod
    def of(cls, line: Line, zone: str) -> Week:
        """The hours of a series, by the clock of a zone; an hour belongs where its middle lies."""
        known = np.isfinite(line.value)
        clock = zone_of(zone)
        local = [datetime.fromtimestamp(t - HOUR // 2, UTC).astimezone(clock) for t in line.end[known].tolist()]
        weekday, hour = (np.array(x, np.int64) for x in ([t.weekday() for t in local], [t.hour for t in local]))
        return cls(line.name, line.value[known], weekday, hour)

    def means(self, quantity: str) -> Floats:
        """The mean of each hour of each weekday (7, 24), by the quantity's rule; NaN of fewer than three hours."""
        at = 24 * self.weekday + self.hour
        found = average(rule_of(quantity), self.value, at, 168)
        return np.where(np.bincount(at, minlength=168) >= LEAST, found, np.nan).reshape(7, 24)

    def profiles(self, quantity: str) -> Iterator[tuple[str, Floats, Floats, Floats]]:
        """Name, means, lower and upper quartiles by the hour (24,), of working days and weekends if there are both."""
        for name, here in (("Monday to Friday", self.weekday < 5), ("Saturday and Sunday", self.weekday >= 5)):
            by_hour = [self.value[here & (self.hour == n)] for n in range(24)]
            if any(len(x) < LEAST for x in by_hour):
                continue
            low, high = np.array([np.quantile(x, (0.25, 0.75)) for x in by_hour]).T
            yield name, average(rule_of(quantity), self.value[here], self.hour[here], 24), low, high


@styled
def draw(data: Week, view: View) -> Figure:
    """The picture."""
    figure = Figure(figsize=(WIDTH, 5.6))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.1, 1))
    squares = above.pcolormesh(
        np.arange(25), np.arange(8), np.ma.masked_invalid(data.means(view.quantity)), cmap=AREAS, edgecolor="white",
        linewidth=0.6, gid="week",
    )  # fmt: skip
    above.set_facecolor(PALE)
    above.grid(False)
    above.set(ylim=(7, 0), yticks=np.arange(7) + 0.5, yticklabels=WEEKDAYS)
    above.tick_params(length=0)
    figure.colorbar(squares, ax=above, label=view.axis, aspect=12)
    for (name, mean, low, high), (colour, dashes, _) in zip(data.profiles(view.quantity), SERIES, strict=False):
        edges = np.repeat(np.arange(25), 2)[1:-1]
        below.plot(edges, np.repeat(mean, 2), color=colour, linestyle=dashes, label=name, gid=f"series {name}")
        below.fill_between(
            edges, np.repeat(low, 2), np.repeat(high, 2), color=colour, alpha=0.2, linewidth=0, gid=f"half {name}"
        )
    if below.lines:
        below.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, borderpad=0, ncols=2,
                     title="mean, and the middle half of the hours", title_fontsize=8.5, alignment="left")  # fmt: skip
    below.set(xlim=(0, 24), xticks=range(0, 25, 3), ylabel=view.axis)
    below.set_xlabel(f"hour of the day ({view.zone}); each value fills its hour, and is labelled with its end")
    frame(figure, view)
    return figure


def alt(data: Week, view: View) -> str:
    """What the picture shows, in words."""
    means = data.means(view.quantity)
    said = [f"The week of {view.axis} of {data.name}, mean of each hour of each weekday ({view.zone})."]
    if np.isfinite(means).any():
        for word, at in (("highest", np.nanargmax(means)), ("lowest", np.nanargmin(means))):
            day, hour = divmod(int(at), 24)
            value = number(float(means[day, hour]))
            said.append(f"The {word} is {value} on {WEEKDAYS[day]} from {hour} to {hour + 1} h.")
    else:
        said.append(f"No hour of the week has {LEAST} values yet.")
    return " ".join([*said, *view.notes])
