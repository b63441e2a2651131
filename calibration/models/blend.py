# SPDX-License-Identifier: EUPL-1.2
"""Guarded blend: half a linear ridge, half one with second-order terms, each held near the training range.

The linear half is safe far from the training hours, the other follows humidity and temperature near them; clamped and
averaged they stay harmless where either alone would not. What both say is averaged with what they would say if the
companions of the sensor's value had stayed within what training has seen; the difference is paid for in uncertainty.
Fitted and applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from calibration.align import Floats
from calibration.models.base import Envelope, Estimate, Fitted, Training, frozen, thawed
from calibration.models.companions import Companions
from calibration.models.ridge import RidgeInteractions, RidgeLinear

LINEAR_SHARE = 0.5


@dataclass(frozen=True)
class GuardedBlend(Fitted):
    """value = [f(x) + f(held x)] / 2 with f = share linear + (1 - share) interactions.

    Its one parameter is the share, which is not estimated. `held x` are features with companions that training has
    seen (see `calibration.models.companions`); records of versions before 0.2 have none and give f(x).
    """

    name = "guarded_blend"

    linear: RidgeLinear
    interactions: RidgeInteractions
    companions: Companions | None

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return available

    @classmethod
    def fit(cls, training: Training) -> Self:
        linear, interactions = RidgeLinear.fit(training), RidgeInteractions.fit(training)
        companions = Companions.of(training.features) if len(training.features) > 1 else None
        return cls(linear.features, linear.envelope, (LINEAR_SHARE,), ((0.0,),), linear, interactions, companions)

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        free = self._blend(features)
        if self.companions is None:
            return free
        near = self.companions.held(features)
        (a, a_clamped), (b, b_clamped) = self.linear.value(near), self.interactions.value(near)
        held = self._shared(a, b)
        # The truth lies somewhere between; half of their distance is what extrapolation may cost.
        return Estimate(
            0.5 * (free.value + held),
            free.u_model,
            free.clamped | a_clamped | b_clamped,
            0.5 * np.abs(free.value - held),
        )

    def _blend(self, features: Mapping[str, Floats]) -> Estimate:
        a, b = self.linear.estimate(features), self.interactions.estimate(features)
        # Both halves learned from the same hours: their errors add, they do not average out.
        return Estimate(self._shared(a.value, b.value), self._shared(a.u_model, b.u_model), a.clamped | b.clamped)

    def _shared(self, a: Floats, b: Floats) -> Floats:
        return self.parameters[0] * a + (1.0 - self.parameters[0]) * b

    def to_json(self) -> dict[str, Any]:
        companions = None if self.companions is None else {k: thawed(v) for k, v in asdict(self.companions).items()}
        return super().to_json() | {"companions": companions}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        companions = data.get("companions")
        return cls(
            features=tuple(data["features"]),
            envelope=Envelope(**{k: tuple(v) for k, v in data["envelope"].items()}),
            parameters=tuple(data["parameters"]),
            covariance=tuple(tuple(row) for row in data["covariance"]),
            linear=RidgeLinear.from_json(data["linear"]),
            interactions=RidgeInteractions.from_json(data["interactions"]),
            companions=companions and Companions(**{k: frozen(v) for k, v in companions.items()}),
        )
