# SPDX-License-Identifier: EUPL-1.2
"""Hourly group factors: a station over the mean of the sensors around it, interpolated to other places.

Written from the public description of the method of RIVM, the Dutch institute for public health and the environment.
Each hour stands alone: nothing is learned from other hours. A `Network` comes in, factors or values go out.
"""

from __future__ import annotations

import numpy as np

from calibration.align import Floats
from calibration.network.data import Network
from calibration.network.interpolate import distances, inverse_distance

# How far a station speaks for sensors around it [km].
RADIUS = {"traffic": 0.05, "background": 2.0, "industrial": 5.0, "regional": 25.0}
MIN_GROUP = 2  # sensors


def groups(network: Network) -> tuple[Floats, Floats]:
    """Hourly mean of the sensors in the group of each station, and the factor that brings it to the station.

    Returns
    -------
    mean : (S, T) array
        In the sensors' unit; NaN with fewer than two sensors.
    factor : (S, T) array
        Station over mean; NaN where there is no mean above zero, or the station is missing or not above zero.
    """
    radius = np.array([RADIUS[name] for name in network.types])
    member = (distances(network.station_places, network.sensor_places) <= radius[:, None]).astype(np.float64)
    known = np.isfinite(network.sensors)
    count = member @ known
    total = member @ np.where(known, network.sensors, 0.0)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count >= MIN_GROUP)
    usable = (network.stations > 0) & (mean > 0)
    factor = np.divide(network.stations, mean, out=np.full_like(mean, np.nan), where=usable)
    return mean, factor


def interpolate_hourly(values: Floats, distance: Floats) -> Floats:
    """Values of stations at other places, hour by hour, by `inverse_distance`.

    Parameters
    ----------
    values : (S, T) array
        NaN where missing.
    distance : (m, S) array
        From the places to the stations [km].

    Returns
    -------
    (m, T) array
        NaN in hours without any station.
    """
    weight = inverse_distance(distance)
    known = np.isfinite(values)
    total = weight @ known
    return np.asarray(
        np.divide(weight @ np.where(known, values, 0.0), total, out=np.full(total.shape, np.nan), where=total > 0)
    )


def apply_factors(network: Network, places: Floats, raw: Floats) -> Floats:
    """Raw values at places, times the hourly factors interpolated to them.

    Parameters
    ----------
    places : (m, 2) array
        [degrees].
    raw : (m, T) array
        In the sensors' unit.

    Returns
    -------
    (m, T) array
        In the stations' unit; NaN in hours without a factor.

    References
    ----------
    Wesseling et al. (2019), Development and implementation of a platform for public information on air quality, sensor
    measurements, and citizen science, Atmosphere 10(8), 445, doi:10.3390/atmos10080445; radii and weights as described
    in the work of FAIRMODE CT6 (2021).
    """
    _, factor = groups(network)
    return np.asarray(raw * interpolate_hourly(factor, distances(places, network.station_places)))
