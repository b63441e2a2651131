# SPDX-License-Identifier: EUPL-1.2
"""Answers of the engine as what pictures are drawn from: rows in, `Line`, `Pairs`, `Days` or places out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from collector.answers import ask
from collector.columns import Question, Row
from collector.errors import NothingFound, UsageError
from collector.moments import HOUR
from collector.permits import permits
from collector.pictures.calendar import MOST_MONTHS, Days
from collector.pictures.places import Spot
from collector.pictures.scatter import FEWEST, Pairs
from collector.pictures.series import Line
from collector.pictures.style import Floats, Ints, day_words
from collector.registry import Registry, Station
from collector.series.averaging import average, rule_of
from collector.series.groups import Member, distance, is_group, members
from collector.store.base import Store

MOST_VALUES = 50_000  # of one line; more than that has a picture no dots for
K90 = 1.645  # standard uncertainties to each side hold 90 % of a normal distribution
BESIDE = 5000.0  # stations are on a map up to so far from its middle [m], or twice as far as the farthest kit


def line_of(name: str, rows: Sequence[Row]) -> Line:
    """The series of an answer about a source; UsageError if it is too long to be seen."""
    if len(rows) > MOST_VALUES:
        raise UsageError(
            f"{name} has {len(rows)} values in that period: no picture has so many dots.",
            "Ask for longer intervals with --every, or for a shorter period.",
        )
    value = _numbers(rows, "value")
    lower, upper = _interval(rows, value)
    official = name.startswith("station:")
    return Line(name, _moments(rows, "start"), _moments(rows, "end"), value, lower, upper, official)


def _interval(rows: Sequence[Row], value: Floats) -> tuple[Floats | None, Floats | None]:
    """The 90 % interval; that of a group's mean from its standard uncertainty, as of a normal distribution."""
    if "lower" in rows[0]:
        return _numbers(rows, "lower"), _numbers(rows, "upper")
    if "u" in rows[0]:
        half = K90 * _numbers(rows, "u")
        return value - half, value + half
    return None, None


def station_of(name: str, rows: Sequence[Row]) -> Line:
    """The station that the engine put beside an answer, also where the source itself has no value."""
    values = _numbers(rows, "station")
    return Line(name, _moments(rows, "start"), _moments(rows, "end"), values, official=True)


def pairs_of(x: Line, y: Line) -> Pairs:
    """The intervals that two series share and at which both have a value; NothingFound if these are too few."""
    _, i, j = np.intersect1d(x.end, y.end, return_indices=True)
    both = np.isfinite(x.value[i]) & np.isfinite(y.value[j]) & (x.start[i] == y.start[j])
    i, j = i[both], j[both]
    if len(i) < FEWEST:
        raise NothingFound(
            f"{x.name} and {y.name} have {len(i)} intervals together at which both have a value.",
            "Take a longer period, or see with `citimeasure query` what there is.",
        )
    lower, upper = (None if bound is None else bound[j] for bound in (y.lower, y.upper))
    return Pairs(x.name, y.name, x.value[i], y.value[j], lower, upper)


def days_of(name: str, rows: Sequence[Row]) -> Days:
    """The days of an answer; UsageError if they are too many for a calendar."""
    found = Days(name, [date.fromisoformat(row["name"]) for row in rows], _numbers(rows, "value"))
    if len(found.months) > MOST_MONTHS:
        raise UsageError(f"{len(found.months)} months have no room in one picture.", "Draw up to two years at once.")
    return found


