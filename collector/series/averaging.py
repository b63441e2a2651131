# SPDX-License-Identifier: EUPL-1.2
"""The averaging rules of quantities, as sums over numbered intervals. Called for hours and for everything longer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.errors import UsageError
from collector.quantities import QUANTITIES, Averaging

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def rule_of(quantity: str) -> Averaging:
    """How a quantity is averaged; UsageError where it cannot be."""
    rule = QUANTITIES[quantity].averaging if quantity in QUANTITIES else Averaging.MEAN
    if rule is Averaging.NONE:
        raise UsageError(
            f"An hourly {quantity} cannot be had from the {quantity} of minutes: percentiles do not average.",
            "Ask for the values as measured with --every minute, or for laeq.",
        )
    return rule


def average(rule: Averaging, value: Floats, index: Ints, n: int, weight: Floats | None = None) -> Floats:
    """One value (n,) for each index, from values (m,) that are numbers; NaN where an index has none.

    The energy mean is 10 lg of the mean of 10^(L/10), ISO 1996-1. Weights (m,) are lengths of time; None: all the same.
    """
    if rule in (Averaging.MAXIMUM, Averaging.MINIMUM):
        extreme, start = (np.maximum, -np.inf) if rule is Averaging.MAXIMUM else (np.minimum, np.inf)
        result = np.full(n, start)
        extreme.at(result, index, value)
        return np.where(np.isfinite(result), result, np.nan)
    weight = np.ones(len(value)) if weight is None else weight
    total = np.bincount(index, weight, n)[:n]
    with np.errstate(invalid="ignore", divide="ignore"):
        if rule is Averaging.ENERGY_MEAN:
            return np.asarray(10 * np.log10(np.bincount(index, weight * 10 ** (value / 10), n)[:n] / total))
        return np.asarray(np.bincount(index, weight * value, n)[:n] / total)
