# SPDX-License-Identifier: EUPL-1.2
"""Clock times of a place in UTC, through the hours that summer time skips and repeats.

The name of a zone comes in, or times as seconds since 1970 on the clock of the place; what they are in UTC goes out.
Called by `calibration.table`, and by the collector's reader of reference data.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np

from calibration.align import Ints
from calibration.errors import BadInput

# Zones change their offset at whole quarters of an hour.
_QUARTER = 900
_EPOCH = datetime(1970, 1, 1)
_FIXED = re.compile(r"(?:UTC|GMT)?\s*([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)


def zone_named(text: str) -> tzinfo:
    """An IANA name, `UTC`, or a fixed offset such as UTC-5 or +01:00, as ISO 8601 counts (east is positive).

    Raises
    ------
    BadInput
        If it is none of these.

    >>> zone_named("UTC-5").utcoffset(None) == timedelta(hours=-5)
    True
    """
    name = text.strip()
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    fixed = _FIXED.fullmatch(name)
    try:
        if fixed:
            ahead = timedelta(hours=int(fixed[2]), minutes=int(fixed[3] or 0))
            return timezone(-ahead if fixed[1] == "-" else ahead)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # an OSError is a folder of the database of zones
        raise BadInput(
            f"{text!r} is no time zone.", "Write a name such as Europe/Amsterdam, or an offset such as UTC-5 or +01:00."
        ) from error


def offsets(local: Ints, zone: tzinfo) -> tuple[Ints, Ints]:
    """How far a clock is ahead of UTC, before and after a change if the time lies in one (the fold of PEP 495).

    Parameters
    ----------
    local : (n,) array
        Seconds since 1970 on the clock of the place.

    Returns
    -------
    early, late : (n,) arrays
        Seconds. `early` is larger in an hour that the clock shows twice, smaller in one that it skips.
    """
    quarters, which = np.unique(local // _QUARTER, return_inverse=True)
    moments = [_EPOCH + timedelta(seconds=int(quarter) * _QUARTER) for quarter in quarters]
    found = [[_ahead(moment.replace(tzinfo=zone, fold=fold)) for moment in moments] for fold in (0, 1)]
    early, late = np.array(found, np.int64)
    return early[which], late[which]


def _ahead(moment: datetime) -> int:
    return (moment.utcoffset() or timedelta()) // timedelta(seconds=1)
