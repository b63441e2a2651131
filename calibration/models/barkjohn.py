# SPDX-License-Identifier: EUPL-1.2
"""Published corrections for one type of PM2.5 sensor, with fixed coefficients: nothing is fitted.

They were made from co-locations all over one country, of sensors with a Plantower PMS5003, and are here to compare
with: a sensor of another type, or in another aerosol, may be far off. Their uncertainty is that of their residuals
beside the reference at hand. Applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.features import HUMIDITY, RAW
from calibration.models.base import Envelope, Estimate, Fitted, Training

SLOPE, PER_HUMIDITY, OFFSET = 0.524, -0.0862, 5.75  # of the published equation [1, ug/m3 per %, ug/m3]
STEEP = 0.786  # slope above 50 ug/m3
SMOKE_OFFSET, SMOKE_SLOPE, SMOKE_SQUARE = 2.966, 0.69, 8.84e-4  # above 260 ug/m3


@dataclass(frozen=True)
class _Published(Fitted):
    """No parameter, so none is uncertain."""

    needs = (HUMIDITY,)
    quantity = "pm25"

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in available if name in (RAW, HUMIDITY))

    @classmethod
    def fit(cls, training: Training) -> Self:
        seen = {name: training.features[name] for name in (RAW, HUMIDITY)}
        return cls((RAW, HUMIDITY), Envelope.of(seen), (), ())

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        value = self.corrected(features[RAW], features[HUMIDITY])
        return Estimate(value, np.where(np.isnan(value), np.nan, 0.0), np.zeros(len(value), bool))

    @staticmethod
    @abstractmethod
    def corrected(pm: Floats, humidity: Floats) -> Floats:
        """PM2.5 [ug/m3] from the sensor's PM2.5 [ug/m3] and its own humidity [%], all (n,)."""


@dataclass(frozen=True)
class Barkjohn2021(_Published):
    """value = 0.524 raw - 0.0862 humidity + 5.75, for the sensor's value with "CF = 1" and its own humidity.

    References
    ----------
    Barkjohn, Gantt and Clements (2021), Development and application of a United States-wide correction for PM2.5 data
    collected with the PurpleAir sensor, Atmos. Meas. Tech. 14, 4617-4637, doi:10.5194/amt-14-4617-2021.
    """

    name = "barkjohn_2021"

    @staticmethod
    def corrected(pm: Floats, humidity: Floats) -> Floats:
        return np.asarray(SLOPE * pm + PER_HUMIDITY * humidity + OFFSET)


@dataclass(frozen=True)
class Barkjohn2021Extended(_Published):
    """The same below 30 ug/m3, steeper above 50, with a square term for smoke above 260, and blended between; >= 0.

    For the sensor's value as "ATM". From 30 to 50 ug/m3 the slope goes from 0.524 to 0.786; from 210 to 260 humidity
    and offset go over into 2.966 + 0.69 raw + 8.84e-4 raw^2.

    References
    ----------
    Barkjohn, Holder, Frederick and Clements (2022), Correction and accuracy of PurpleAir PM2.5 measurements for
    extreme wildfire smoke, Sensors 22, 9669, doi:10.3390/s22249669; the form of the AirNow fire and smoke map.
    """

    name = "barkjohn_2021_extended"

    @staticmethod
    def corrected(pm: Floats, humidity: Floats) -> Floats:
        steep = np.clip(pm / 20 - 3 / 2, 0.0, 1.0)
        smoke = np.clip(pm / 50 - 21 / 5, 0.0, 1.0)
        slope = (STEEP * steep + SLOPE * (1 - steep)) * (1 - smoke) + SMOKE_SLOPE * smoke
        rest = (PER_HUMIDITY * humidity + OFFSET) * (1 - smoke) + SMOKE_OFFSET * smoke
        return np.asarray(np.maximum(slope * pm + rest + SMOKE_SQUARE * pm * pm * smoke, 0.0))
