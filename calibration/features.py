# SPDX-License-Identifier: EUPL-1.2
"""What a model looks at: the sensor's own value, its companions, and each of them one hour before.

Inputs come in as arrays by name (`raw` and any covariates, such as humidity), features go out the same way. A feature
that ends in `_lag1` is the value of the hour before. Called when a record is fitted and when it is applied, so that
both see the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calibration.align import HOUR, Bools, Floats, Ints
from calibration.errors import BadInput

RAW, HUMIDITY, TEMPERATURE = "raw", "humidity", "temperature"
LAG = "_lag1"
UNITS = {HUMIDITY: "%", TEMPERATURE: "Cel", "pressure": "hPa"}


@dataclass(frozen=True)
class Features:
    """Features by name, arrays of one length (n,); NaN where an input is missing.

    `lag_replaced` marks hours at which the hour before is missing and the present value stands in for it.
    """

    values: Mapping[str, Floats]
    lag_replaced: Bools


def is_lag(feature: str) -> bool:
    """Whether a feature is a value of the hour before."""
    return feature.endswith(LAG)


def is_weather(feature: str) -> bool:
    """Whether a feature is humidity, temperature or pressure: neither the sensor's value nor a cell beside it."""
    return input_of(feature) in UNITS


def input_of(feature: str) -> str:
    """The input that a feature is made from."""
    return feature.removesuffix(LAG)


def feature_names(inputs: tuple[str, ...]) -> tuple[str, ...]:
    """All features that can be made of these inputs: the present values, then those of the hour before."""
    return (*inputs, *(name + LAG for name in inputs))


def previous_hour(t: Ints, x: Floats) -> Floats:
    """The value one hour earlier, NaN where the series has no such hour.

    Parameters
    ----------
    t : (n,) array
        Ends of hours [s], strictly rising; hours may be missing.
    x : (n,) array
    """
    before = np.full(len(t), np.nan)
    follows = np.flatnonzero(np.diff(t) == HOUR) + 1
    before[follows] = x[follows - 1]
    return before


def build(t: Ints, inputs: Mapping[str, Floats], names: tuple[str, ...]) -> Features:
    """Features of every hour.

    Parameters
    ----------
    t : (n,) array
        Ends of hours [s], strictly rising.
    inputs : mapping of str to (n,) arrays
        `raw` and covariates, each in its own unit.
    names : tuple of str
        Features wanted.

    Raises
    ------
    BadInput
        If an input is missing or has another length than t.

    Notes
    -----
    Where the hour before is missing, the present value stands in: the best guess for a series that moves slowly, and a
    gap then costs accuracy for one hour instead of the hour itself. `lag_replaced` says where.
    """
    values: dict[str, Floats] = {}
    replaced = np.zeros(len(t), dtype=bool)
    for name in names:
        source = input_of(name)
        if source not in inputs:
            raise BadInput(f"The input {source!r} is missing.", f"Give all of: {', '.join(map(input_of, names))}.")
        x = np.asarray(inputs[source], np.float64)
        if x.shape != t.shape:
            raise BadInput(f"The input {source!r} has shape {x.shape}, the times {t.shape}.")
        if is_lag(name):
            before = previous_hour(t, x)
            unknown = np.isnan(before)
            replaced |= unknown & ~np.isnan(x)
            values[name] = np.where(unknown, x, before)
        else:
            values[name] = x
    return Features(values, replaced)
