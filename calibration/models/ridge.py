# SPDX-License-Identifier: EUPL-1.2
"""Regression on standardised features: plain, with a penalty, and with second-order terms of the present values.

The penalty is chosen within the training hours by leaving out blocks of days, which is algebra on daily sums (see
`calibration.stats`). Values are held within the training range of the reference, widened by a quarter on both sides.
Fitted and applied through the interface of `calibration.models.base`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from calibration import stats
from calibration.align import Bools, Floats
from calibration.blocks import day_blocks, days_apart
from calibration.features import is_lag
from calibration.models.base import Envelope, Estimate, Fitted, Row, Training, quadratic_form, rows_of

PENALTIES = tuple(10.0**k for k in range(-5, 1))  # per hour, of standardised terms
NO_PENALTY = 1e-9  # a feature that never changes still gets a coefficient, zero; nothing else feels it
GUARD = 0.25  # of the training range of the reference

Terms = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Ridge(Fitted):
    """value = b0 + sum_k b_k (term_k - centre_k) / scale_k, a term being a product of standardised features.

    `parameters` are b0, b1, ...; `mean` and `deviation` standardise features, `centre` and `scale` terms; `low` and
    `high` are the guard.
    """

    penalties: ClassVar[tuple[float, ...]] = PENALTIES

    mean: Row
    deviation: Row
    centre: Row
    scale: Row
    penalty: float
    low: float
    high: float

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return available

    @classmethod
    @abstractmethod
    def terms(cls, features: tuple[str, ...]) -> Terms:
        """The terms, each by the indices of the features that it multiplies."""

    @classmethod
    def fit(cls, training: Training) -> Self:
        names = tuple(training.features)
        weight = training.day_weight(training.day)
        mean, deviation = _standard(list(training.features.values()), weight)
        columns = _products(list(training.features.values()), mean, deviation, cls.terms(names))
        centre, scale = _standard(columns, weight)
        design = np.stack([np.ones_like(training.y), *_scaled(columns, centre, scale)], axis=1)

        daily = stats.daily_statistics(training.t, design, training.y)
        shrunk = np.ones(design.shape[1])
        shrunk[0] = 0.0  # the mean is not
        day_weight = training.day_weight(daily.days)
        penalty = _choose_penalty(daily, day_weight, shrunk, cls.penalties)
        total = daily.total(day_weight)
        b = total.solve(penalty * shrunk)[0]

        inverse = np.linalg.inv(total.xx[0] + total.count[0] * penalty * np.diag(shrunk))
        residual = training.y - design @ b
        covariance = stats.robust_covariance(training.t, design * (weight * residual)[:, None], inverse)
        low, high = float(training.y.min()), float(training.y.max())
        return cls(
            features=names,
            envelope=Envelope.of(training.features),
            parameters=tuple(float(x) for x in b),
            covariance=rows_of(covariance),
            mean=mean,
            deviation=deviation,
            centre=centre,
            scale=scale,
            penalty=penalty,
            low=low - GUARD * (high - low),
            high=high + GUARD * (high - low),
        )

    def estimate(self, features: Mapping[str, Floats]) -> Estimate:
        columns = self._columns(features)
        value, clamped = self._guarded(columns)
        return Estimate(value, np.sqrt(quadratic_form(columns, self.covariance)), clamped)

    def value(self, features: Mapping[str, Floats]) -> tuple[Floats, Bools]:
        """What `estimate` says without its uncertainty, which is most of the work: values, and where they are held."""
        return self._guarded(self._columns(features))

    def _columns(self, features: Mapping[str, Floats]) -> list[Floats]:
        x = [features[name] for name in self.features]
        columns = _products(x, self.mean, self.deviation, self.terms(self.features))
        return [np.ones_like(x[0]), *_scaled(columns, self.centre, self.scale)]

    def _guarded(self, columns: list[Floats]) -> tuple[Floats, Bools]:
        value = np.zeros_like(columns[0])
        for coefficient, column in zip(self.parameters, columns, strict=True):
            value += coefficient * column
        held = np.minimum(np.maximum(value, self.low), self.high)
        return held, (value < self.low) | (value > self.high)


@dataclass(frozen=True)
class MultipleLinear(Ridge):
    """value = b0 + sum of b_k feature_k over the present features: ordinary least squares, the usual choice."""

    name = "multiple_linear"
    penalties = (NO_PENALTY,)

    @classmethod
    def wanted(cls, available: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in available if not is_lag(name))

    @classmethod
    def terms(cls, features: tuple[str, ...]) -> Terms:
        return tuple((i,) for i in range(len(features)))


@dataclass(frozen=True)
class RidgeLinear(Ridge):
    """All features, each once."""

    name = "ridge_linear"

    @classmethod
    def terms(cls, features: tuple[str, ...]) -> Terms:
        return tuple((i,) for i in range(len(features)))


@dataclass(frozen=True)
class RidgeInteractions(Ridge):
    """All features, and the squares and products of the present ones; the hour before enters linearly."""

    name = "ridge_interactions"

    @classmethod
    def terms(cls, features: tuple[str, ...]) -> Terms:
        present = [i for i, name in enumerate(features) if not is_lag(name)]
        pairs = tuple((i, j) for k, i in enumerate(present) for j in present[k:])
        return RidgeLinear.terms(features) + pairs


def _standard(columns: list[Floats], weight: Floats) -> tuple[Row, Row]:
    """Weighted means and standard deviations; a column that never changes gets 1, so that it becomes zeros."""
    total = weight.sum()
    mean = [float(weight @ x / total) for x in columns]
    deviation = [float(np.sqrt(weight @ (x - m) ** 2 / total)) for x, m in zip(columns, mean, strict=True)]
    smallest = [1e-9 * max(1.0, abs(m)) for m in mean]  # less than this is rounding, not change
    return tuple(mean), tuple(d if d > s else 1.0 for d, s in zip(deviation, smallest, strict=True))


def _scaled(columns: list[Floats], centre: Row, scale: Row) -> list[Floats]:
    return [(x - c) / s for x, c, s in zip(columns, centre, scale, strict=True)]


def _products(columns: list[Floats], mean: Row, deviation: Row, terms: Terms) -> list[Floats]:
    z = _scaled(columns, mean, deviation)
    return [z[term[0]] if len(term) == 1 else z[term[0]] * z[term[1]] for term in terms]


def _choose_penalty(
    daily: stats.DailyStatistics, weight: Floats, shrunk: Floats, penalties: tuple[float, ...]
) -> float:
    """The penalty with the smallest squared error on blocks of days that were left out, a day apart from the rest."""
    if len(penalties) == 1:
        return penalties[0]
    error = np.zeros(len(penalties))
    for block in day_blocks(daily.days[daily.count[0] > 0]):
        train = daily.total(weight * days_apart(daily.days, block))
        if train.count[0] == 0:
            continue
        test = daily.total(weight * np.isin(daily.days, block))
        for k, penalty in enumerate(penalties):
            error[k] += test.squared_error(train.solve(penalty * shrunk))[0]
    return penalties[int(np.argmin(error))]
