# SPDX-License-Identifier: EUPL-1.2
"""Which stations a network may lean on: by type, distance, how complete they are, and how they go with the others.

A `Network` comes in; a line for each station goes out, with what was measured and why it is used or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.align import Floats
from calibration.errors import TooLittleData
from calibration.network.data import MIN_STATIONS, Network
from calibration.network.interpolate import distances, median


@dataclass(frozen=True)
class StationRules:
    """What a station must be.

    Attributes
    ----------
    types : tuple of str
        Stations beside traffic or a factory tell little of the background around sensors.
    distance : float
        From the station to the nearest sensor, at most [km].
    capture : float
        Share of hours with a value, at least.
    correlation : float
        Of its logarithms with those of the other stations' median, at least.
    """

    types: tuple[str, ...] = ("background", "regional")
    distance: float = 20.0
    capture: float = 0.75
    correlation: float = 0.6


@dataclass(frozen=True)
class StationReport:
    """One station: what was measured, and the rule it breaks.

    Attributes
    ----------
    station : int
        Its row.
    distance : float
        To the nearest sensor [km].
    capture : float
        Share of hours with a value.
    correlation, rmse : float
        With the median of the other stations: of logarithms, and in their unit. NaN where unknown.
    refused : str
        Why it is not used; empty if it is.
    """

    station: int
    type: str
    distance: float
    capture: float
    correlation: float
    rmse: float
    refused: str


def report_stations(network: Network, rules: StationRules | None = None) -> list[StationReport]:
    """What each station is worth to the network.

    Notes
    -----
    20 km is where sensors and stations still go together in summer according to Hassani et al. (2025), Journal of
    Environmental Management 380, 125100; in winter it was about 12 km. The measured correlation decides where they do
    not.
    """
    wanted = rules or StationRules()
    to_sensor = distances(network.station_places, network.sensor_places)
    nearest = to_sensor.min(axis=1) if to_sensor.shape[1] else np.full(len(network.stations), np.inf)
    reports = []
    for one in range(len(network.stations)):
        expected = median(network.without(one).stations, axis=0)
        measured = network.stations[one]
        capture = float(np.isfinite(measured).mean()) if len(measured) else 0.0
        correlation, rmse = _agreement(expected, measured)
        refused = ""
        if network.types[one] not in wanted.types:
            refused = f"is of type {network.types[one]}"
        elif nearest[one] > wanted.distance:
            refused = f"is {nearest[one]:.0f} km from the nearest sensor, more than {wanted.distance:g}"
        elif capture < wanted.capture:
            refused = f"has values in {100 * capture:.0f} % of the hours, less than {100 * wanted.capture:g}"
        elif not correlation >= wanted.correlation:
            refused = f"correlates with the others by {correlation:.2f}, less than {wanted.correlation:g}"
        reports.append(StationReport(one, network.types[one], float(nearest[one]), capture, correlation, rmse, refused))
    return reports


def choose_stations(network: Network, rules: StationRules | None = None) -> tuple[Network, list[StationReport]]:
    """The network with the stations that keep the rules, and the report of all.

    Raises
    ------
    TooLittleData
        If fewer than three are left; the sentence says which rule refused each of the others.
    """
    reports = report_stations(network, rules)
    kept = np.array([one.station for one in reports if not one.refused], np.int64)
    if len(kept) < MIN_STATIONS:
        why = "; ".join(f"station {one.station + 1} {one.refused}" for one in reports if one.refused)
        raise TooLittleData(
            f"{len(kept)} of {len(reports)} stations can be used, {MIN_STATIONS} are needed: {why or 'none is given'}.",
            "Add stations, or loosen a rule, knowing what it guards against.",
        )
    return network.keep(kept), reports


def _agreement(expected: Floats, measured: Floats) -> tuple[float, float]:
    both = np.isfinite(expected) & np.isfinite(measured)
    if both.sum() < 2:
        return np.nan, np.nan
    x, y = expected[both], measured[both]
    floor = max(0.1 * float(np.median(np.abs(y))), 1e-9)
    a, b = np.log(np.maximum(x, 0) + floor), np.log(np.maximum(y, 0) + floor)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return (float(a @ b) / norm if norm > 0 else np.nan), float(np.sqrt(np.mean((x - y) ** 2)))
