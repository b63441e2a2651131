# SPDX-License-Identifier: EUPL-1.2
"""Windows of civil time: the days, months, years and parts of the day over which hours are averaged.

A period and a zone come in, begins and ends in UTC go out. A day of a change of the clock has 23 or 25 hours, a night
of one 7 or 9. Called by the engine behind queries, exports and reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from collector.errors import UsageError
from collector.moments import HOUR

Ints = NDArray[np.int64]


class Every(StrEnum):
    """How long an answer's intervals are. The noise ones are those of Directive 2002/49/EC, Annex I."""

    MINUTE = "minute"  # as measured
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    MAX8H = "max8h"  # highest running mean of 8 hours of a day
    LDAY = "lday"  # 07-19
    LEVE = "leve"  # 19-23
    LNIGHT = "lnight"  # 23-07
    LDEN = "lden"  # a day from 07 to 07, evening and night weighted


NOISE = {Every.LDAY: (7, 19), Every.LEVE: (19, 23), Every.LNIGHT: (23, 31), Every.LDEN: (7, 31)}
# The share of a window's hours that must count, for the window to count. Directive (EU) 2024/2881, Annex V: 18 of 24
# hours of a day, 85 % of a year; for months and parts of the day the same 75 % as for a day.
GATES = {every: 0.85 if every is Every.YEAR else 0.75 for every in Every}
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Windows:
    """Intervals in order of time; arrays of one length. They may leave gaps between them, as nights do."""

    every: Every
    zone: str
    start: Ints  # s since 1970, UTC
    end: Ints
    name: list[str]  # the local date, month or year

    def __len__(self) -> int:
        return len(self.start)

    @property
    def hours(self) -> Ints:
        """How many hours each one has; a window with half an hour more or less, as on Lord Howe, is rounded."""
        return np.asarray((self.end - self.start + HOUR // 2) // HOUR)

    def index(self, end_of_hour: Ints) -> Ints:
        """The window in which the middle of each hour lies; -1 where there is none."""
        if not len(self):
            return np.full(len(end_of_hour), -1)
        middle = end_of_hour - HOUR // 2
        found = np.searchsorted(self.start, middle, side="right") - 1
        return np.where((found >= 0) & (middle < self.end[found]), found, -1)


def windows(every: Every, after: int, until: int, zone: str) -> Windows:
    """The windows that begin at `after` or later, and before `until`, in civil time of the zone.

    Periods that follow one another thereby give every window once. Nothing before 1970 or after 2200 is given.
    """
    if every in (Every.MINUTE, Every.HOUR):
        raise ValueError(f"{every} is no window of civil time")
    where = zone_of(zone)
    after = max(after, int(_FIRST.timestamp()))
    until = min(until, int(_LAST.timestamp()))
    rows = [(a, b, name) for a, b, name in _named(every, after, until, where) if after <= a < until and a < b]
    starts, ends, names = zip(*rows, strict=True) if rows else ((), (), ())
    return Windows(every, zone, np.array(starts, np.int64), np.array(ends, np.int64), list(names))


def phase(zone: str, t: int) -> int:
    """Seconds by which full hours of a zone lie after full hours of UTC at a moment: 1800 in India, 0 nearly anywhere.

    >>> phase("Asia/Kolkata", 0), phase("Europe/Amsterdam", 0)
    (1800, 0)
    """
    offset = datetime.fromtimestamp(t, zone_of(zone)).utcoffset() or timedelta()
    return int(-offset.total_seconds()) % HOUR


def zone_of(name: str) -> ZoneInfo:
    """The clock of a zone by its name; UsageError if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:  # an OSError is a folder of the database of zones
        raise UsageError(f"There is no time zone {name!r}.", "Write one as Europe/Amsterdam.") from error


def _named(every: Every, after: int, until: int, zone: ZoneInfo) -> Iterator[tuple[int, int, str]]:
    """Begin, end and name of every window around the period."""
    first = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until, zone).date() + timedelta(days=1)
    if every in (Every.MONTH, Every.YEAR):
        months = 1 if every is Every.MONTH else 12
        day = date(first.year, first.month if months == 1 else 1, 1)
        while day <= last:
            n = day.year * 12 + day.month - 1 + months
            following = date(n // 12, n % 12 + 1, 1)
            name = f"{day.year:04}-{day.month:02}" if months == 1 else f"{day.year:04}"
            yield _moment(day, 0, zone), _moment(following, 0, zone), name
            day = following
        return
    begin, end = NOISE.get(every, (0, 24))
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        yield _moment(day, begin, zone), _moment(day, end, zone), day.isoformat()


def _moment(day: date, hour: int, zone: ZoneInfo) -> int:
    """When a civil hour begins. One that a change of the clock leaves out begins with the change; of two, the first."""
    day, hour = day + timedelta(days=hour // 24), hour % 24
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=zone).timestamp())
