# SPDX-License-Identifier: EUPL-1.2
"""Texts of times to the ends of hours in UTC, or a sentence that says which line is none and why.

The cells of a column come in with their lines and the number of the sensor that each row is of; seconds since 1970 go
out. Called by `calibration.table`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from calibration.align import DAY, HOUR, Bools, Ints
from calibration.clock import offsets, zone_named
from calibration.errors import BadInput

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.0*)?)?\s?(?:(Z|UTC)|([+-])(\d{2}):?(\d{2})?)?", re.ASCII
)
_EPOCH = re.compile(r"\d{1,10}(?:\.0*)?", re.ASCII)
_YEARS = (1970, 2100)
_MILLISECONDS = re.compile(r"\d{12,13}", re.ASCII)


@dataclass(frozen=True)
class Rows:
    """A column of times, the file and lines that it is from, and which sensor each row is of (n,)."""

    path: Path
    texts: Sequence[str]
    lines: Ints
    sensor: Ints

    def refuse(self, row: int, what: str, hint: str) -> NoReturn:
        raise BadInput(f"{self.path}, line {self.lines[row]}: {what}", hint)


@dataclass(frozen=True)
class HourEnds:
    """Ends of hours [s since 1970, UTC]; `known` is False where the clock shows a time twice and the file once."""

    utc: Ints
    known: Bools
    notes: tuple[str, ...]


def hour_ends(rows: Rows, zone: str | None, *, begins: bool = False) -> HourEnds:
    """Read a column of times.

    Parameters
    ----------
    rows : Rows
    zone : str or None
        Of times that carry no offset; needed if there are any.
    begins : bool
        The times name the beginnings of hours, not their ends.

    Raises
    ------
    BadInput
        For a time that is none, that its clock skips, or that is not an hour after the others.
    """
    local, ahead, has_offset = _read(rows)
    known = np.ones(len(local), bool)
    notes: list[str] = []
    if has_offset.all():
        utc = local - ahead
    else:
        if zone is None:
            row = int(np.argmin(has_offset))
            rows.refuse(
                row,
                f"the time {rows.texts[row].strip()!r} does not say of which clock it is.",
                "Say it with --zone: UTC, a name such as Europe/Amsterdam, or UTC+1 for a clock without summer time.",
            )
        if has_offset.any():
            row = int(np.argmin(has_offset))
            rows.refuse(row, "this time has no offset from UTC, others have.", "Write all of them one way.")
        utc, known = _placed(rows, local, zone, begins=begins)
        dropped = int((~known).sum())
        if dropped:
            notes.append(
                f"{dropped} hours that the clock of {zone} shows twice stand there once; it cannot be told which they "
                "are, so they were left out."
            )
    _check_phase(rows, utc)
    falling = (np.diff(utc) < 0) & (np.diff(rows.sensor) == 0)
    if falling.any():
        notes.append(
            f"The rows are not in the order of time (line {rows.lines[1:][falling][0]}); they were put in order."
        )
    return HourEnds(utc + HOUR if begins else utc, known, tuple(notes))


def _read(rows: Rows) -> tuple[Ints, Ints, Bools]:
    """Seconds on the clock of the place, seconds ahead of UTC, and whether the text says so."""
    texts = [text.strip() for text in rows.texts]
    if _EPOCH.fullmatch(texts[0]):
        for row, text in enumerate(texts):
            if not _EPOCH.fullmatch(text):
                rows.refuse(row, f"{text!r} is no time in seconds since 1970, as the first row has it.", "Mend it.")
        return (
            np.array([int(float(text)) for text in texts], np.int64),
            np.zeros(len(texts), np.int64),
            np.ones(len(texts), bool),
        )
    days, clock, ahead, has = [], [], [], []
    for row, text in enumerate(texts):
        found = _ISO.fullmatch(text)
        if found is None:
            rows.refuse(row, f"{text!r} is no time.", _how_to_write(text))
        day, hour, minute, second, utc, sign, hours, minutes = found.groups()
        seconds = int(hour) * HOUR + int(minute) * 60 + int(second or 0)
        if int(minute) > 59 or int(second or 0) > 59 or seconds > DAY:  # 24:00 is the end of a day
            rows.refuse(row, f"{text!r} is no time of a day.", "Mend it.")
        if not _YEARS[0] <= int(day[:4]) <= _YEARS[1]:
            rows.refuse(row, f"{text!r} lies outside of the years {_YEARS[0]} to {_YEARS[1]}.", "Mend it.")
        days.append(day)
        clock.append(seconds)
        has.append(bool(utc or sign))
        east = int(hours or 0) * HOUR + int(minutes or 0) * 60
        ahead.append(-east if sign == "-" else east)
    local = _dates(rows, days) * DAY + np.array(clock, np.int64)
    return local, np.array(ahead, np.int64), np.array(has, bool)


def _how_to_write(text: str) -> str:
    if _MILLISECONDS.fullmatch(text):
        return "This looks like milliseconds since 1970: divide them by 1000."
    return (
        "Write times as 2026-03-01T14:00+01:00, as 2026-03-01 14:00 with --zone, or as seconds since 1970. "
        "`citimeasure reference import` reads other ways."
    )


def _dates(rows: Rows, days: Sequence[str]) -> Ints:
    try:
        return np.array(days, "datetime64[D]").astype(np.int64)
    except ValueError:
        for row, day in enumerate(days):
            try:
                np.datetime64(day, "D")
            except ValueError:
                rows.refuse(row, f"there is no day {day!r}.", "Mend it.")
        raise


def _placed(rows: Rows, local: Ints, zone: str, *, begins: bool) -> tuple[Ints, Bools]:
    """Clock times in UTC, and whether each is certain."""
    where = zone_named(zone)
    early, late = offsets(local, where)
    skipped = early < late
    if skipped.any() and not begins:
        # The end of an hour may be the very moment at which the clock jumps.
        before_early, before_late = offsets(local - 1, where)
        skipped &= before_early < before_late
    if skipped.any():
        row = int(np.argmax(skipped))
        rows.refuse(
            row,
            f"the clock of {zone} never shows {rows.texts[row].strip()!r}: it jumps over it to summer time.",
            "If the file's clock knows no summer time, give its offset instead, such as --zone UTC+1.",
        )
    twice = early > late
    utc = local - early
    known = ~twice
    for sensor in np.unique(rows.sensor[twice]):
        mine = np.flatnonzero(rows.sensor == sensor)
        order = mine if local[mine[0]] <= local[mine[-1]] else mine[::-1]
        hours = order[twice[order]]
        _, first, which, count = np.unique(local[hours], return_index=True, return_inverse=True, return_counts=True)
        again = np.ones(len(hours), bool)
        again[first] = False
        utc[hours[again]] = (local - late)[hours[again]]
        known[hours] = count[which] > 1
    return utc, known


def _check_phase(rows: Rows, utc: Ints) -> None:
    """All times must lie whole hours from the first, so that each row is an hour."""
    off = np.flatnonzero((utc - utc[0]) % HOUR)
    if len(off):
        row = int(off[0])
        rows.refuse(
            row,
            f"{rows.texts[row].strip()!r} does not lie whole hours from the first time, {rows.texts[0].strip()!r}.",
            "Average to hours first, of which 75 % is known, one row for each.",
        )
