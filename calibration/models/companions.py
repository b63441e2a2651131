# SPDX-License-Identifier: EUPL-1.2
"""What the companions of a sensor's value were in training, given that value; and holding later ones there.

A sensor may be trusted beyond the values that it has seen, for it was built to follow them. Its companions (humidity,
temperature, other electrodes, the hour before) may not: what they did to it outside of the training range is unknown.
Features come in and go out, with the companions moved to the nearest that training has seen beside such a value. Called
by `calibration.models.blend`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.features import RAW
from calibration.models.base import Row, rows_of

SEEN = (0.005, 0.995)  # quantiles
MARGIN = 0.1  # of the span between them, on both sides


@dataclass(frozen=True)
class Companions:
    """Lines of each companion on the raw value, and principal components of what is left, with their bounds.

    Attributes
    ----------
    names : tuple of str
        The companions; all features but `raw`.
    mean, slope, deviation : tuples of float (p,)
        Of each companion: its value at a raw value of `raw_mean`, its change with the raw value, and the standard
        deviation of what is left.
    directions : tuple of p tuples of p floats
        Orthonormal principal components of what is left, in standard deviations.
    low, high : tuples of float (p,)
        Bounds along each: 0.5 and 99.5 % quantiles of training, widened by 10 % of their span.

    References
    ----------
    Jolliffe (2002), Principal Component Analysis, 2nd edition, Springer, chapter 10: components with little variance
    show best what does not belong.
    """

    names: tuple[str, ...]
    raw_mean: float
    mean: Row
    slope: Row
    deviation: Row
    directions: tuple[Row, ...]
    low: Row
    high: Row

    @classmethod
    def of(cls, features: Mapping[str, Floats]) -> Self:
        """From the training features, arrays (n,) without a NaN."""
        names = tuple(name for name in features if name != RAW)
        raw = features[RAW]
        raw_mean = float(raw.mean())
        x = np.stack([features[name] for name in names], axis=1)
        mean, spread = x.mean(axis=0), raw - raw_mean
        moving = float(spread @ spread)
        slope = spread @ (x - mean) / moving if moving > 0 else np.zeros(len(names))
        left = x - mean - np.outer(spread, slope)
        deviation = left.std(axis=0)
        deviation[deviation <= 1e-9 * np.maximum(1.0, np.abs(mean))] = 1.0  # rounding, not change
        left = left / deviation
        directions = np.linalg.svd(left, full_matrices=False)[2] if len(left) >= len(names) else np.eye(len(names))
        lowest, highest = np.quantile(left @ directions.T, SEEN, axis=0)
        margin = MARGIN * (highest - lowest)
        rows = rows_of(np.stack([mean, slope, deviation, lowest - margin, highest + margin]))
        return cls(names, raw_mean, rows[0], rows[1], rows[2], rows_of(directions), rows[3], rows[4])

    def held(self, features: Mapping[str, Floats]) -> dict[str, Floats]:
        """The features with their companions within what training has seen beside such raw values; raw stays.

        Each hour is computed by itself, with sums in a fixed order.
        """
        raw = features[RAW]
        expected = [m + s * (raw - self.raw_mean) for m, s in zip(self.mean, self.slope, strict=True)]
        left = [(features[name] - e) / d for name, e, d in zip(self.names, expected, self.deviation, strict=True)]
        moved = [np.zeros_like(raw) for _ in left]
        for direction, low, high in zip(self.directions, self.low, self.high, strict=True):
            along = np.zeros_like(raw)
            for weight, x in zip(direction, left, strict=True):
                along = along + weight * x
            excess = np.minimum(np.maximum(along, low), high) - along
            for k, weight in enumerate(direction):
                moved[k] = moved[k] + weight * excess
        held = {name: features[name] + d * m for name, d, m in zip(self.names, self.deviation, moved, strict=True)}
        return {name: held.get(name, raw) for name in features}
