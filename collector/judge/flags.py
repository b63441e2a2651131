# SPDX-License-Identifier: EUPL-1.2
"""The words of judging: primary flags, and the bits of the mask that names the tests behind them."""

from __future__ import annotations

from enum import IntEnum, IntFlag


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
    HUMIDITY = 32  # particles counted in air so damp that droplets are counted too: suspect
    PM_ORDER = 64  # more of the smaller particles than of the larger ones that include them: suspect
    SPIKE = 128  # one value stands out from the one before and the one behind: suspect or fail
    RATE = 256  # changed faster than air does: suspect or fail
    FLAT_LINE = 512  # the same value for too long: suspect or fail
    ATTENUATED = 1024  # moved too little in a day: suspect or fail
    CLIMATOLOGY = 2048  # outside what the month brings at this place: suspect
    NEIGHBOUR = 4096  # the hour is unlike that of the kits nearby: suspect


def names(mask: int) -> list[str]:
    """The names of the tests in a mask.

    >>> names(5)
    ['range', 'received_time']
    """
    return [str(one.name).lower() for one in Test if one & mask]
