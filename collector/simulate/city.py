# SPDX-License-Identifier: EUPL-1.2
"""A plausible city with a seed: the truth about air, weather and noise at each place, and what the station reports.

A period and a seed go in; one-minute series at any place come out, the same ones for the same seed. Kits make readings
of them, and whoever scores a calibration compares with them. No place in it is real, and nothing in it was measured.
"""

from __future__ import annotations

import math
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from collector.errors import UsageError
from collector.quantities import QUANTITIES
from collector.simulate.air import Place, Region, concentrations, draw_region
from collector.simulate.signals import HOUR, MINUTE, Array, Civil, Times, bump, civil, coloured, hourly, stream
from collector.simulate.street import sound_levels
from collector.simulate.weather import Weather, draw_weather, relative_humidity

STATION = -1  # the place of the official station, and of the kits beside it
MIDDLE = (52.09, 5.12)  # latitude and longitude that the simulated streets are drawn around [degrees]
_METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of 6371 km


class City:
    """The truth at `n_kits` places and at one official station, for the minutes that end after `start` until `end`.

    `start` and `end` are s since 1970, UTC, cut to whole minutes. The same seed and period give the same city.
    """

    def __init__(self, seed: int, start: int, end: int, n_kits: int = 12, zone: str = "Europe/Amsterdam") -> None:
        self.seed, self.n_kits = seed, n_kits
        self.start, self.end = start - start % MINUTE, end - end % MINUTE
        if self.end <= self.start:
            raise UsageError(
                "The simulated period is shorter than a minute.", "Let it end at least a minute after it starts."
            )
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise UsageError(
                f"{zone!r} is no time zone.", "Name one of the IANA database, say Europe/Paris."
            ) from error
        self.t: Times = np.arange(self.start + MINUTE, self.end + 1, MINUTE, dtype=np.int64)

    @cached_property
    def civil(self) -> Civil:
        """Local civil time of each minute."""
        return civil(self.t, self.zone)

    @cached_property
    def weather(self) -> Weather:
        """What all places share of the weather."""
        return draw_weather(self.seed, self.t, self.civil)

    @cached_property
    def region(self) -> Region:
        """What all places share of the air."""
        return draw_region(self.seed, self.t, self.civil, self.weather)

    @cached_property
    def station_truth(self) -> dict[str, Array]:
        """The truth at the official station, kept since every kit has stood there."""
        return self._truth(self.place(STATION))

    def place(self, number: int) -> Place:
        """The place of a kit, or of the official station (STATION): an urban background site away from stoves."""
        if not STATION <= number < self.n_kits:
            raise ValueError(f"the city has the places {STATION} to {self.n_kits - 1}")
        rng = stream(self.seed, 1, number + 1)
        east, north = (0.0, 0.0) if number == STATION else rng.normal(0, 900, 2).tolist()
        latitude = MIDDLE[0] + north / _METRES_PER_DEGREE
        longitude = MIDDLE[1] + east / _METRES_PER_DEGREE / math.cos(math.radians(MIDDLE[0]))
        traffic, wood, nightlife, heat = (
            float(np.clip(rng.lognormal(-0.1, 0.6), 0.15, 4)),
            float(rng.gamma(1.5, 0.6)),
            float(rng.random() ** 3),
            float(rng.uniform(0, 1.5)),
        )
        if number == STATION:
            traffic, wood, nightlife, heat = 0.6, 0.3, 0.0, 0.7
        return Place(number, east, north, latitude, longitude, traffic, wood, nightlife, heat)

    def truth(self, place: int) -> dict[str, Array]:
        """Each quantity at a place, one value for each minute of `t`, in the glossary's units."""
        return self.station_truth if place == STATION else self._truth(self.place(place))

    def _truth(self, place: Place) -> dict[str, Array]:
        weather, when = self.weather, self.civil
        # The town keeps the day's warmth in calm nights; small eddies within minutes on top.
        warmer = place.heat * bump(when.hour, 1, 4) * np.minimum(1, 3 / weather.wind_speed)
        eddies = 0.2 * coloured(stream(self.seed, 50, place.number + 1), len(self.t), 10)
        temperature = weather.temperature + warmer + eddies
        air = concentrations(self.seed, self.t, when, weather, self.region, place=place)
        sound = sound_levels(stream(self.seed, 60, place.number + 1), when, place.traffic, place.nightlife)
        return {
            **air,
            "temperature": temperature,
            "humidity": relative_humidity(temperature, weather.dew_point),
            "pressure": weather.pressure,
            **sound,
        }

    def truth_hours(self, place: int, quantity: str) -> tuple[Times, Array]:
        """The truth of whole UTC hours, labelled at their ends."""
        return hourly(self.t, self.truth(place)[quantity], QUANTITIES[quantity].averaging)

    def reference(self, quantity: str = "pm25") -> tuple[Times, Array]:
        """What the official station reports: hours labelled at their ends [s since 1970] and values; gaps left out.

        An equivalent automatic method: 2 % and 0.3 µg/m³ of noise, one hour in seventy missing, and a service visit
        of two to eight hours every ten days or so.
        """
        t, truth = self.truth_hours(STATION, quantity)
        rng = stream(self.seed, 70, sorted(QUANTITIES).index(quantity))
        value = truth * (1 + 0.02 * rng.standard_normal(len(t))) + 0.3 * rng.standard_normal(len(t))
        there = rng.random(len(t)) > 1 / 70
        for _ in range(rng.poisson(len(t) * HOUR / 864_000)):
            first = rng.integers(0, len(t))
            there[first : first + rng.integers(2, 9)] = False
        return t[there], np.round(value[there], 1)
