# SPDX-License-Identifier: EUPL-1.2
"""Moments and lengths of time as people write them; inside, time is whole seconds since 1970, UTC."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

HOUR = 3600
DAY = 24 * HOUR

_UNITS = {"m": 60, "h": HOUR, "d": 24 * HOUR, "w": 7 * 24 * HOUR}


def iso(t: int) -> str:
    """Seconds since 1970 as ISO 8601 in UTC.

    >>> iso(1767261600)
    '2026-01-01T10:00:00Z'
    """
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str) -> int:
    """ISO 8601, UTC where it names no zone, or `now`; ValueError for anything else.

    >>> parse_moment("2026-01-01T11:00+01:00")
    1767261600
    """
    if text == "now":
        return int(time.time())
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def parse_span(text: str) -> int:
    """A length of time such as 90m, 24h, 7d or 2w, in seconds; ValueError for anything else.

    >>> parse_span("2d")
    172800
    """
    found = re.fullmatch(r"(\d+)([mhdw])", text)
    if not found or int(found[1]) == 0:
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2]]
