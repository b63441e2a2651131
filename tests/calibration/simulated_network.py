# SPDX-License-Identifier: EUPL-1.2
"""A town with 200 sensors and 8 official stations, made up: the truth at every place, and what each instrument says.

Length and seed come in; hourly arrays go out. Every nuisance of a citizens' network is there: unit gains and offsets,
swelling with humidity that differs between units, slow drift, hours and weeks without data, smoke of a neighbour, and
streets whose traffic reaches sensors but none of the stations. Used by the tests and the bench of networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.align import HOUR, Floats, Ints
from tests.calibration.simulated import START, autoregressive

MIDDLE = (52.0, 5.0)  # degrees
KM_PER_DEGREE = 111.195
RADIUS = 12.0  # km, of the region


@dataclass(frozen=True)
class SimulatedNetwork:
    """Hourly arrays; places are latitude and longitude [degrees], values [ug/m3], NaN where missing.

    `stations` (S, n) and `sensors` (K, n) are what instruments say, `humidity` (K, n) [%] what the sensors' own
    hygrometers say, `station_truth` and `sensor_truth` the air itself.
    """

    t: Ints
    station_places: Floats
    stations: Floats
    station_truth: Floats
    sensor_places: Floats
    sensors: Floats
    humidity: Floats
    sensor_truth: Floats


def simulate_network(days: int = 45, *, seed: int = 1, n_stations: int = 8, n_sensors: int = 200) -> SimulatedNetwork:
    """A network of a given size, from 1 January on."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    t = START + HOUR * np.arange(1, n + 1, dtype=np.int64)
    hour = (t // HOUR) % 24
    km = _positions(rng, n_stations, n_sensors)
    distance = np.linalg.norm(km[:, None] - km[None], axis=-1)
    total = n_stations + n_sensors

    # What all share; what neighbourhoods share for some hours; what stays; wood smoke of quarters in the evening.
    regional = np.log(9.0) + 0.6 * autoregressive(rng, n, 0.975)
    moving = 0.28 * _field(rng, distance, 5.0, n, 0.9)
    lasting = 0.10 * _field(rng, distance, 3.0, 1, 0.0)
    evening = np.exp(-(((hour - 20 + 12) % 24 - 12) ** 2) / 8.0)
    smoke = 0.35 * np.abs(_field(rng, distance, 2.0, 1, 0.0)) * evening * (rng.random(days).repeat(24) < 0.6)
    air = np.exp(regional + moving + lasting + smoke)
    # Streets: a third of the sensors hang where traffic is seen, and each hour's traffic is another one.
    rush = np.exp(-((hour - 8) ** 2) / 5.0) + 0.8 * np.exp(-((hour - 17) ** 2) / 8.0)
    busy = np.where(rng.random(total) < 1 / 3, rng.lognormal(1.2, 0.5, total), 0.2 * rng.random(total))
    busy[:n_stations] = 0.0
    traffic = busy[:, None] * rush * np.exp(0.4 * rng.standard_normal((total, n)))
    truth = air + traffic

    humidity = 78 + 10 * autoregressive(rng, n, 0.97) - 8 * np.sin(2 * np.pi * (hour - 9) / 24)
    humidity = humidity + 3 * _field(rng, distance[n_stations:, n_stations:], 6.0, n, 0.95)
    stations = truth[:n_stations] * (1 + 0.03 * rng.standard_normal((n_stations, n)))
    stations = stations + 0.6 * rng.standard_normal((n_stations, n))
    stations = np.where(_missing(rng, n_stations, n, 0.02), np.nan, np.round(stations, 1))
    sensors, shown = _sensors(rng, truth[n_stations:], np.clip(humidity, 20, 97))
    places = np.array(MIDDLE) + km[:, ::-1] / KM_PER_DEGREE / np.array([1.0, np.cos(np.radians(MIDDLE[0]))])
    return SimulatedNetwork(
        t, places[:n_stations], stations, truth[:n_stations], places[n_stations:], sensors, shown, truth[n_stations:]
    )


def _positions(rng: np.random.Generator, n_stations: int, n_sensors: int) -> Floats:
    """East and north [km]: quarters where people live, with stations and sensors drawn from the same quarters."""
    quarters = rng.uniform(-0.75 * RADIUS, 0.75 * RADIUS, (12, 2))
    apart = np.concatenate([quarters[:n_stations], rng.uniform(-RADIUS, RADIUS, (max(0, n_stations - 12), 2))])
    stations = apart + rng.normal(0, 0.5, apart.shape)
    homes = quarters[rng.integers(0, 12, n_sensors)] + rng.normal(0, 1.5, (n_sensors, 2))
    scattered = rng.uniform(-RADIUS, RADIUS, (n_sensors, 2))
    sensors = np.where(rng.random((n_sensors, 1)) < 0.75, homes, scattered)
    return np.concatenate([stations, sensors])


def _field(rng: np.random.Generator, distance: Floats, length: float, n: int, memory: float) -> Floats:
    """Noise of variance one at places (p, n): exponentially correlated over `length` [km], and in time by `memory`."""
    root = np.linalg.cholesky(np.exp(-distance / length) + 1e-9 * np.eye(len(distance)))
    x = rng.standard_normal((len(distance), n))
    for i in range(1, n):
        x[:, i] = memory * x[:, i - 1] + np.sqrt(1 - memory**2) * x[:, i]
    return np.asarray(root @ x)


def _missing(rng: np.random.Generator, places: int, n: int, share: float) -> np.ndarray:
    """Single hours, and for some places the rest of a week or more."""
    gone = rng.random((places, n)) < share
    for row in np.flatnonzero(rng.random(places) < 0.3):
        start = rng.integers(0, n)
        gone[row, start : start + rng.integers(12, 240)] = True
    return np.asarray(gone)


def _sensors(rng: np.random.Generator, truth: Floats, humidity: Floats) -> tuple[Floats, Floats]:
    """What optical sensors say of the air, and of the humidity in their boxes."""
    k, n = truth.shape
    gain = rng.lognormal(0.1, 0.2, (k, 1))
    offset = rng.uniform(0, 2, (k, 1))
    drift = np.exp(rng.normal(0, 0.25, (k, 1)) * np.arange(n) / (24 * 365))
    water = humidity / 100
    # Petters and Kreidenweis (2007): volume of water on a particle; kappa differs with the unit's cut-off.
    swelling = 1 + np.clip(rng.normal(0.35, 0.1, (k, 1)), 0.05, None) / 1.65 * water / (1 - water)
    said = (offset + gain * truth * swelling) * drift
    said = said * (1 + 0.12 * rng.standard_normal((k, n))) + 0.8 * rng.standard_normal((k, n))
    neighbour = rng.random((k, n)) < 0.002  # a barbecue, a smoker on the balcony
    said = np.where(neighbour, said + rng.gamma(1.0, 40.0, (k, n)), said)
    said = np.where(_missing(rng, k, n, 0.06), np.nan, np.maximum(said, 0.0))
    shown = np.clip(humidity + rng.normal(0, 3, (k, 1)) + rng.normal(0, 1, (k, n)), 0, 100)
    return np.round(said, 1), shown
