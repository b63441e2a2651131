# SPDX-License-Identifier: EUPL-1.2
"""Between places: distances, the variogram of a network, and weights by distance or by ordinary kriging.

Places are latitude and longitude in degrees, distances km. Weights are rows that sum to one. Called by the other
modules of this package.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from calibration.align import Bools, Floats
from calibration.errors import BadInput, TooLittleData

EARTH_RADIUS = 6371.0  # km
MIN_PAIRS = 6  # of places, for a variogram
_CLASSES = 12  # of distance
_EPS = 1e-9  # keeps systems regular where a kind of observation is missing; far below any variance


def check_places(places: ArrayLike) -> Floats:
    """Places as an array (n, 2).

    Raises
    ------
    BadInput
        If they are not latitude and longitude in degrees.
    """
    found = np.asarray(places, np.float64)
    if found.ndim != 2 or found.shape[1] != 2:
        raise BadInput("Places must be rows of latitude and longitude.", "Give an array (n, 2), in degrees.")
    if not (np.isfinite(found).all() and (np.abs(found) <= [90.0, 180.0]).all()):
        raise BadInput(
            "A place is not on the globe: latitudes go from -90 to 90, longitudes from -180 to 180 degrees.",
            "Look for an empty cell, for swapped columns, or for metres of a national grid.",
        )
    return found


def distances(a: Floats, b: Floats) -> Floats:
    """Great-circle distances [km] between places.

    Parameters
    ----------
    a : (n, 2) array
        Latitude and longitude [degrees].
    b : (m, 2) array

    Returns
    -------
    (n, m) array

    Notes
    -----
    Haversine formula on a sphere of 6371 km.
    """
    lat_a, lon_a = np.radians(a).T
    lat_b, lon_b = np.radians(b).T
    north, east = lat_a[:, None] - lat_b, lon_a[:, None] - lon_b
    h = np.sin(north / 2) ** 2 + np.cos(lat_a)[:, None] * np.cos(lat_b) * np.sin(east / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0))))


def inverse_distance(distance: Floats) -> Floats:
    """Weights (m, n) of n stations at m places: 1 / (d + 2)^2, d in km and at least 1.

    Parameters
    ----------
    distance : (m, n) array
        [km]. NaN or infinity where a station is missing.

    Notes
    -----
    The weights of RIVM's network calibration, as described in the work of FAIRMODE CT6 on sensor networks (2021).
    """
    weight = np.nan_to_num(1.0 / (np.maximum(distance, 1.0) + 2.0) ** 2)
    total = weight.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weight, total, out=np.full_like(weight, np.nan), where=total > 0))


@dataclass(frozen=True)
class Variogram:
    """gamma(h) = nugget + sill (1 - exp(-h / length)) for h > 0.

    Attributes
    ----------
    nugget, sill : float
        Semivariances, in the square of the values' unit.
    length : float
        [km]; at three times this distance places hardly know of each other.
    """

    nugget: float
    sill: float
    length: float

    def covariance(self, distance: Floats) -> Floats:
        """Covariance of the part that neighbours share, at distances [km]; without the nugget."""
        return np.asarray(self.sill * np.exp(-distance / self.length))

    def semivariance(self, distance: Floats) -> Floats:
        """gamma at distances [km] above zero."""
        return np.asarray(self.nugget + self.sill - self.covariance(distance))


def semivariances(values: Floats) -> tuple[Floats, Floats]:
    """Half the variance of the difference of each two series over time.

    Parameters
    ----------
    values : (n, T) array
        NaN where missing.

    Returns
    -------
    gamma : (n, n) array
        NaN where two series share fewer than two hours.
    count : (n, n) array
        Hours that they share.
    """
    known = np.isfinite(values)
    centre = np.divide(np.where(known, values, 0).sum(1), known.sum(1), out=np.zeros(len(values)), where=known.any(1))
    x = np.where(known, values - centre[:, None], 0.0)
    k = known.astype(np.float64)
    count = k @ k.T
    # Sums of one series over the hours that it shares with the other; the difference's variance is made of them.
    squares, sums, products = (x * x) @ k.T, x @ k.T, x @ x.T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (sums - sums.T) / count
        gamma = 0.5 * ((squares + squares.T - 2 * products) / count - mean * mean) * count / (count - 1)
    return np.where(count > 1, np.maximum(gamma, 0.0), np.nan), count


def fit_variogram(distance: Floats, gamma: Floats, lengths: ArrayLike | None = None) -> Variogram:
    """The variogram through the semivariances of pairs of places.

    Parameters
    ----------
    distance, gamma : (pairs,) arrays
        [km] and in the square of the values' unit; NaN pairs are left out.
    lengths : array, optional
        Lengths to try [km]; by default from the shortest to the longest distances.

    Raises
    ------
    TooLittleData
        With fewer than six pairs.

    Notes
    -----
    Medians of up to twelve classes of distance of equal size, then least squares with a nugget and a sill not below
    zero, for each length of a grid: a few strange sensors do not move it.

    References
    ----------
    Cressie (1993), Statistics for Spatial Data, chapter 2.4, doi:10.1002/9781119115151.
    """
    known = np.isfinite(gamma) & np.isfinite(distance)
    h, g = distance[known], gamma[known]
    if len(h) < MIN_PAIRS:
        raise TooLittleData(
            f"A variogram needs {MIN_PAIRS} pairs of places with common hours; there are {len(h)}.",
            "Give four stations or sensors, or more.",
        )
    order = np.array_split(np.argsort(h, kind="stable"), min(_CLASSES, len(h) // 3 or 1))
    x = np.array([h[part].mean() for part in order])
    y = np.array([np.median(g[part]) for part in order])
    tried = np.geomspace(max(x[0] / 2, 0.2), max(2 * x[-1], 1.0), 24) if lengths is None else np.asarray(lengths)
    best, least = Variogram(float(y.mean()), 0.0, float(tried[-1])), np.inf
    for length in tried:
        rise = 1 - np.exp(-x / length)
        nugget, sill = _not_negative(rise, y)
        error = float(((nugget + sill * rise - y) ** 2).sum())
        if error < least * (1 - 1e-9):
            best, least = Variogram(nugget, sill, float(length)), error
    return best


def _not_negative(rise: Floats, y: Floats) -> tuple[float, float]:
    """Least squares of y = nugget + sill rise, neither below zero."""
    centred = rise - rise.mean()
    spread = float(centred @ centred)
    sill = float(centred @ y) / spread if spread > 0 else 0.0
    nugget = float(y.mean() - sill * rise.mean())
    if sill <= 0:
        return max(float(y.mean()), 0.0), 0.0
    if nugget < 0:
        return 0.0, max(float(rise @ y) / float(rise @ rise), 0.0)
    return nugget, sill


def kriging_weights(covariance: Floats, target: Floats, drift: Floats, known: Bools) -> tuple[Floats, Floats]:
    """Weights of observations for an unbiased estimate of least variance, whatever the unknown means, hour by hour.

    Parameters
    ----------
    covariance : (n, n) array
        Of the observations, errors of observing included.
    target : (m, n) array
        Covariance of the observations with what is wanted at each place.
    drift : (n, q) array
        How each observation holds each unknown mean; a column of ones for ordinary kriging. What is wanted holds the
        first, and no other.
    known : (T, n) array of bool
        Which observations are there in each hour.

    Returns
    -------
    weights : (T, m, n) array
        Zero where an observation is missing; the others keep weights @ drift = (1, 0, ...).
    reduction : (T, m) array
        Variance of the estimate's error, less the variance of what is wanted.

    References
    ----------
    Cressie (1993), Statistics for Spatial Data, chapter 3.4, doi:10.1002/9781119115151.
    """
    hours, n = known.shape
    q = drift.shape[1]
    system = np.zeros((hours, n + q, n + q))
    # A missing observation becomes an equation of its own that says: weight zero.
    system[:, :n, :n] = np.where(known[:, :, None] & known[:, None, :], covariance, np.eye(n))
    system[:, :n, n:] = np.where(known[:, :, None], drift, 0.0)
    system[:, n:, :n] = system[:, :n, n:].transpose(0, 2, 1)
    system[:, range(n, n + q), range(n, n + q)] = -_EPS
    right = np.zeros((hours, n + q, len(target)))
    right[:, :n] = np.where(known[:, :, None], target.T, 0.0)
    right[:, n] = 1.0
    solved = np.linalg.solve(system, right)
    return np.asarray(solved[:, :n].transpose(0, 2, 1)), -np.asarray((solved * right).sum(axis=1))


def median(values: Floats, axis: int) -> Floats:
    """Median of what is known; NaN, without a warning, where nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmedian(values, axis=axis))
