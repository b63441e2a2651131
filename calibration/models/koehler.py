# SPDX-License-Identifier: EUPL-1.2
"""Koehler line: the sensor's value divided by the growth of particles in humid air, then a line on the reference.

For optical particle sensors without a heated inlet. One hygroscopicity for all hours is a strong assumption, and the
humidity inside of a warm box is lower than outside; in this project's trials the plain ridge did better. Fitted and
applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.features import HUMIDITY, RAW
from calibration.models.base import Envelope, Estimate, Fitted, Training, quadratic_form, rows_of
from calibration.stats import robust_covariance, weighted_line

HYGROSCOPICITIES = np.linspace(0.0, 1.0, 101)  # 0.61 is ammonium sulphate, 1.3 sodium chloride
DENSITY = 1.65  # of dry particles [g/cm3]
WETTEST = 95.0  # [%]: above it growth runs to infinity, and humidity sensors do not tell any more


@dataclass(frozen=True)
class KoehlerLinear(Fitted):
    """value = a + b raw / C with C = 1 + kappa / 1.65 aw / (1 - aw), aw = min(humidity, 95 %) / 100.

    Parameters (a, b, kappa); kappa is the best of 0.00, 0.01 ... 1.00.

    References
    ----------
    Petters and Kreidenweis (2007), A single parameter representation of hygroscopic growth, Atmos. Chem. Phys. 7,
    1961-1971, doi:10.5194/acp-7-1961-2007. Crilley et al. (2018), Evaluation of a low-cost optical particle counter
    for ambient air monitoring, Atmos. Meas. Tech. 11, 709-720, doi:10.5194/amt-11-709-2018.
    """

    name = "koehler_linear"
    needs = (HUMIDITY,)

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in available if name in (RAW, HUMIDITY))

    @classmethod
    def fit(cls, training: Training) -> Self:
        x, humidity, y = training.features[RAW], training.features[HUMIDITY], training.y
        w = training.day_weight(training.day)
        wet = _wetness(humidity)
        dried = x / (1.0 + HYGROSCOPICITIES[:, None] * wet)
        intercept, slope = weighted_line(dried, y, w)
        left = y - intercept[:, None] - slope[:, None] * dried
        best = int(np.argmin((w * left * left).sum(axis=1)))
        a, b, kappa = float(intercept[best]), float(slope[best]), float(HYGROSCOPICITIES[best])
        design = np.stack(_gradient(x, wet, b, kappa), axis=1)
        bread = np.asarray(np.linalg.pinv((design * w[:, None]).T @ design), np.float64)
        covariance = robust_covariance(training.t, design * (w * left[best])[:, None], bread)
        seen = {RAW: x, HUMIDITY: humidity}
        return cls((RAW, HUMIDITY), Envelope.of(seen), (a, b, kappa), rows_of(covariance))

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        x, wet = features[RAW], _wetness(features[HUMIDITY])
        a, b, kappa = self.parameters
        u = np.sqrt(quadratic_form(_gradient(x, wet, b, kappa), self.covariance))
        return Estimate(a + b * x / (1.0 + kappa * wet), u, np.zeros(len(x), bool))


def _wetness(humidity: Floats) -> Floats:
    activity = np.minimum(humidity, WETTEST) / 100.0
    return np.asarray(activity / (1.0 - activity) / DENSITY)


def _gradient(x: Floats, wet: Floats, b: float, kappa: float) -> list[Floats]:
    """Derivatives of the value with respect to a, b and kappa."""
    growth = 1.0 + kappa * wet
    return [np.ones_like(x), x / growth, -b * x * wet / (growth * growth)]
