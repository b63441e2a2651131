# SPDX-License-Identifier: EUPL-1.2
"""Recorded readings of one device, to be published as its kit would have sent them.

Columns of a file come in: times, values by quantity, units. The fleet sends them as one kit's readings, boot 1,
numbered from 1, so that recorded data take the same way through the collector as live data do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from collector.errors import DataError, UsageError
from collector.quantities import NAME, QUANTITIES, unit_factor
from collector.simulate.readings import Columns

_DEVICE = re.compile(r"[a-z0-9-]{6,32}")


class Replay:
    """A recording: `t` ends of intervals [s since 1970, UTC], one array for each quantity, NaN where it has no value.

    `units` names the units of quantities that are not in their own, say ppb; the collector converts them. Rows without
    any value are left out. DataError where the columns cannot be readings.
    """

    firmware = "replayed"

    def __init__(
        self,
        device: str,
        t: ArrayLike,
        q: Mapping[str, ArrayLike],
        *,
        dt: int = 60,
        units: Mapping[str, str] | None = None,
    ) -> None:
        if not _DEVICE.fullmatch(device):
            raise UsageError(f"{device!r} is no device's id.", "Use 6 to 32 small letters, digits and hyphens.")
        self.device = device
        times = np.asarray(t, np.int64)
        values = {name: np.asarray(column, np.float64) for name, column in q.items()}
        for name, column in values.items():
            if not NAME.fullmatch(name):
                raise DataError(f"{name!r} cannot be the name of a quantity.", "Rename the column: pm25, no2, laeq ...")
            if column.shape != times.shape:
                raise DataError(f"{name} has {column.size} values for {times.size} times.", "Give one for each time.")
        self._dt, self._t, self._q = dt, times, values
        self._units = _foreign(units or {}, values)

    def columns(self) -> Columns:
        """The recording, rows without any value left out."""
        finite = {name: np.where(np.isfinite(column), column, np.nan) for name, column in self._q.items()}
        some = np.zeros(len(self._t), np.bool_)
        for column in finite.values():
            some |= np.isfinite(column)
        t = self._t[some]
        n = len(t)
        never = np.zeros(n, np.bool_)
        q = {name: column[some] for name, column in finite.items()}
        return Columns(self._dt, np.ones(n, np.int64), np.arange(1, n + 1), t, t, never, never, q, self._units)


def _foreign(units: Mapping[str, str], values: Mapping[str, object]) -> dict[str, str]:
    """The units that must travel with the values, since they are not the quantities' own."""
    foreign = {}
    for name, unit in units.items():
        if name not in values:
            raise DataError(f"There is a unit for {name}, but no such column.", "Name the columns that there are.")
        if name not in QUANTITIES:
            raise DataError(f"{name} is not in the glossary, so {unit!r} cannot be converted.", "Leave its unit out.")
        try:
            factor = unit_factor(QUANTITIES[name], unit)
        except ValueError as error:
            raise DataError(f"{error}.", "Convert the column before it is replayed.") from error
        if factor != 1.0:
            foreign[name] = unit
    return foreign
