# SPDX-License-Identifier: EUPL-1.2
"""A simulated kit: what a low-cost instrument, a small clock and a household's power make of the truth at a place.

A city and a number go in; rows of readings come out, with the errors that the collector and the calibration exist for.
For its first days a kit stands beside the official station, then at its own place. `truth_hours` gives what was really
there, to score against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from collector.errors import UsageError
from collector.quantities import QUANTITIES
from collector.simulate.city import STATION, City
from collector.simulate.faults import Faults, History, draw_history
from collector.simulate.readings import Columns
from collector.simulate.signals import DAY, HOUR, MINUTE, Array, Times, coloured, hourly, lagged, stream
from collector.simulate.weather import relative_humidity

USUAL = ("pm25", "pm10", "temperature", "humidity", "laeq", "lafmax")
UNHEARD_OF = "gamma_dose"  # a quantity that the glossary does not have


@dataclass(frozen=True)
class Sensors:
    """One kit's own errors, drawn once."""

    gain: float  # of the particle sensor for dry particles
    kappa: float  # how much the particles that it sees grow in humid air
    offset: float  # [µg/m³]
    drift: float  # change of the gain in 30 days, as a share
    noise: float  # of single readings, as a share
    lag: float  # time constant of the particle sensor [min]
    warmth: float  # of the box, over the air [K]
    humidity_offset: float  # [%]
    sound_offset: float  # [dB]
    sound_floor: float  # the microphone's own noise [dB]


def draw_sensors(rng: Generator) -> Sensors:
    """Errors as they are found among cheap sensors: gains 0.6 to 1.6, microphones within 3 dB, warm boxes."""
    return Sensors(
        gain=float(np.exp(rng.uniform(np.log(0.6), np.log(1.6)))),
        kappa=float(rng.uniform(0.15, 0.35)),
        offset=float(np.clip(rng.normal(0.5, 1.2), -2, 3)),
        drift=float(np.clip(rng.normal(0, 0.06), -0.15, 0.15)),
        noise=float(rng.uniform(0.03, 0.08)),
        lag=float(rng.uniform(0.5, 3)),
        warmth=float(rng.uniform(0.5, 2.5)),
        humidity_offset=float(rng.normal(0, 2.5)),
        sound_offset=float(rng.uniform(-3, 3)),
        sound_floor=float(rng.uniform(29, 33)),
    )


def humid_growth(humidity: Array, kappa: Array | float) -> Array:
    """How much more an optical sensor sees in humid air: 1 + (kappa / 1.65) a / (1 - a), a = humidity / 100.

    The kappa-Köhler form of Crilley et al. 2018, doi:10.5194/amt-11-709-2018, eq. 5; 1.65 g/cm³ is the density of dry
    particles. Humidities [%] over 95 count as 95, where the formula would leave the range in which it was tried.
    """
    activity = np.minimum(humidity, 95) / 100
    return 1 + kappa / 1.65 * activity / (1 - activity)


