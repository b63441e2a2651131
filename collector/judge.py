# SPDX-License-Identifier: EUPL-1.2
"""Judges values: a QARTOD primary flag and a mask that names the tests behind it. Judging never deletes.

The intake decides which readings are taken at all (time, device, duplicates); this module turns a reading that was
taken into rows for the stores. It is pure: the same reading gives the same rows for every store, today and later.
"""

from __future__ import annotations

import math
from enum import IntEnum, IntFlag

from collector.message import Reading
from collector.quantities import QUANTITIES, unit_factor
from collector.store.base import Row


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


def rows_of(device: str, reading: Reading, t: int) -> list[Row]:
    """A reading as rows for a store, each judged; `t` is its time as the intake settled it."""
    received = int(Test.RECEIVED_TIME) if reading.t is None else 0
    rows = []
    for quantity, value in reading.q.items():
        if value is None:
            continue
        if reading.u and quantity in reading.u:
            value *= unit_factor(QUANTITIES[quantity], reading.u[quantity])
        if not math.isfinite(value):
            value = math.copysign(1.7976931348623157e308, value)  # 1e308 ppb: absurd, flagged, and still storable
        flag, tests = judge_value(quantity, value)
        rows.append(Row(device, quantity, t, reading.dt, value, flag, tests | received))
    return rows
