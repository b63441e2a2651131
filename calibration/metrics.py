# SPDX-License-Identifier: EUPL-1.2
"""How far values lie from a reference: the measures that calibration papers and tools print.

Two arrays come in, a value or one row of measures goes out. Called by the evaluator, the cross-validation table and
the benches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.align import Floats


@dataclass(frozen=True)
class Regression:
    """Ordinary regression of the sensor (y) on the reference (x), over hours where both are known.

    `rmse` and `mbe` are of sensor minus reference, in its unit, not of the residuals of the line.
    """

    n: int
    r2: float
    slope: float
    intercept: float
    rmse: float
    mbe: float


def rmse(sensor: Floats, reference: Floats) -> float:
    """Root mean square of sensor minus reference; NaN pairs left out."""
    difference = sensor - reference
    return float(np.sqrt(np.nanmean(difference * difference))) if np.isfinite(difference).any() else float("nan")


def mae(sensor: Floats, reference: Floats) -> float:
    """Mean absolute value of sensor minus reference; NaN pairs left out."""
    difference = np.abs(sensor - reference)
    return float(np.nanmean(difference)) if np.isfinite(difference).any() else float("nan")


def regression(sensor: Floats, reference: Floats) -> Regression:
    """Sensor regressed on reference, as network evaluations report it.

    Parameters
    ----------
    sensor, reference : (n,) arrays
        In one unit; pairs with a NaN are left out. With fewer than two pairs, or a constant series, what is undefined
        is NaN.

    References
    ----------
    Duvall et al. (2021), Performance Testing Protocols, Metrics, and Target Values for Fine Particulate Matter Air
    Sensors, US EPA, EPA/600/R-20/280.
    """
    known = np.isfinite(sensor) & np.isfinite(reference)
    y, x = sensor[known], reference[known]
    n = len(x)
    if n == 0:
        return Regression(0, *[float("nan")] * 5)
    dx, dy = x - x.mean(), y - y.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    slope = sxy / sxx if sxx > 0 else float("nan")
    return Regression(
        n=n,
        r2=sxy * sxy / (sxx * syy) if sxx > 0 and syy > 0 else float("nan"),
        slope=slope,
        intercept=float(y.mean() - slope * x.mean()),
        rmse=rmse(y, x),
        mbe=float((y - x).mean()),
    )


def between_units(values: Floats) -> tuple[float, float]:
    """Spread between sensors side by side.

    Parameters
    ----------
    values : (units, n) array
        Hours in which a unit is missing (NaN) are left out for all.

    Returns
    -------
    sd : float
        Standard deviation between units, in their unit.
    cv : float
        The same as a share of the mean over all [%].

    Notes
    -----
    sd = sqrt(sum_i sum_j (x_ij - mean_j)^2 / (n m - 1)) over m units and n hours.

    References
    ----------
    Duvall et al. (2021), EPA/600/R-20/280, equations of precision.
    """
    together = values[:, np.isfinite(values).all(axis=0)]
    deviation = together - together.mean(axis=0)
    sd = float(np.sqrt((deviation * deviation).sum() / (together.size - 1)))
    return sd, 100 * sd / float(together.mean())
