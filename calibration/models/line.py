# SPDX-License-Identifier: EUPL-1.2
"""Huber line: the reference on the sensor's value alone, hardly moved by outliers. For short co-locations.

Fitted and applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.features import RAW
from calibration.models.base import Envelope, Estimate, Fitted, Training, quadratic_form, rows_of
from calibration.stats import huber_line, robust_covariance


@dataclass(frozen=True)
class HuberLine(Fitted):
    """value = a + b raw; parameters (a, b)."""

    name = "huber_line"

    @classmethod
    def fit(cls, training: Training) -> Self:
        x, y = training.features[RAW], training.y
        intercept, slope, w = huber_line(x, y, training.day_weight(training.day))
        residual = y - intercept - slope * x
        design = np.stack([np.ones_like(x), x], axis=1)
        bread = np.asarray(np.linalg.pinv((design * w[:, None]).T @ design), np.float64)
        covariance = robust_covariance(training.t, design * (w * residual)[:, None], bread)
        return cls((RAW,), Envelope.of({RAW: x}), (float(intercept), float(slope)), rows_of(covariance))

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        x = features[RAW]
        value = self.parameters[0] + self.parameters[1] * x
        u = np.sqrt(quadratic_form([np.ones_like(x), x], self.covariance))
        return Estimate(value, u, np.zeros(len(x), bool))
