# SPDX-License-Identifier: EUPL-1.2
"""Series: raw values from a store as the hours, days, months and years that one asks for, raw or calibrated.

Everything that answers a question (query, export, report) comes through here, so all give the same numbers.
"""

from collector.series.hours import (
    MIN_COVERAGE,
    CalibratedHours,
    Hours,
    calibrated,
    hour_grid,
    hourly,
    read_hours,
    sensor_hours,
)
from collector.series.longer import Longer, as_longer, lden, longer, max_running_8h
from collector.series.windows import Every, Windows, phase, windows

__all__ = [
    "MIN_COVERAGE",
    "CalibratedHours",
    "Every",
    "Hours",
    "Longer",
    "Windows",
    "as_longer",
    "calibrated",
    "hour_grid",
    "hourly",
    "lden",
    "longer",
    "max_running_8h",
    "phase",
    "read_hours",
    "sensor_hours",
    "windows",
]
