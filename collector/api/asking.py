# SPDX-License-Identifier: EUPL-1.2
"""Parameters of a request, checked, as the engine's question.

Words are those of the command line. Limits of periods stand here: a question whose answer would be absurdly long is
refused at once with a sentence, instead of being worked on until time is over.
"""

from __future__ import annotations

import re
import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from collector.api.problems import Problem
from collector.columns import Question
from collector.moments import DAY, HOUR, iso, parse_moment

WEEK = 7 * DAY
YEAR = 366 * DAY
FIRST, LAST = 0, 7_258_118_400  # 1970 to 2200
# How long the period of one answer may be, by the length of its intervals [s].
LONGEST = {"hour": YEAR, "month": 50 * YEAR, "year": 50 * YEAR}
LONGEST_OF_DAYS = 10 * YEAR
PAGE = 1000  # entries of a list
LARGEST_PAGE = 10_000

Length = Literal["day", "month", "year", "max8h", "lday", "leve", "lnight", "lden"]
_MOMENT = "ISO 8601, in UTC where it names no zone: 2026-03-01, 2026-03-01T14:00Z, 2026-03-01T15:00+01:00."
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)$")  # a plus sign that was not written %2B arrives as a space
_Moment = Annotated[str | None, Field(max_length=40)]


class _Asked(BaseModel):
    """A parameter that does not exist is an error: a misspelt one would be left out of the question silently."""

    model_config = ConfigDict(extra="forbid")


class Listed(_Asked):
    """What every list takes."""

    limit: int = Field(PAGE, ge=1, le=LARGEST_PAGE, description="So many entries at most.")
    cursor: str | None = Field(None, description="From `next` of the page before.")


class Period(_Asked):
    """From when until when."""

    from_: _Moment = Field(
        None, alias="from", description=f"Intervals that begin then or later. {_MOMENT} [7 days ago]"
    )
    to: _Moment = Field(None, description="Intervals that end then or earlier; written as `from`. [now]")

    def seconds(self, longest: int, of_what: str) -> tuple[int, int]:
        """The period in seconds since 1970; Problem if it is none, or longer than `longest`."""
        until = moment("to", self.to) if self.to is not None else int(time.time())
        after = moment("from", self.from_) if self.from_ is not None else max(FIRST, until - WEEK)
        if after >= until:
            raise Problem(
                "parameter",
                f"The period ends before it begins: from {iso(after)} to {iso(until)}.",
                "Exchange the two.",
            )
        if until - after > longest:
            days = longest // DAY
            raise Problem(
                "too-much",
                f"A period of {(until - after) // DAY} days is too long for {of_what}: {days} days at most.",
                "Ask for it in parts, for longer intervals, or for an export.",
            )
        return after, until


class SeriesAsked(Period):
    """A question about one source and quantity."""

    source: str = Field(
        min_length=1,
        max_length=100,
        description="A kit's id, station:ID for an official station, or a group of kits of which the mean is given:"
        " project:ID, or around:LATITUDE,LONGITUDE,RADIUS (as around:52.09,5.12,500m).",
        examples=["kit-7hx3m9ab"],
    )
    quantity: str = Field(min_length=1, max_length=64, description="What was measured.", examples=["pm25"])
    level: Literal["raw", "calibrated"] | None = Field(
        None, description="As measured, or corrected. [calibrated where it can be]"
    )
    coverage: float | None = Field(
        None, ge=0, le=1, description="Give what has at least this share, instead of what counts by the rules."
    )
    beside_station: bool = Field(False, description="With the nearest official station in the column `station`.")
    as_of: _Moment = Field(None, description="With the calibrations that were known at that moment; written as `from`.")

    def question(self, every: str = "hour", zone: str | None = None) -> Question:
        """What the engine is asked."""
        if self.source.startswith("within:"):  # names a file: of whose machine?
            raise Problem(
                "parameter", "An area cannot be asked for here.", "Take project:ID or around:LATITUDE,LONGITUDE,RADIUS."
            )
        after, until = self.seconds(LONGEST.get(every, LONGEST_OF_DAYS), f"intervals of a {every}")
        as_of = moment("as_of", self.as_of) if self.as_of is not None else None
        return Question(
            self.source, self.quantity, after, until, self.level or "any", every, as_of, zone,
            self.coverage, self.beside_station,
        )  # fmt: skip


class AggregatesAsked(SeriesAsked):
    """The same, by longer intervals."""

    every: Length = Field("day", description="How long the intervals are.")
    zone: str | None = Field(
        None, max_length=64, description="Whose clocks days follow, as Europe/Amsterdam. [those of the kit's place]"
    )


def moment(name: str, text: str) -> int:
    """A moment in a parameter, in seconds since 1970; Problem if it is none, or before 1970 or after 2200."""
    try:
        seconds = parse_moment(_LOST_PLUS.sub(r"\1+\2", text.strip()))
    except (ValueError, OverflowError) as error:
        raise Problem(
            "parameter", f"The parameter {name} is no time: {text[:40]!r}.", "Write 2026-03-01 or 2026-03-01T14:00Z."
        ) from error
    if not FIRST <= seconds <= LAST:
        raise Problem(
            "parameter", f"The parameter {name} is not between 1970 and 2200.", "Name a later or earlier one."
        )
    return seconds


def whole_hours(after: int, until: int) -> int:
    """How many hours a period touches."""
    return -(-until // HOUR) - after // HOUR
