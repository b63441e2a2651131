# SPDX-License-Identifier: EUPL-1.2
"""Answers: a question about one source or group and a quantity, as rows with named columns.

`citimeasure query` prints them and the export writes them, so both say the same, column by column.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from collector.columns import Question, Row, as_measured, group_rows, hour_rows, isos, longer_rows, numbers
from collector.errors import NothingFound, UsageError
from collector.moments import DAY, HOUR
from collector.registry import Registry
from collector.series import (
    CalibratedHours,
    Every,
    Hours,
    Windows,
    as_longer,
    calibrated,
    hour_grid,
    longer,
    phase,
    read_hours,
    windows,
)
from collector.series.groups import Member, is_group, members, nearest_station
from collector.store.base import Store

_BEFORE = 8 * HOUR  # a running mean reaches back


@dataclass(frozen=True)
class Answer:
    """Rows of the same columns, with notes for people.

    `zone` is that of days and longer intervals. `station` says which one is beside the values; `beside` are the rows of
    all intervals that it has a value of, whatever the source has.
    """

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    hint: str = ""
    zone: str = "UTC"
    station: str = ""
    beside: list[Row] = field(default_factory=list)


def ask(store: Store, registry: Registry, question: Question) -> Answer:
    """Answers a question; NothingFound if calibrated values are wanted where there is no calibration."""
    if is_group(question.source):
        return _ask_group(store, registry, question)
    notes = _notes(registry, question)
    period = covered(store, question)
    if period is None:
        sources = sorted({one.source for one in store.series()})
        known = ", ".join(sources[:8]) + (", ..." if len(sources) > 8 else "")
        hint = f"There is data of {known}." if known else "Nothing is stored yet; is `citimeasure run` going?"
        return Answer([], notes, hint)
    if question.every == Every.MINUTE:
        return Answer(list(as_measured(store, question)), notes)
    every = Every(question.every)
    if every is Every.HOUR:
        grid = hour_grid(*period)
        hours = _hours(store, registry, question, grid)
        rows = list(hour_rows(question, hours))
        over = _each_hour(grid)
    else:
        zone = question.zone or civil_zone(registry, question.source)
        over = _windows(every, question, period, zone)
        hours = _hours(store, registry, question, _grid(over))
        rows = list(longer_rows(question, longer(hours, question.quantity, over, least=question.least)))
    place = _place(registry, question.source) if question.beside else None
    return _answered(store, registry, question, rows, over, place, notes)


def _answered(
    store: Store,
    registry: Registry,
    question: Question,
    rows: list[Row],
    over: Windows,
    place: tuple[float, float] | None,
    notes: list[str],
) -> Answer:
    """Rows of which something was measured, beside the station nearest to a place if that is asked."""
    station = _beside(store, registry, question, rows, over, place) if question.beside else ""
    measured = [row for row in rows if row["coverage"] > 0]
    beside = [row for row in rows if row.get("station") is not None]
    return Answer(measured, notes, zone=over.zone, station=station, beside=beside)


def covered(store: Store, question: Question) -> tuple[int, int] | None:
    """The part of the question's period for which there can be values, in whole hours."""
    span = store.span(question.source, question.quantity)
    if span is None:
        return None
    after = max(question.after, (span[0] - 1) // HOUR * HOUR)
    until = min(question.until, -(-span[1] // HOUR) * HOUR)
    return (after, until) if after < until else None


def _hours(store: Store, registry: Registry, question: Question, grid: NDArray[np.int64]) -> Hours | CalibratedHours:
    """The hours of a grid, raw or calibrated as the question wants."""
    source, quantity = question.source, question.quantity
    assigned = registry.assignments(source, quantity, as_of=question.as_of) if question.kind != "raw" else []
    if question.kind == "calibrated" and not assigned:
        moment = " at that moment" if question.as_of else ""
        raise NothingFound(
            f"The {quantity} of {source} had no calibration{moment}.",
            "Ask for --level raw, or fit one with `citimeasure calibrate fit`.",
        )
    if not assigned:
        return read_hours(store, source, quantity, grid, least=question.least)
    return calibrated(store, registry, source, quantity, grid, as_of=question.as_of, least=question.least)


def _each_hour(grid: NDArray[np.int64]) -> Windows:
    return Windows(Every.HOUR, "UTC", grid - HOUR, grid, isos(grid))


def _windows(every: Every, question: Question, period: tuple[int, int], zone: str) -> Windows:
    """The windows that begin within the question's period and touch what there is."""
    reach = 366 * DAY
    found = windows(every, max(question.after, period[0] - reach), min(question.until, period[1]), zone)
    keep = np.flatnonzero((found.end > period[0]) & (found.start < period[1]))
    return Windows(every, zone, found.start[keep], found.end[keep], [found.name[i] for i in keep])


def _grid(over: Windows) -> NDArray[np.int64]:
    """The hours of windows, with those before them that running means need."""
    if not len(over):
        return np.empty(0, np.int64)
    first = int(over.start[0])
    return hour_grid(first - _BEFORE, int(over.end[-1]), phase(over.zone, first))


def civil_zone(registry: Registry, source: str) -> str:
    """The zone of a kit's newest place; of a station that of the kits, if they share one."""
    if not source.startswith("station:"):
        mine = [one.zone for one in registry.deployments(source)]
        if mine:
            return mine[-1]
    zones = {one.zone for one in registry.deployments()}
    if len(zones) == 1:
        return zones.pop()
    raise UsageError(f"The time zone of {source} is not known.", "Name it with --zone, as --zone Europe/Amsterdam.")


def _ask_group(store: Store, registry: Registry, question: Question) -> Answer:
    """The mean over the kits of a group that measure the quantity."""
    if question.every == Every.MINUTE:
        raise UsageError("A group has no values by minute: its kits measure at moments of their own.", "Ask for hours.")
    all_ = members(registry, question.source)
    periods = {one: covered(store, replace(question, source=one.device)) for one in all_}
    measured = {one: period for one, period in periods.items() if period is not None}
    if not measured:
        return Answer([], [], f"None of its {len(all_)} kits measured {question.quantity} then.")
    period = min(p[0] for p in measured.values()), max(p[1] for p in measured.values())
    every = Every(question.every)
    zone = question.zone or next(iter(measured)).zone
    over = _each_hour(hour_grid(*period)) if every is Every.HOUR else _windows(every, question, period, zone)
    grid = over.end if every is Every.HOUR else _grid(over)
    parts, left_out = [], []
    for member in measured:
        asked = replace(question, source=member.device)
        if question.kind == "any" and not registry.assignments(member.device, question.quantity, as_of=question.as_of):
            left_out.append(member.device)
            continue
        hours = _while_member(_hours(store, registry, asked, grid), member)
        if every is Every.HOUR:
            parts.append(as_longer(hours, over))
        else:
            parts.append(longer(hours, question.quantity, over, least=question.least))
    if not parts:  # nobody is calibrated: the mean is of raw values
        return _ask_group(store, registry, replace(question, kind="raw"))
    notes = [f"{question.source} has {len({one.device for one in measured})} kits with {question.quantity}."]
    if left_out:
        notes.append(f"Without a calibration, so not in the mean: {', '.join(left_out)}. --level raw takes all.")
    rows = list(group_rows(question, over, parts))
    places = [one.place for one in measured if one.place]
    middle = (float(np.mean([p[0] for p in places])), float(np.mean([p[1] for p in places]))) if places else None
    return _answered(store, registry, question, rows, over, middle, notes)


def _while_member(hours: Hours | CalibratedHours, member: Member) -> Hours | CalibratedHours:
    """Hours without those before the kit came to the group and after it left."""
    raw = hours.raw if isinstance(hours, CalibratedHours) else hours
    here = (raw.t - HOUR >= member.start) & (raw.t <= (member.until if member.until is not None else 2**62))
    own = replace(raw, value=np.where(here, raw.value, np.nan), coverage=np.where(here, raw.coverage, 0.0))
    if isinstance(hours, CalibratedHours):
        return replace(hours, raw=own, value=np.where(here, hours.value, np.nan))
    return own


def _place(registry: Registry, source: str) -> tuple[float, float] | None:
    if source.startswith("station:"):
        return None
    places = [one.public_place for one in registry.deployments(source)]
    return places[-1] if places else None


def _beside(
    store: Store,
    registry: Registry,
    question: Question,
    rows: list[Row],
    over: Windows,
    place: tuple[float, float] | None,
) -> str:
    """Puts the values of the nearest station that measures the quantity into the rows; returns what to call it."""
    measuring = [one for one in registry.stations() if store.span(one.source, question.quantity)]
    found = nearest_station(measuring, place) if place else None
    if found is None:
        why = "no official station here measures it" if place else "the place of the kit is not public"
        raise NothingFound(f"There is no station beside {question.source}: {why}.", "Ask without --beside-station.")
    station, far = found
    grid = over.end if over.every is Every.HOUR else _grid(over)
    hours = read_hours(store, station.source, question.quantity, grid)
    values = hours.value if over.every is Every.HOUR else longer(hours, question.quantity, over).value
    for row, value in zip(rows, numbers(values), strict=True):
        row["station"] = value
    return f"{station.name} ({station.id}), {far / 1000:.1f} km away"


def _notes(registry: Registry, question: Question) -> list[str]:
    if question.source.startswith("station:"):
        return []
    simulated = any(one.simulated for one in registry.devices() if one.id == question.source)
    return [f"SIMULATED: {question.source} is no real kit."] if simulated else []
