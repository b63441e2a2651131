# SPDX-License-Identifier: EUPL-1.2
"""The simulated city's air: particulate matter as background, wind-blown episodes, traffic and wood smoke.

Weather and civil time go in, the concentrations at any place of the city come out, at one-minute resolution, in µg/m³
of dry particles. `City` draws what all places share once, and asks for each place's own part when it is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from collector.simulate.signals import DAY, HOUR, Array, Civil, Times, bump, coloured, slow, stream
from collector.simulate.street import traffic_pattern
from collector.simulate.weather import Weather, relative_humidity

MEDIAN_BACKGROUND = 7.0  # of PM2.5 between episodes [µg/m³]


@dataclass(frozen=True)
class Place:
    """Somewhere in the city, in metres east and north of its middle, and how strong its sources are (1 is usual)."""

    number: int
    east: float
    north: float
    latitude: float
    longitude: float
    traffic: float
    wood: float
    nightlife: float
    heat: float  # how much warmer than the country on a calm night [K]


class Episode(NamedTuple):
    """A plume that the wind carries over the city."""

    t: float  # when its middle crosses the city's middle, s since 1970
    width: float  # [s]
    height: float  # PM2.5 [µg/m³]


@dataclass(frozen=True)
class Region:
    """What all places share."""

    background: Array  # PM2.5 [µg/m³]
    coarse: Array  # PM10 - PM2.5 of the background [µg/m³]
    episodes: tuple[Episode, ...]
    scattering: Array  # how much light these particles scatter, relative to usual ones of the same mass
    uptake: Array  # how much water they take up, relative to usual ones
    stagnation: Array  # what a source's smoke is multiplied with: more when the wind is weak


def draw_region(seed: int, t: Times, when: Civil, weather: Weather) -> Region:
    """Background and episodes.

    ln background = ln 7 + 0.4 z + the highest of the bells. z is noise with a memory of 36 h; a bell is an episode of
    two to five days when air stands still over the continent, once in ten days on average, times 1.6 to 3 at
    its height. Particles from other lands scatter light otherwise, and take up more water or less: both drift by a
    fifth or so within a day or two, for all optical sensors alike, and no calibration can know it.
    """
    rng = stream(seed, 20)
    days = (t[-1] - t[0]) / DAY
    log_background = np.log(MEDIAN_BACKGROUND) + 0.4 * slow(rng, t, 36)
    standstill = np.zeros(len(t))
    for _ in range(rng.poisson(days / 10)):
        middle, width = rng.uniform(t[0], t[-1]), rng.uniform(0.6, 1.3) * DAY
        bell = rng.uniform(0.5, 1.1) * np.exp(-0.5 * ((t - middle) / width) ** 2)
        standstill = np.maximum(standstill, bell)
    episodes = tuple(
        Episode(rng.uniform(t[0], t[-1]), rng.uniform(0.5, 1.8) * HOUR, rng.uniform(6, 25))
        for _ in range(rng.poisson(days / 3))
    )
    night = 1 + 0.5 * bump(when.hour, 2, 4)  # the mixing layer is shallow at night
    return Region(
        background=np.exp(log_background + standstill),
        coarse=4 * np.exp(0.4 * slow(rng, t, 24)),
        episodes=episodes,
        scattering=np.exp(0.15 * slow(stream(seed, 21), t, 30)),
        uptake=np.exp(0.25 * slow(stream(seed, 22), t, 40)),
        stagnation=np.clip(night * 4 / weather.wind_speed, 0.4, 3),
    )


def blown(region: Region, weather: Weather, t: Times, place: Place) -> Array:
    """PM2.5 of the wind-blown episodes [µg/m³]: the same plume comes to places down the wind later."""
    total = np.zeros(len(t))
    for episode in region.episodes:
        at = min(int(np.searchsorted(t, episode.t)), len(t) - 1)
        direction = weather.wind_to[at]
        along = place.east * np.cos(direction) + place.north * np.sin(direction)
        arrival = episode.t + along / weather.wind_speed[at]
        total += episode.height * np.exp(-0.5 * ((t - arrival) / episode.width) ** 2)
    return total


def wood_smoke(seed: int, when: Civil, weather: Weather, place: Place) -> Array:
    """PM2.5 of stoves nearby [µg/m³] in still air: evenings around 20.30 h, colder ones more, not every evening.

    6 x the place's strength x cold x tonight x bell, with cold = (14 - T) / 10 of that minute's temperature [Cel],
    between 0 and 1.5, and tonight a gamma-distributed number for each evening, larger on Friday and Saturday.
    """
    rng = stream(seed, 40, place.number + 1)
    evening = when.day - (when.hour < 12)  # smoke after midnight is still last evening's
    first = int(evening[0])
    days = np.arange(first, int(evening[-1]) + 1)
    tonight = rng.gamma(1.2, 0.8, len(days)) * np.where(np.isin((days + 3) % 7, (4, 5)), 1.4, 1.0)
    cold = np.clip((14 - weather.temperature) / 10, 0, 1.5)
    flicker = np.exp(0.5 * coloured(rng, len(evening), 8))
    return 6 * place.wood * cold * tonight[evening - first] * bump(when.hour, 20.5, 1.8) * flicker


def concentrations(
    seed: int, t: Times, when: Civil, weather: Weather, region: Region, *, place: Place
) -> dict[str, Array]:
    """pm1, pm25, pm10 [µg/m³] at a place: background + episodes + (traffic + wood smoke) x stagnation."""
    rng = stream(seed, 30, place.number + 1)
    n = len(t)
    gusts = np.exp(0.35 * coloured(rng, n, 6) - 0.06)
    traffic = 2.2 * place.traffic * traffic_pattern(when) * region.stagnation * gusts
    wood = wood_smoke(seed, when, weather, place) * region.stagnation
    episodes = blown(region, weather, t, place)
    # Even between neighbours the background is not quite the same: a few per cent, within minutes.
    background = region.background * np.exp(0.03 * coloured(rng, n, 45))
    dry = 1.3 - relative_humidity(weather.temperature, weather.dew_point) / 100  # wet roads raise no dust
    coarse = region.coarse * np.exp(0.1 * coloured(rng, n, 15)) + 1.8 * traffic * dry
    pm25 = background + episodes + traffic + wood
    return {
        "pm1": 0.65 * background + 0.6 * episodes + 0.85 * traffic + 0.9 * wood,
        "pm25": pm25,
        "pm10": pm25 + coarse + 0.5 * episodes,
    }
