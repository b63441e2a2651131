# SPDX-License-Identifier: EUPL-1.2
"""Ratio: the reference is a multiple of the sensor. One parameter, for the first days beside a station.

Fitted and applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.errors import BadInput
from calibration.features import RAW
from calibration.models.base import Envelope, Estimate, Fitted, Training, quadratic_form, rows_of
from calibration.stats import robust_covariance


@dataclass(frozen=True)
class Ratio(Fitted):
    """value = k raw, with k = sum(w y) / sum(w raw): the ratio of means, which a calm hour near zero does not upset."""

    name = "ratio"

    @classmethod
    def fit(cls, training: Training) -> Self:
        x, y, w = training.features[RAW], training.y, training.day_weight(training.day)
        sum_x = float((w * x).sum())
        if sum_x <= 0:
            raise BadInput("The sensor's mean is not above zero, so no ratio exists.", "Use the model huber_line.")
        k = float((w * y).sum()) / sum_x
        residual = y - k * x
        covariance = robust_covariance(training.t, (w * residual)[:, None], np.array([[1 / sum_x]]))
        return cls((RAW,), Envelope.of({RAW: x}), (k,), rows_of(covariance))

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        x = features[RAW]
        value = self.parameters[0] * x
        return Estimate(value, np.sqrt(quadratic_form([x], self.covariance)), np.zeros(len(x), bool))
