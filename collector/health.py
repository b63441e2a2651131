# SPDX-License-Identifier: EUPL-1.2
"""How a kit is, judged from what the collector saw of it: well, silent, refused, or with a clock that is off.

What goes in is a pulse, kept by the intake for each kit, and the reasons for which readings were refused lately; what
comes out is a state with its codes, and the message of `citimeasure/v1/<device>/health`. The rounds (ingest/rounds.py)
and `citimeasure device` call it. All functions are pure; times are seconds since 1970 unless they say otherwise.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

import msgspec

from collector.reasons import LANGUAGES, in_words
from collector.settings import Settings

INTERVALS = 10  # a kit is silent after so many of its own intervals, if that is longer than the setting `silent_s`
UNKNOWN_PACE = 600  # the interval of a kit of which too few readings have come [s]
RECENT = 3600  # a reading that was refused counts for so long [s]
LEAST_WINDOWS = 3  # fewer than these say nothing about a clock


class State(StrEnum):
    """How a kit is; the first that holds."""

    SILENT = "silent"  # nothing has come for long
    REJECTING = "rejecting"  # some of what came within the last hour was not taken
    CLOCK = "clock"  # its clock is off by more than the setting `clock_s`
    OK = "ok"  # none of these


class Pulse(NamedTuple):
    """What a collector saw of a kit."""

    heard: int  # when a message came last; 0 if none ever did
    newest: int  # t of its newest reading; 0 if there is none
    pace: int  # the shorter of the last two intervals between readings [s]; 0 if not known
    clock: int | None  # how far its clock is ahead of the collector's [s]; None if not known


class Verdict(NamedTuple):
    """How a kit is, with every code that holds, the worst first."""

    state: State
    codes: tuple[str, ...]


class Health(msgspec.Struct, omit_defaults=True):
    """What the collector says of a kit on `citimeasure/v1/<device>/health`, retained, when that changes.

    `state` is the worst of what holds, `codes` is all of it, `since` when the state began [s since 1970]. `last` is
    when a message came last [s since 1970], `clock` how far the kit's clock is ahead [s], as of then. `text` says it
    to people: English and Dutch sentences by code.
    """

    v: Literal[1]
    state: State
    codes: list[str]
    since: int
    last: int
    text: dict[str, dict[str, str]]
    clock: int | None = None


def health_topic(device: str) -> str:
    """Where the collector says how a device is."""
    return f"citimeasure/v1/{device}/health"


def message(verdict: Verdict, pulse: Pulse, since: int) -> bytes:
    """The retained message about a kit."""
    texts = {language: in_words(verdict.codes or (State.OK,), language) for language in LANGUAGES}
    health = Health(1, verdict.state, list(verdict.codes), since, pulse.heard, texts, pulse.clock)
    return msgspec.json.encode(health)


def judge(pulse: Pulse, refused: Mapping[str, int], now: float, settings: Settings, *, elsewhere: int = 0) -> Verdict:
    """How a kit is now. `refused` holds by reason when a reading was refused last; `elsewhere` is the time of the
    newest reading that another collector of the group took.
    """
    if is_late(pulse, now, settings) and now - elsewhere > patience(pulse, settings):
        return Verdict(State.SILENT, ("silent",))
    codes = [reason for reason, last in sorted(refused.items()) if now - last <= RECENT]
    state = State.REJECTING if codes else State.OK
    if pulse.clock is not None and abs(pulse.clock) > settings.clock_s:
        codes.append("clock_ahead" if pulse.clock > 0 else "clock_behind")
        state = State.CLOCK if state is State.OK else state
    return Verdict(state, tuple(codes))


def patience(pulse: Pulse, settings: Settings) -> int:
    """For how long nothing may come of a kit before it is called silent [s]."""
    return max(settings.silent_s, INTERVALS * (pulse.pace or UNKNOWN_PACE))


def is_late(pulse: Pulse, now: float, settings: Settings) -> bool:
    """Whether this collector has heard nothing of a kit for too long."""
    return now - pulse.heard > patience(pulse, settings)


def clock_of(least: Sequence[int]) -> int | None:
    """How far a clock is ahead [s], from the least delay of each of some windows [ms]; None if they are too few.

    A delay is when a reading came minus when it says that its interval ended. On its way a reading can only lose time,
    so a clock that is behind is behind by the least delay of all at most. A delay below zero cannot come from the way;
    there the middle of the windows counts, so that one wrong reading says nothing.

    >>> clock_of([1200, 900, 700_000]), clock_of([-90_000, -89_000, 2_000]), clock_of([5_000])
    (-1, 89, None)
    """
    if len(least) < LEAST_WINDOWS:
        return None
    middle = statistics.median(least)
    return round(-(middle if middle < 0 else min(delay for delay in least if delay >= 0)) / 1000)


def common_offset(clocks: Iterable[int | None], settings: Settings) -> int | None:
    """How far most clocks of at least five kits are off together [s]; None if they are not.

    Then it is the collector's own clock that is wrong, and no kit is to be blamed.
    """
    known = [clock for clock in clocks if clock is not None]
    middle = statistics.median(known) if len(known) >= 5 else 0
    return round(middle) if abs(middle) > settings.clock_s else None