def spots_of(store: Store, registry: Registry, question: Question) -> tuple[list[Spot], list[str]]:
    """The mean of each kit of a group at its public place, with the stations around, and what to say of them.

    Kits of hosts who do not allow their values on a map are left out, and so are kits without a public place.
    """
    if not is_group(question.source):
        raise UsageError(
            f"{question.source} is one place; a map wants a group.", "As project:ID or around:52.09,5.12,2km."
        )
    kits, notes = _on_a_map(registry, question.source)
    parts = [(one.device, one.place, rows) for one, rows in _answered(store, registry, question, kits) if one.place]
    if not parts:
        raise NothingFound(
            f"There are no values of {question.quantity} that can be on a map in that period.",
            " ".join(notes) or "Take a longer period; `citimeasure query` shows what there is.",
        )
    places = [place for _, place, _ in parts]
    middle = tuple(float(np.mean(x)) for x in zip(*places, strict=True))
    reach = max(BESIDE, 2 * max(distance((middle[0], middle[1]), place) for place in places))
    around = [one for one in _placed(registry) if distance((middle[0], middle[1]), one[1]) <= reach]
    for station, place in around:
        asked = replace(question, source=station.source, kind="raw")
        official = ask(store, registry, asked).rows
        if any(row["value"] is not None for row in official):
            parts.append((station.source, place, official))
    first = min(int(_moments(rows, "start")[0]) for _, _, rows in parts)
    last = max(int(_moments(rows, "end")[-1]) for _, _, rows in parts)
    names = {station.source: station.name for station, _ in around}
    mixed = len({"raw" in rows[0] for name, _, rows in parts if name not in names}) > 1
    found = []
    for name, place, rows in parts:
        marked = " (raw)" if mixed and name not in names and "raw" not in rows[0] else ""
        spot = _spot(names.get(name, name) + marked, place, rows, question.quantity, last - first)
        found.append(replace(spot, official=name in names))
    simulated = {one.id for one in registry.devices() if one.simulated} & {name for name, _, _ in parts}
    if simulated:
        notes = [f"SIMULATED: {len(simulated)} of the kits are no real ones.", *notes]
    return found, [f"Mean from {day_words(first, 'UTC')} to {day_words(last - 1, 'UTC')}.", *notes]


def _on_a_map(registry: Registry, group: str) -> tuple[list[Member], list[str]]:
    """The members of a group that may be shown, and what to say of the others."""
    allowed = permits(registry, "map")
    shown = {(one.device, one.start) for one in registry.deployments() if allowed.allows(one)}
    all_ = members(registry, group)
    willing = [one for one in all_ if (one.device, one.start) in shown]
    kits = [one for one in willing if one.place is not None]
    notes = []
    if len(willing) < len(all_):
        notes.append(f"Left out, as their hosts do not allow it: {len(all_) - len(willing)}.")
    if len(kits) < len(willing):
        notes.append(f"Left out, without a public place: {len(willing) - len(kits)}.")
    return kits, notes


def _answered(
    store: Store, registry: Registry, question: Question, kits: Sequence[Member]
) -> Iterator[tuple[Member, list[Row]]]:
    """The hours of each kit while it hung at its place, of those that have any."""
    for kit in kits:
        until = question.until if kit.until is None else min(question.until, kit.until)
        asked = replace(question, source=kit.device, after=max(question.after, kit.start), until=until)
        rows = ask(store, registry, asked).rows if asked.after < asked.until else []
        if any(row["value"] is not None for row in rows):
            yield kit, rows


def _placed(registry: Registry) -> list[tuple[Station, tuple[float, float]]]:
    return [
        (one, (one.latitude, one.longitude))
        for one in registry.stations()
        if one.latitude is not None and one.longitude is not None
    ]


def _spot(name: str, place: tuple[float, float], rows: Sequence[Row], quantity: str, seconds: int) -> Spot:
    """The mean over all hours that count; the uncertainty as if the errors of all hours had one cause."""
    value = _numbers(rows, "value")
    known = np.isfinite(value)
    mean = average(rule_of(quantity), value[known], np.zeros(int(known.sum()), np.int64), 1)
    half = None
    if "lower" in rows[0]:
        half = float(np.mean((_numbers(rows, "upper") - _numbers(rows, "lower"))[known])) / 2
    return Spot(name, *place, value=float(mean[0]), half=half, coverage=float(known.sum()) * HOUR / seconds)


def _numbers(rows: Sequence[Row], key: str) -> Floats:
    return np.array([row[key] for row in rows], np.float64)  # None becomes NaN


def _moments(rows: Sequence[Row], key: str) -> Ints:
    return np.array([row[key].rstrip("Z") for row in rows], "datetime64[s]").astype(np.int64)