class Kit:
    """Kit `number` of a city, with its sensors, its faults and its readings every `dt` seconds."""

    firmware = "simulated"

    def __init__(
        self,
        city: City,
        number: int,
        *,
        colocated_days: float = 10,
        dt: int = 60,
        quantities: Sequence[str] = USUAL,
        faults: Faults | None = None,
        device: str = "",
    ) -> None:
        if not 1 <= dt <= MINUTE or MINUTE % dt:
            raise UsageError(
                f"A simulated kit cannot report every {dt} s.", "Choose a whole part of a minute: 60, 10, 1."
            )
        if device and not device.startswith("sim-"):
            raise ValueError("what is simulated is marked: the device's id begins with sim-")
        self.city, self.number, self.dt = city, number, dt
        self.device = device or f"sim-{number:04d}"
        self.quantities = tuple(quantities)
        self.faults = faults or Faults()
        self.place = city.place(number)
        self.sensors = draw_sensors(stream(city.seed, 100, number))
        # The move takes no time, and is at a full hour, so that no hour has two places.
        self.moved = int(city.start + colocated_days * DAY) // HOUR * HOUR

    def truth(self) -> dict[str, Array]:
        """The truth where the kit stood, for each minute of the city."""
        own = self.city.truth(self.number)
        beside = self.city.t <= self.moved
        if not beside.any():
            return own
        station = self.city.truth(STATION)
        return {name: np.where(beside, station[name], values) for name, values in own.items()}

    def truth_hours(self, quantity: str) -> tuple[Times, Array]:
        """The truth of whole UTC hours where the kit stood, labelled at their ends."""
        return hourly(self.city.t, self.truth()[quantity], QUANTITIES[quantity].averaging)

    def columns(self) -> Columns:
        """All readings of the period, faults included; the same ones each time."""
        city, rng = self.city, stream(self.city.seed, 101, self.number)
        t = np.arange(city.start + self.dt, city.end + 1, self.dt, dtype=np.int64)
        history = draw_history(stream(city.seed, 102, self.number), t, self.faults)
        minute = (t[history.row] - 1 - city.start) // MINUTE  # in which minute of the city a reading's interval ends
        sensed = self._sense(rng, self.truth())
        q = {name: self._sample(rng, name, sensed[name][minute], history) for name in self.quantities}
        if history.unheard.any():
            q[UNHEARD_OF] = np.where(history.unheard, 0.09, np.nan)
        particles = [name for name in self.quantities if name.startswith("pm")]
        if len(particles) < len(self.quantities):  # a reading without particles still has something to tell
            for name in particles:
                q[name][history.silent] = np.nan
        # A repetition is the earlier reading once more, number by number.
        q = {name: values[history.first] for name, values in q.items()}
        return Columns(
            self.dt, history.boot, history.seq, t[history.row], history.label, history.aged, history.again, q
        )

    def _sense(self, rng: Generator, truth: dict[str, Array]) -> dict[str, Array]:
        """What the sensors would show of each minute, before the noise of single readings."""
        own, city = self.sensors, self.city
        age = (city.t - city.start) / (30 * DAY)
        inside = lagged(truth["temperature"], 8) + own.warmth
        dried = relative_humidity(inside, city.weather.dew_point)  # a warm box dries the air, though not much
        growth = humid_growth(dried, own.kappa * city.region.uptake)
        seen = own.gain * (1 + own.drift * age) * city.region.scattering * growth
        wander = np.exp(0.04 * coloured(rng, len(city.t), 90))
        pm25 = seen * wander * truth["pm25"]
        coarse = 0.45 * own.gain * (truth["pm10"] - truth["pm25"])  # such sensors miss most large particles
        humidity = lagged(dried, 2) + own.humidity_offset
        sensed = {
            "pm1": lagged(seen * truth["pm1"], own.lag) + own.offset,
            "pm25": lagged(pm25, own.lag) + own.offset,
            "pm10": lagged(pm25 + coarse, own.lag) + own.offset,
            "temperature": inside,
            "humidity": humidity,
            "pressure": truth["pressure"],
        }
        for name in truth.keys() - sensed.keys():  # sound levels: the microphone's noise adds its energy
            level = truth[name] + own.sound_offset
            sensed[name] = 10 * np.log10(10 ** (level / 10) + 10 ** (own.sound_floor / 10))
        return sensed

    def _sample(self, rng: Generator, name: str, values: Array, history: History) -> Array:
        """Single readings with their noise, in the range and the steps in which sensors report."""
        n = len(values)
        if name.startswith("pm"):
            noisy = values * np.exp(self.sensors.noise * rng.standard_normal(n)) + 0.4 * rng.standard_normal(n)
            noisy = np.clip(np.where(history.spike, noisy * rng.uniform(5, 20, n) + 30, noisy), 0, 999.9)
        elif name == "humidity":
            noisy = np.clip(values + 0.4 * rng.standard_normal(n), 0, 100)
        else:
            noisy = values + {"temperature": 0.05, "pressure": 0.1}.get(name, 0.2) * rng.standard_normal(n)
        return np.asarray(np.round(noisy, 1), np.float64)
