# SPDX-License-Identifier: EUPL-1.2
"""Electrochemical cell: a gas from the voltages of its own electrodes and those of the cells beside it.

`raw` is the working electrode; every other input that is not weather is taken for an electrode: the auxiliary electrode
of the cell, and both of a cell for another gas that this one also feels, as cells for O3 feel NO2. Fitted and applied
through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from dataclasses import dataclass

from calibration.features import RAW, TEMPERATURE, is_lag, is_weather
from calibration.models.ridge import Ridge, Terms


@dataclass(frozen=True)
class Electrochemical(Ridge):
    """value = b0 + sum over electrodes e of (b_e + c_e T) e, and b_T T + b_H H for weather; by ridge regression.

    The makers' form (WE - WE0) - n(T) (AE - AE0), divided by a sensitivity, with the zeros, n and the sensitivity
    learned beside a station instead of read from a sheet: n and the sensitivity may change with the temperature.

    References
    ----------
    Alphasense Application Note AAN 803, Correcting for background currents in four electrode toxic gas sensors.
    Mead et al. (2013), The use of electrochemical sensors for monitoring urban air quality in low-cost, high-density
    networks, Atmos. Environ. 70, 186-203, doi:10.1016/j.atmosenv.2012.11.060.
    """

    name = "electrochemical"
    needs = (TEMPERATURE,)

    @classmethod
    def lacks(cls, available: tuple[str, ...]) -> str | None:
        if any(name != RAW and not is_weather(name) and not is_lag(name) for name in available):
            return super().lacks(available)
        return "an electrode beside the working one, such as the auxiliary electrode"

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in available if not is_lag(name))

    @classmethod
    def terms(cls, features: tuple[str, ...]) -> Terms:
        warm = features.index(TEMPERATURE)
        electrodes = [i for i, name in enumerate(features) if not is_weather(name)]
        return tuple((i,) for i in range(len(features))) + tuple((i, warm) for i in electrodes)
