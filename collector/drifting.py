# SPDX-License-Identifier: EUPL-1.2
"""Whether sensors still tell what they told in their baseline: from a table of hours, or from the store.

Hours and a rule come in, rows for people and programs go out. Called by `citimeasure calibrate drift`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import calibration
from calibration.drift import UNKNOWN, Drift, Rule, watch
from calibration.health import VERDICTS, Health, examine
from calibration.table import Table
from collector.calibrating import CoLocation, hours_of
from collector.errors import UsageError
from collector.evaluating import REFERENCE, said_our_way
from collector.moments import DAY, iso
from collector.registry import Registry
from collector.store.base import Store

_BASELINE_SHARE = 0.6  # of the time of a file, as much as `calibrate evaluate` learns from

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Watched:
    """One sensor: its name, the end of its baseline [s], every day of it, and the diagnosis."""

    name: str
    until: int
    drift: Drift
    health: Health


def watch_file(table: Table, until: int | None, rule: Rule) -> tuple[list[Watched], list[str]]:
    """Every unit of a table, and sentences about those that cannot be watched.

    `until` ends the baseline, else the first 60 % of each unit's time does. If no unit can be watched, the reason is
    raised (DataError, Refused).
    """
    asked = []
    for unit, hours in table.by_unit().items():
        t, raw, reference = hours.time, hours.columns["raw"], hours.columns[REFERENCE]
        own = until if until is not None else int(t[0] + _BASELINE_SHARE * (t[-1] - t[0])) // DAY * DAY
        asked.append(_Hours(unit, t, raw, reference, own))
    return _watch(asked, rule)


def watch_kits(
    store: Store, registry: Registry, places: Sequence[CoLocation], until: int | None, rule: Rule
) -> tuple[list[Watched], list[str]]:
    """Kits beside a station, as `watch_file`; without `until` the baseline is what the newest calibration learned from.

    Raises
    ------
    UsageError
        If a kit has neither.
    """
    return _watch([_hours_of(store, registry, place, until) for place in places], rule)


@dataclass(frozen=True)
class _Hours:
    name: str
    t: NDArray[np.int64]
    raw: Floats
    reference: Floats
    until: int
    changes: tuple[int, ...] = ()


def _hours_of(store: Store, registry: Registry, place: CoLocation, until: int | None) -> _Hours:
    registry.device(place.device)
    if until is None:
        used = registry.assignments(place.device, place.quantity)
        if not used:
            raise UsageError(
                f"{place.device} has no calibration of {place.quantity} that could be its baseline.",
                "Say --baseline-until with the day until which it was known to be well.",
            )
        with said_our_way():
            until = calibration.Record.from_json(registry.calibration(used[-1].record)).training.end
    t, inputs, reference = hours_of(store, place)
    changes = tuple(one.start for one in registry.deployments(place.device))
    return _Hours(place.device, t, inputs["raw"], reference, until, changes)


def _watch(asked: Sequence[_Hours], rule: Rule) -> tuple[list[Watched], list[str]]:
    found, errors = [], []
    for one in asked:
        try:
            drift = watch(one.t, one.raw, one.reference, one.until, rule)
            health = examine(one.t, one.raw, one.reference, drift, one.changes)
        except calibration.CalibrationError as error:
            errors.append((one.name, error))
        else:
            found.append(Watched(one.name, one.until, drift, health))
    if errors and not found:
        with said_our_way():
            raise errors[0][1]
    return found, [f"{name}: {error} {error.hint}".strip() for name, error in errors]


def row_of(one: Watched) -> dict[str, Any]:
    """All that was found, for programs."""
    drift, health = one.drift, one.health
    base = drift.baseline
    return {
        "sensor": one.name,
        "verdict": health.verdict,
        "state": str(drift.state[-1]),
        "change": _number(drift.change[-1]),
        "since": _day(health.since),
        "size": health.size,
        "first_warn": _day(drift.first("warn")),
        "first_fail": _day(drift.first("fail")),
        "first_cusum": _day(drift.first_cusum()),
        "sensitivity": health.sensitivity,
        "sensitivity_se": health.sensitivity_se,
        "offset": health.offset,
        "offset_se": health.offset_se,
        "baseline_until": iso(one.until),
        "baseline_days": base.days,
        "baseline_spread": base.spread,
        "days_watched": int(((drift.state != UNKNOWN) & ~drift.baseline_day).sum()),
        "false_warn": base.false_warn,
        "false_fail": base.false_fail,
        "false_cusum": base.false_cusum,
        "means": VERDICTS[health.verdict],
    }


def days_of(one: Watched) -> Iterator[dict[str, Any]]:
    """A row for each day."""
    drift = one.drift
    for i, day in enumerate(drift.day):
        yield {
            "sensor": one.name,
            "day": _day(int(day)),
            "baseline": bool(drift.baseline_day[i]),
            "log_ratio": _number(drift.ratio[i]),
            "change": _number(drift.change[i]),
            "cusum": _number(drift.cusum[i]),
            "state": str(drift.state[i]),
        }


def _day(day: int | None) -> str | None:
    return None if day is None else iso(day * DAY)[:10]


def _number(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None
