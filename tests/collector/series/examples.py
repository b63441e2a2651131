# SPDX-License-Identifier: EUPL-1.2
"""Small series for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.series import CalibratedHours, Hours
from collector.store.base import Values


def minutes(start: int, values: list[float], dt: int = 60) -> Values:
    """Values that follow one another from a moment on."""
    return Values.of([(start + (i + 1) * dt, dt, value, 1, 0) for i, value in enumerate(values)])


def of_hours(grid: NDArray[np.int64], value: NDArray[np.float64]) -> Hours:
    """Hours as they come out of a store; those that are NaN were not measured."""
    known = ~np.isnan(value)
    flag = np.where(known, 1, 9).astype(np.uint8)
    return Hours(grid, value, known.astype(float), flag, np.zeros(len(grid), np.int32))


def calibrated_hours(grid: NDArray[np.int64], value: NDArray[np.float64], u: float = 2.0) -> CalibratedHours:
    """The same, as if calibrated: one more than raw, of one record."""
    raw = of_hours(grid, value)
    known = ~np.isnan(value)
    record = ["r1" if one else None for one in known]
    corrected = value + 1.0
    return CalibratedHours(
        raw, corrected, np.where(known, u, np.nan), corrected - 3, corrected + 4, raw.flag, raw.tests, record
    )
