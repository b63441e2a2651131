# SPDX-License-Identifier: EUPL-1.2
"""Times as people write them in tables, to seconds since 1970, UTC.

`parse_times` reads a column of texts as clock times, in a format that is given or found out; `to_utc` puts them on the
world's clock, through the hours that summer time skips and repeats. The reader of CSV files calls both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from calibration.clock import offsets, zone_named
from calibration.errors import BadInput
from collector.errors import DataError, UsageError

Seconds = NDArray[np.int64]
Mask = NDArray[np.bool_]

UNIX = "unix"  # as a time format: seconds since 1970
_YEARS = (1970, 2100)
_EPOCH = datetime(1970, 1, 1)

# Hour, minute, second, half of the day, offset. The minutes may be missing, as in tables with a column for the hour.
_CLOCK = (
    r"(?:[T\s]+(\d{1,2})(?::?(\d{2})(?::?(\d{2})(?:[.,]\d*)?)?)?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})" + _CLOCK)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(?:[T\s]+|(?=\d{2}))(\d{1,2}):?(\d{2})?:?(\d{2})?()(Z)?)?")


@dataclass(frozen=True)
class ClockTimes:
    """Times without their zone; arrays of one length."""

    local: Seconds  # seconds since 1970 on the clock of the place; 0 where not `ok`
    ok: Mask  # whether the text was a time
    offset: Seconds  # what the text itself says is ahead of UTC [s]; only where `has_offset`
    has_offset: Mask


@dataclass(frozen=True)
class WorldTimes:
    """Times in UTC; arrays of one length."""

    utc: Seconds
    ambiguous: Mask  # the clock shows this time twice
    skipped: Mask  # the clock never shows this time: `utc` means nothing


def parse_zone(text: str) -> tzinfo:
    """An IANA name, `UTC`, or a fixed offset such as UTC-5 or +01:00, as ISO 8601 counts (east is positive)."""
    try:
        return zone_named(text)
    except BadInput as error:
        raise UsageError(str(error), error.hint) from error


def parse_times(texts: Sequence[str], format: str | None = None) -> ClockTimes:
    """Reads times in a format of strptime, in `unix` seconds, or in the one that is found to fit."""
    if format == UNIX:
        return _parse_unix(texts)
    return _find_out(texts) if format is None else _parse_format(texts, format)


def _parse_unix(texts: Sequence[str]) -> ClockTimes:
    ok = np.array([re.fullmatch(r"\d{1,10}(\.0*)?", text) is not None for text in texts], bool)
    local = np.array([int(float(text)) if good else 0 for text, good in zip(texts, ok, strict=True)], np.int64)
    return ClockTimes(local, ok, np.zeros_like(local), ok)


def _parse_format(texts: Sequence[str], format: str) -> ClockTimes:
    try:
        datetime.strptime(datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC).strftime(format), format)
    except (ValueError, re.error) as error:
        raise UsageError(
            f"The time format {format!r} cannot be used: {error}.", "Write one such as '%d-%m-%Y %H:%M', or none."
        ) from error
    local, ok, offset, has_offset = _empty(len(texts))
    for i, text in enumerate(texts):
        try:
            moment = datetime.strptime(text, format)
        except ValueError:
            continue
        if not _YEARS[0] <= moment.year <= _YEARS[1]:
            continue
        ok[i] = True
        local[i] = (moment.replace(tzinfo=None) - _EPOCH) // timedelta(seconds=1)
        ahead = moment.utcoffset()
        if ahead is not None:
            has_offset[i], offset[i] = True, ahead // timedelta(seconds=1)
    return ClockTimes(local, ok, offset, has_offset)


def _empty(n: int) -> tuple[Seconds, Mask, Seconds, Mask]:
    return np.zeros(n, np.int64), np.zeros(n, bool), np.zeros(n, np.int64), np.zeros(n, bool)


def _find_out(texts: Sequence[str]) -> ClockTimes:
    sample = texts[:: max(1, len(texts) // 100)]
    fits = {pattern: sum(1 for text in sample if pattern.fullmatch(text)) for pattern in (_YEAR_FIRST, _YEAR_LAST)}
    fits[_COMPACT] = sum(1 for text in sample if _COMPACT.fullmatch(text))
    pattern = max(fits, key=lambda one: fits[one])
    # Date, date, date, hour, minute, second; year 0 is never a good one.
    fields = np.zeros((len(texts), 6), np.int64)
    _, _, offset, has_offset = _empty(len(texts))
    half = np.zeros(len(texts), np.int8)  # 0: of 24 hours, 1: a.m., 2: p.m.
    for i, text in enumerate(texts):
        found = pattern.fullmatch(text)
        if found is None:
            continue
        *numbers, meridiem, ahead = found.groups()
        fields[i] = [int(number or 0) for number in numbers]
        if meridiem:
            half[i] = 1 if meridiem in "Aa" else 2
        if ahead:
            has_offset[i], offset[i] = True, _ahead(ahead)
    a, b, c, hour, minute, second = fields.T
    if pattern is _YEAR_LAST:
        day, month = (a, b) if _day_first(a, b, texts) else (b, a)
        year = c
    else:
        year, month, day = a, b, c
    hour, hour_ok = _of_24_hours(hour, half)
    midnight = (hour == 24) & (minute == 0) & (second == 0)  # the end of a day, as many networks write it
    clock_ok = hour_ok & ((hour < 24) | midnight) & (minute < 60) & (second < 60)
    days, date_ok = _days(year, month, day)
    ok = clock_ok & date_ok
    return ClockTimes(np.where(ok, days * 86400 + hour * 3600 + minute * 60 + second, 0), ok, offset, has_offset)


def _ahead(text: str) -> int:
    """Seconds ahead of UTC, from Z, +01, +0100 or +01:00."""
    if text[0] not in "+-":
        return 0
    digits = text[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if text[0] == "-" else seconds


def _day_first(a: Seconds, b: Seconds, texts: Sequence[str]) -> bool:
    """Whether 8/1/2019 is in January, from the dates that can be only one thing; DataError if there are none."""
    first, second = bool((a > 12).any()), bool((b > 12).any())
    if first != second:
        return first
    example = next((text for text, found in zip(texts, a, strict=True) if found), "")
    if not first and "." in example[:3]:
        return True  # with dots, the day comes first everywhere
    raise DataError(
        f"Dates such as {example!r} may begin with the day or with the month, and the file does not tell which.",
        "Give the time format, say '%d/%m/%Y %H:%M' or '%m/%d/%Y %H:%M'.",
    )


def _of_24_hours(hour: Seconds, half: NDArray[np.int8]) -> tuple[Seconds, Mask]:
    twelve = half > 0
    ok = ~twelve | ((hour >= 1) & (hour <= 12))
    return np.where(twelve, hour % 12 + 12 * (half == 2), hour), ok


def _days(year: Seconds, month: Seconds, day: Seconds) -> tuple[Seconds, Mask]:
    """Days since 1970, and whether there is such a day."""
    ok = (year >= _YEARS[0]) & (year <= _YEARS[1]) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    ok &= days.astype("datetime64[D]").astype("datetime64[M]") == months
    return days, ok


def to_utc(times: ClockTimes, zone: tzinfo, *, ends: bool) -> WorldTimes:
    """Clock times of a zone in UTC. An offset in a time's own text goes before the zone.

    Where the clock is put back, the hour that it shows twice is taken as summer time first; from the first time that
    does not go on from the one before it, as winter time. A time that the clock skips is none, but the end of an
    interval (`ends`) may be the very moment at which the clock jumps.
    """
    early, late = offsets(times.local, zone)
    by_zone = ~times.has_offset & times.ok
    ambiguous, skipped = by_zone & (early > late), by_zone & (early < late)
    if ends and skipped.any():
        before_early, before_late = offsets(times.local - 1, zone)
        skipped &= before_early < before_late
    offset = np.where(_second_time(times.local, ambiguous), late, early)
    offset = np.where(times.has_offset, times.offset, offset)
    return WorldTimes(times.local - offset, ambiguous, skipped)


def _second_time(local: Seconds, ambiguous: Mask) -> Mask:
    """Which of the ambiguous times belong to the second run of the hour; the order of the file tells."""
    second = np.zeros(len(local), bool)
    rows = np.flatnonzero(ambiguous)
    if len(local) and local[0] > local[-1]:
        rows = rows[::-1]  # newest first
    day, before, again = None, 0, False
    for row in rows:
        if local[row] // 86400 != day:
            day, again = local[row] // 86400, False
        elif local[row] <= before:
            again = True
        second[row], before = again, local[row]
    return second
