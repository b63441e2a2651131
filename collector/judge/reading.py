# SPDX-License-Identifier: EUPL-1.2
"""Judges a reading by itself: what no value before or behind is needed for.

The intake decides which readings are taken at all (time, device, duplicates); the senders call this to turn a reading
that was taken into rows for the stores. It runs for each reading, so it is plain arithmetic; `window` makes the same
tests on arrays, and a test holds both against each other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple, cast

from collector.judge.flags import Flag, Test
from collector.judge.limits import LIMITS, Limits
from collector.message import Reading
from collector.quantities import QUANTITIES, unit_factor
from collector.store.base import Judged

_UNKNOWN = int(Flag.NOT_EVALUATED), int(Test.UNKNOWN_QUANTITY)
_OUTSIDE = int(Flag.FAIL), int(Test.RANGE)
_PASS = int(Flag.PASS), 0

# Each of these sizes includes the ones before it.
SIZES = ("pm1", "pm25", "pm4", "pm10")
# A sensor's channels have noise of their own: this share more of a smaller size is no contradiction.
ORDER_SHARE = 0.05
_PLANS = 1000  # that are remembered; a kit may name its quantities in any order


def judge_value(quantity: str, value: float) -> tuple[int, int]:
    """The flag and the mask of tests of one value, in the quantity's unit."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return _UNKNOWN
    return _PASS if known.low <= value <= known.high else _OUTSIDE


class _Plan(NamedTuple):
    """What is to be looked at in readings that have the same quantities."""

    ranges: list[tuple[float, float]]  # what passes, for each quantity; nothing does of one that is not known
    humidity: int  # which value it is, or -1
    damp: float  # particles are suspect in air damper than this [%]
    order: list[tuple[int, int, float]]  # which two values, the smaller size first, and how much more it may be


class ReadingJudge:
    """Judges readings by themselves, with the limits of a table."""

    def __init__(self, limits: Mapping[str, Limits] = LIMITS) -> None:
        self._limits = limits
        self._plans: dict[tuple[str, ...], _Plan] = {}

    def __call__(self, device: str, reading: Reading, t: int) -> Judged:
        """A reading as rows for a store, each judged; `t` is its time as the intake settled it."""
        whole = reading.u is None and None not in reading.q.values()
        q = cast(dict[str, float], reading.q) if whole else _converted(reading)
        quantities, values = tuple(q), tuple(q.values())
        ranges, humidity, damp, order = self._plans.get(quantities) or self._plan(quantities)
        received = int(Test.RECEIVED_TIME) if reading.t is None else 0
        sound = True
        for value, (low, high) in zip(values, ranges, strict=True):
            if not low <= value <= high:
                sound = False
        for small, large, slack in order:
            if values[small] > values[large] * (1 + ORDER_SHARE) + slack:
                sound = False
        if sound and (humidity < 0 or values[humidity] <= damp):  # as nearly always
            n = len(values)
            return Judged(device, t, reading.dt, quantities, values, (_PASS[0],) * n, (received,) * n)
        return self._judge_singly(device, t, reading.dt, q, received)

    def _plan(self, quantities: tuple[str, ...]) -> _Plan:
        known = [QUANTITIES.get(name) for name in quantities]
        ranges = [(math.inf, -math.inf) if one is None else (one.low, one.high) for one in known]
        sizes = [name for name in SIZES if name in quantities]
        damps = [limit for size in sizes if (limit := self._limits[size].humidity_above) is not None]
        humidity = quantities.index("humidity") if "humidity" in quantities and damps else -1
        order = [
            (quantities.index(small), quantities.index(large), slack)
            for small, large in pairwise(sizes)
            if (slack := self._limits[large].order_slack) is not None
        ]
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[quantities] = plan = _Plan(ranges, humidity, min(damps, default=math.inf), order)
        return plan

    def _judge_singly(self, device: str, t: int, dt: int, q: dict[str, float], received: int) -> Judged:
        """Value by value, where something is to be said."""
        judged = {quantity: judge_value(quantity, value) for quantity, value in q.items()}
        marks = self._judge_particles({name: q[name] for name, found in judged.items() if found == _PASS})
        for quantity, mark in marks.items():
            judged[quantity] = int(Flag.SUSPECT), mark
        flags, tests = tuple(flag for flag, _ in judged.values()), tuple(mask | received for _, mask in judged.values())
        return Judged(device, t, dt, tuple(q), tuple(q.values()), flags, tests)

    def _judge_particles(self, sound: dict[str, float]) -> dict[str, int]:
        """Particles in damp air, and sizes that contradict each other: the tests that say so, by quantity."""
        marks: dict[str, int] = {}
        before: str | None = None
        for size in SIZES:
            if size not in sound:
                continue
            limit = self._limits[size]
            if limit.humidity_above is not None and sound.get("humidity", 0.0) > limit.humidity_above:
                marks[size] = marks.get(size, 0) | int(Test.HUMIDITY)
            most = math.inf if limit.order_slack is None else sound[size] * (1 + ORDER_SHARE) + limit.order_slack
            if before is not None and sound[before] > most:
                for one in (before, size):
                    marks[one] = marks.get(one, 0) | int(Test.PM_ORDER)
            before = size
        return marks


def _converted(reading: Reading) -> dict[str, float]:
    """The values that there are, each in its quantity's own unit."""
    found = {}
    for quantity, value in reading.q.items():
        if value is None:
            continue
        if reading.u and quantity in reading.u:
            value *= unit_factor(QUANTITIES[quantity], reading.u[quantity])
            if not math.isfinite(value):
                value = math.copysign(1.7976931348623157e308, value)  # 1e308 ppb: absurd, flagged, and still storable
        found[quantity] = value
    return found
