# SPDX-License-Identifier: EUPL-1.2
"""Judges values: a QARTOD primary flag and a mask that names the tests behind it. Judging never deletes.

The intake decides which readings are taken at all (time, device, duplicates); this module turns a reading that was
taken into rows for the stores. It is pure: the same reading gives the same rows for every store, today and later.
"""

from __future__ import annotations

import math
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import cast

from collector.message import Reading
from collector.quantities import QUANTITIES, unit_factor
from collector.store.base import Judged


class Flag(IntEnum):
    """Primary flags after IOOS, Manual for Real-Time Quality Control (QARTOD), 2020; the worst test decides."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Test(IntFlag):
    """The bits of the mask: which tests had something to say."""

    RANGE = 1  # outside what the quantity can plausibly be: fail
    UNKNOWN_QUANTITY = 2  # not in the glossary, so nothing could be tested: not evaluated
    RECEIVED_TIME = 4  # the kit did not know the time; dated by the collector when it came in
    ENVELOPE = 8  # calibrated outside of what its co-location saw: suspect
    COVERAGE = 16  # too little of the interval was measured: missing


_UNKNOWN = int(Flag.NOT_EVALUATED), int(Test.UNKNOWN_QUANTITY)
_OUTSIDE = int(Flag.FAIL), int(Test.RANGE)
_PASS = int(Flag.PASS), 0


def judge_value(quantity: str, value: float) -> tuple[int, int]:
    """The flag and the mask of tests of one value, in the quantity's unit."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return _UNKNOWN
    return _PASS if known.low <= value <= known.high else _OUTSIDE


def judge(device: str, reading: Reading, t: int) -> Judged:
    """A reading as rows for a store, each judged; `t` is its time as the intake settled it."""
    whole = reading.u is None and None not in reading.q.values()
    q = cast(dict[str, float], reading.q) if whole else _converted(reading)
    quantities, values = tuple(q), tuple(q.values())
    received = int(Test.RECEIVED_TIME) if reading.t is None else 0
    for value, (low, high) in zip(values, _ranges(quantities), strict=True):
        if not low <= value <= high:
            break
    else:  # as nearly always
        return Judged(device, t, reading.dt, quantities, values, (_PASS[0],) * len(q), (received,) * len(q))
    judged = [judge_value(quantity, value) for quantity, value in q.items()]
    flags, tests = tuple(flag for flag, _ in judged), tuple(tests | received for _, tests in judged)
    return Judged(device, t, reading.dt, quantities, values, flags, tests)


@lru_cache(1024)
def _ranges(quantities: tuple[str, ...]) -> list[tuple[float, float]]:
    """What passes, for each quantity; nothing does of one that is not in the glossary."""
    known = [QUANTITIES.get(name) for name in quantities]
    return [(math.inf, -math.inf) if one is None else (one.low, one.high) for one in known]


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
