# SPDX-License-Identifier: EUPL-1.2
"""The simulated city's weather: temperature, humidity, pressure and wind, from the season down to the hour.

A seed and civil time go in, one-minute arrays come out. The air and the kits' sensors are built on it. The numbers are
those of a mild maritime climate (10.5 Cel over the year); the processes are standard, the city is not a real one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collector.simulate.signals import Array, Civil, Times, slow, stream


@dataclass(frozen=True)
class Weather:
    """What all places of the city share."""

    temperature: Array  # [Cel]
    dew_point: Array  # [Cel]
    pressure: Array  # [hPa]
    wind_speed: Array  # [m/s]
    wind_to: Array  # where the wind blows to, radians from east, counter-clockwise


def vapour_pressure(temperature: Array) -> Array:
    """Saturation vapour pressure over water [hPa] at a temperature [Cel], Magnus' formula (WMO-No. 8, annex 4.B)."""
    return 6.112 * np.exp(17.62 * temperature / (243.12 + temperature))


def relative_humidity(temperature: Array, dew_point: Array) -> Array:
    """Relative humidity [%], between 20 and 100, of air with a temperature and a dew point [Cel].

    Air that cools below the dew point is saturated: the humidity of a clear night stands at 100 until the morning.
    """
    return np.clip(100 * vapour_pressure(dew_point) / vapour_pressure(temperature), 20, 100)


def draw_weather(seed: int, t: Times, when: Civil) -> Weather:
    """Season, days and hours added up.

    Temperature: 10.5 - 7.5 S + 2.5 z + A cos(2 pi (h - 15) / 24) [Cel], with S the season's cosine (1 on 20 January),
    z noise with a memory of 60 h (passing air masses), h the local hour, and A = (4 - 2 S) x the sky's clearness.
    The dew point lies below the day's mean by 3 + 1.5 (1 - S) + 1.5 z' [K], at least 0.5.
    """
    season = np.cos(2 * np.pi * (when.year_share - 20 / 365.25))
    clear = 0.35 + 0.65 / (1 + np.exp(-2 * slow(stream(seed, 10), t, 24)))
    day_mean = 10.5 - 7.5 * season + 2.5 * slow(stream(seed, 11), t, 60)
    swing = (4 - 2 * season) * clear * np.cos(2 * np.pi * (when.hour - 15) / 24)
    depression = np.maximum(0.5, 3 + 1.5 * (1 - season) + 1.5 * slow(stream(seed, 12), t, 30))
    return Weather(
        temperature=day_mean + swing,
        dew_point=day_mean - depression,
        pressure=1014 + 9 * slow(stream(seed, 13), t, 60),
        wind_speed=np.clip(4 * np.exp(0.4 * slow(stream(seed, 14), t, 18)), 0.8, 20),
        wind_to=np.pi / 4 + slow(stream(seed, 15), t, 24),  # mostly from the south-west
    )
