# SPDX-License-Identifier: EUPL-1.2
"""The shape that every model has: fitted from training hours, applied to features, written to and read from JSON.

A model is one file with one class derived from `Fitted`, and one line in the table of `calibration/models/__init__.py`.
Fitted models hold plain tuples of floats, so that two of them are equal exactly if they give the same values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from calibration import stats
from calibration.align import Bools, Floats, Ints
from calibration.features import RAW, is_lag

# Sensors drift and aerosol changes with the season: an hour one season before the last one counts half.
HALF_LIFE_DAYS = 90.0

Row = tuple[float, ...]


@dataclass(frozen=True)
class Training:
    """Hours beside a reference, without a missing value.

    Attributes
    ----------
    t : (n,) array
        Ends of the hours [s], strictly rising.
    features : mapping of str to (n,) arrays
        By name, in the order in which models take them.
    y : (n,) array
        Reference.
    """

    t: Ints
    features: Mapping[str, Floats]
    y: Floats

    def rows(self, mask: Bools) -> Training:
        """A part of the hours."""
        return Training(self.t[mask], {k: v[mask] for k, v in self.features.items()}, self.y[mask])

    def only(self, names: tuple[str, ...]) -> Training:
        """The same hours with a part of the features."""
        return Training(self.t, {name: self.features[name] for name in names}, self.y)

    @property
    def day(self) -> Ints:
        """UTC day of each hour, since 1970."""
        return stats.day_of(self.t)

    def day_weight(self, day: Ints) -> Floats:
        """Weight of days, 1 for the last day of training."""
        return np.asarray(0.5 ** ((self.day[-1] - day) / HALF_LIFE_DAYS))


@dataclass(frozen=True)
class Envelope:
    """What the co-location has seen: per feature its 0.5 and 99.5 % quantiles, widened by 10 % of their span."""

    features: tuple[str, ...]
    low: Row
    high: Row

    @classmethod
    def of(cls, features: Mapping[str, Floats]) -> Self:
        """The envelope of training features; lagged ones share the range of the present value."""
        names = tuple(name for name in features if not is_lag(name))
        bounds = []
        for name in names:
            low, high = np.quantile(features[name], [0.005, 0.995])
            margin = 0.1 * (high - low)
            bounds.append((float(low - margin), float(high + margin)))
        return cls(names, tuple(b[0] for b in bounds), tuple(b[1] for b in bounds))

    def distance(self, features: Mapping[str, Floats], only: Container[str] | None = None) -> Floats:
        """How far outside, in spans of the range: 0 inside, the largest over the features (n,); NaN if one is NaN."""
        worst: Floats = np.zeros(len(features[self.features[0]]))
        for name, low, high in zip(self.features, self.low, self.high, strict=True):
            if only is not None and name not in only:
                continue
            x = features[name]
            span = high - low if high > low else 1.0
            worst = np.maximum(worst, np.maximum(low - x, x - high) / span)
        return worst


class Estimate(NamedTuple):
    """What a model says of hours: arrays (n,), NaN where a feature is missing."""

    value: Floats
    u_model: Floats  # standard uncertainty that comes from the parameters alone, in the unit of the value
    clamped: Bools  # the guard held the value back
    u_extrapolation: Floats | None = None  # what companions outside of training may cost; None: the model cannot say


class Prediction(NamedTuple):
    """An estimate together with `outside`, its distance from the envelope (0 inside).

    `stretch` is the part of that distance that the estimate's own uncertainty does not cover: of the raw value alone
    for models which know what their companions cost, of all features for others.
    """

    value: Floats
    u_model: Floats
    clamped: Bools
    u_extrapolation: Floats
    outside: Floats
    stretch: Floats

    def rows(self, mask: Bools) -> Prediction:
        """A part of the hours."""
        return Prediction(
            self.value[mask],
            self.u_model[mask],
            self.clamped[mask],
            self.u_extrapolation[mask],
            self.outside[mask],
            self.stretch[mask],
        )


@dataclass(frozen=True)
class Fitted(ABC):
    """A model with its parameters. `covariance` is that of the parameters, in their order."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()  # inputs beside `raw`
    quantity: ClassVar[str | None] = None  # the only one that it is made for

    features: tuple[str, ...]
    envelope: Envelope
    parameters: Row
    covariance: tuple[Row, ...]

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        """The features it takes, of those available."""
        return tuple(name for name in available if name == RAW)

    @classmethod
    def lacks(cls, available: tuple[str, ...]) -> str | None:
        """What it needs beside the features that are there, in words; None if that is nothing."""
        return ", ".join(f"the input {name!r}" for name in cls.needs if name not in available) or None

    @classmethod
    @abstractmethod
    def fit(cls, training: Training) -> Self:
        """Fit to training hours."""

    @abstractmethod
    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        """Value and parameter uncertainty, each hour by itself in a fixed order: a slice gives a slice."""

    def apply(self, features: Mapping[str, Floats]) -> Prediction:
        """Value, uncertainty of the parameters, guard and distance from the envelope.

        Parameters
        ----------
        features : mapping of str to (n,) arrays
            At least those of `self.features`.
        """
        found, outside = self.estimate(features), self.envelope.distance(features)
        if found.u_extrapolation is None:
            return Prediction(*found[:3], np.zeros_like(outside), outside, outside)
        stretch = self.envelope.distance(features, only=(RAW,))
        return Prediction(*found[:3], found.u_extrapolation, outside, stretch)

    def to_json(self) -> dict[str, Any]:
        """Plain lists, numbers and strings; floats survive `json` bit for bit."""
        return {"name": self.name} | {f.name: thawed(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The model that `to_json` wrote."""
        given = {key: frozen(value) for key, value in data.items() if key != "name"}
        given["envelope"] = Envelope(**{k: frozen(v) for k, v in data["envelope"].items()})
        return cls(**given)


def rows_of(matrix: Floats) -> tuple[Row, ...]:
    """A matrix as tuples of floats."""
    return tuple(tuple(float(x) for x in row) for row in matrix)


def thawed(value: Any) -> Any:
    """Tuples as lists and dataclasses as mappings, the way JSON has them."""
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    if isinstance(value, Fitted):
        return value.to_json()
    if isinstance(value, Envelope):
        return {f.name: thawed(getattr(value, f.name)) for f in fields(value)}
    return value


def frozen(value: Any) -> Any:
    """Lists as tuples, at every depth."""
    return tuple(frozen(item) for item in value) if isinstance(value, list) else value


def quadratic_form(columns: list[Floats], matrix: tuple[Row, ...]) -> Floats:
    """x' M x of every row (n,), x given as columns; summed in a fixed order, never below zero."""
    total = np.zeros_like(columns[0])
    for i, row in enumerate(matrix):
        inner = 0.5 * row[i] * columns[i]
        for j in range(i):
            inner += row[j] * columns[j]
        inner *= 2.0
        inner *= columns[i]
        total += inner
    return np.maximum(total, 0.0)
