# SPDX-License-Identifier: EUPL-1.2
"""Guarded blend: half a linear ridge, half one with second-order terms, each held near the training range.

The linear half is safe far from the training hours, the other follows humidity and temperature near them; clamped and
averaged they stay harmless where either alone would not. Fitted and applied through the interface of
`calibration.models.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from calibration.align import Floats
from calibration.models.base import Envelope, Estimate, Fitted, Training
from calibration.models.ridge import RidgeInteractions, RidgeLinear

LINEAR_SHARE = 0.5


@dataclass(frozen=True)
class GuardedBlend(Fitted):
    """value = share linear + (1 - share) interactions; its one parameter is the share, which is not estimated."""

    name = "guarded_blend"

    linear: RidgeLinear
    interactions: RidgeInteractions

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return available

    @classmethod
    def fit(cls, training: Training) -> Self:
        linear, interactions = RidgeLinear.fit(training), RidgeInteractions.fit(training)
        return cls(linear.features, linear.envelope, (LINEAR_SHARE,), ((0.0,),), linear, interactions)

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        a, b = self.linear.estimate(features), self.interactions.estimate(features)
        share = self.parameters[0]
        return Estimate(
            share * a.value + (1.0 - share) * b.value,
            # Both halves learned from the same hours: their errors add, they do not average out.
            share * a.u_model + (1.0 - share) * b.u_model,
            a.clamped | b.clamped,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            features=tuple(data["features"]),
            envelope=Envelope(**{k: tuple(v) for k, v in data["envelope"].items()}),
            parameters=tuple(data["parameters"]),
            covariance=tuple(tuple(row) for row in data["covariance"]),
            linear=RidgeLinear.from_json(data["linear"]),
            interactions=RidgeInteractions.from_json(data["interactions"]),
        )
