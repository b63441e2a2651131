# SPDX-License-Identifier: EUPL-1.2
"""How far a calibrated value may be from the truth: a standard uncertainty and a 90 % interval for every hour.

Residuals of blocks that the model had not seen come in, a `Spread` goes out, which tells the uncertainty of any later
value. Beside it the expanded relative uncertainty at a limit value, by which authorities judge an instrument. Called by
`calibration.fit` and by `calibration.apply`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from calibration.align import Floats
from calibration.errors import TooLittleData
from calibration.models.base import Prediction
from calibration.stats import huber_line

COVERAGE = 0.90
_LEAST_SHARE = 0.1  # of the mean absolute residual: no hour is surer than that
MIN_PAIRS = 10  # for an expanded uncertainty


def reference_uncertainty(quantity: str) -> tuple[float, float]:
    """Standard uncertainty of a reference instrument: absolute, in the quantity's unit, and relative.

    Notes
    -----
    0.67 ug/m3 for particulate matter, the between-sampler uncertainty that the Guide to the Demonstration of
    Equivalence allows; 3 % of the value for anything else, as evaluations of gas sensors take it.
    """
    return (0.67, 0.0) if quantity.startswith("pm") else (0.0, 0.03)


@dataclass(frozen=True)
class Spread:
    """The size of errors at a value, learned from hours that the model had not seen.

    Attributes
    ----------
    a, b : float
        Scale of the errors at a value c: a + b |c|, a in the unit of the value.
    ratio : float
        Root mean square of error / scale.
    quantile : float
        The 90 % conformal quantile of |error| / scale.
    u_absolute, u_relative : float
        Standard uncertainty of the reference itself: in the unit of the value, and as a share.

    References
    ----------
    Lei et al. (2018), Distribution-free predictive inference for regression, JASA 113, 1094-1111,
    doi:10.1080/01621459.2017.1307116. Dunn, Wasserman and Ramdas (2023), Distribution-free prediction sets for
    two-layer hierarchical models, JASA 118, 2491-2502, doi:10.1080/01621459.2022.2060112.
    """

    a: float
    b: float
    ratio: float
    quantile: float
    u_absolute: float
    u_relative: float

    @classmethod
    def learn(cls, prediction: Prediction, reference: Floats, days: int, u_reference: tuple[float, float]) -> Self:
        """Learn from predictions of left-out hours.

        Parameters
        ----------
        prediction : Prediction
            Arrays (n,), none NaN.
        reference : (n,) array
        days : int
            Days that these hours lie on.
        u_reference : (float, float)
            Standard uncertainty of the reference, absolute and relative.

        Notes
        -----
        The quantile is taken at the level 0.9 (d + 1) / d with d days, not hours: hours of a day are near copies, a day
        is what can be exchanged for another. A short co-location thereby gets wider intervals, and one of nine days or
        less the largest error that it saw.
        """
        size = np.abs(prediction.value - reference)
        height = np.abs(prediction.value)
        _, slope, _ = huber_line(height, size)
        mean_size, mean_height = float(size.mean()), float(height.mean())
        # The scale must neither fall with the value nor reach zero; whatever it is held by, it keeps its mean.
        b = max(float(slope), 0.0)
        a = mean_size - b * mean_height
        if a < _LEAST_SHARE * mean_size:
            a = _LEAST_SHARE * mean_size
            b = (mean_size - a) / mean_height
        a = max(a, 1e-9 * (1.0 + mean_height))  # a sensor that repeats its reference exactly
        shape = cls(a, b, 1.0, 1.0, *u_reference)
        score = size / shape.scale(prediction)
        level = min(1.0, COVERAGE * (days + 1) / days)
        return cls(
            a=a,
            b=b,
            ratio=float(np.sqrt(np.mean(score * score))),
            quantile=float(np.quantile(score, level, method="higher")),
            u_absolute=u_reference[0],
            u_relative=u_reference[1],
        )

    def scale(self, prediction: Prediction) -> Floats:
        """Scale of the error of each hour (n,), wider where parameters are weak and outside of the envelope.

        Notes
        -----
        sqrt((a + b |c|)^2 + u_model^2 + u_extrapolation^2) (1 + stretch)
        """
        residual = self.a + self.b * np.abs(prediction.value)
        u_model, u_extrapolation = prediction.u_model, prediction.u_extrapolation
        return np.asarray(
            np.sqrt(residual * residual + u_model * u_model + u_extrapolation * u_extrapolation)
            * (1.0 + prediction.stretch)
        )

    def standard(self, prediction: Prediction) -> Floats:
        """Standard uncertainty (k = 1) of each hour (n,), that of the reference included."""
        from_model = self.ratio * self.scale(prediction)
        relative = self.u_relative * np.abs(prediction.value)
        from_reference = self.u_absolute * self.u_absolute + relative * relative
        return np.asarray(np.sqrt(from_model * from_model + from_reference))

    def interval(self, prediction: Prediction) -> tuple[Floats, Floats]:
        """Lower and upper end of the 90 % interval of each hour: conformal, so no shape of errors is assumed."""
        half = self.quantile * self.scale(prediction)
        return prediction.value - half, prediction.value + half


def expanded_uncertainty(
    sensor: Floats, reference: Floats, limit_value: float, u_reference: tuple[float, float]
) -> float:
    """Relative expanded uncertainty at a limit value [%], by orthogonal regression.

    Parameters
    ----------
    sensor, reference : (n,) arrays
        Means over the averaging time of the limit value, in one unit; pairs with a NaN are left out.
    limit_value : float
        In the same unit.
    u_reference : (float, float)
        Standard uncertainty of the reference, absolute and as a share of the limit value.

    Raises
    ------
    TooLittleData
        With fewer than ten pairs, or if sensor and reference have nothing to do with each other.

    Notes
    -----
    With x the reference and y the sensor::

        b = [Syy - Sxx + sqrt((Syy - Sxx)^2 + 4 Sxy^2)] / (2 Sxy),  a = mean(y) - b mean(x)
        u^2 = RSS / (n - 2) - u_RM^2 + [a + (b - 1) LV]^2
        W = 2 u / LV

    The random term counts as zero where the reference alone explains it. Some tools take ordinary regression and
    divide by the sensor's value; their numbers differ.

    References
    ----------
    European Commission working group (2010), Guide to the Demonstration of Equivalence of Ambient Air Monitoring
    Methods, section 9.5; the same form is used by CEN/TS 17660.
    """
    known = np.isfinite(sensor) & np.isfinite(reference)
    x, y = reference[known], sensor[known]
    n = len(x)
    if n < MIN_PAIRS:
        raise TooLittleData(f"{n} pairs are too few for an expanded uncertainty; {MIN_PAIRS} are needed.")
    dx, dy = x - x.mean(), y - y.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    if sxy == 0:
        raise TooLittleData("Sensor and reference do not vary together, so no line can be drawn through them.")
    b = (syy - sxx + float(np.hypot(syy - sxx, 2 * sxy))) / (2 * sxy)
    a = float(y.mean()) - b * float(x.mean())
    rss = float(((y - a - b * x) ** 2).sum())
    u_rm2 = u_reference[0] ** 2 + (u_reference[1] * limit_value) ** 2
    u2 = max(rss / (n - 2) - u_rm2, 0.0) + (a + (b - 1) * limit_value) ** 2
    return 200 * float(np.sqrt(u2)) / limit_value


def share_within(lower: Floats, upper: Floats, reference: Floats) -> float:
    """The share of references within their intervals, of those where both are known."""
    known = np.isfinite(lower) & np.isfinite(reference)
    inside = (reference >= lower) & (reference <= upper)
    return float(inside[known].mean()) if known.any() else float("nan")
