# SPDX-License-Identifier: EUPL-1.2
"""Hours of a network: official stations and low-cost sensors at their places, on common labels.

Arrays come in and are looked at once; everything else in this package takes a `Network`. Sensors and stations measure
one quantity in one unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from calibration.align import Floats, Ints, check_hours
from calibration.errors import BadInput, TooLittleData
from calibration.network.interpolate import check_places

MIN_STATIONS = 3  # the least with which leaving one out still leaves something between which to interpolate
TYPES = ("background", "regional", "traffic", "industrial")


@dataclass(frozen=True)
class Network:
    """One quantity over a town or a region.

    Attributes
    ----------
    t : (T,) array
        Ends of the hours [s since 1970], strictly rising.
    station_places, sensor_places : (S, 2) and (K, 2) arrays
        Latitude and longitude [degrees].
    stations, sensors : (S, T) and (K, T) arrays
        Hourly means in one unit, NaN where missing. Sensors need no calibration before.
    types : tuple of str
        Of the stations: background (of a town), regional, traffic or industrial.

    Raises
    ------
    BadInput
        If shapes, places, times or types do not fit, or values are infinite.
    """

    t: Ints
    station_places: Floats
    stations: Floats
    sensor_places: Floats
    sensors: Floats
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "t", check_hours(self.t))
        for places, values, what in (
            ("station_places", "stations", "stations"),
            ("sensor_places", "sensors", "sensors"),
        ):
            object.__setattr__(self, places, check_places(getattr(self, places)))
            found = np.asarray(getattr(self, values), np.float64)
            wanted = (len(getattr(self, places)), len(self.t))
            if found.shape != wanted:
                raise BadInput(
                    f"The {what} have values of shape {found.shape}; their places and hours ask for {wanted}.",
                    "Give a row for each place, with a value (or NaN) for each hour.",
                )
            if np.isinf(found).any():
                raise BadInput(f"The {what} have infinite values.", "Put NaN where a value is missing.")
            object.__setattr__(self, values, found)
        if not self.types:
            object.__setattr__(self, "types", ("background",) * len(self.stations))
        strange = sorted(set(self.types) - set(TYPES))
        if strange or len(self.types) != len(self.stations):
            raise BadInput(
                f"{len(self.types)} types of {len(self.stations)} stations"
                + (f", among them {strange[0]!r}." if strange else "."),
                f"Give one for each station: {', '.join(TYPES)}.",
            )

    def keep(self, stations: Ints) -> Network:
        """The network with some of its stations, by their numbers."""
        return replace(
            self,
            station_places=self.station_places[stations],
            stations=self.stations[stations],
            types=tuple(self.types[i] for i in stations),
        )

    def without(self, station: int) -> Network:
        """The network without one station."""
        return self.keep(np.delete(np.arange(len(self.stations)), station))

    def check_stations(self) -> None:
        """Looks that one station can be left out.

        Raises
        ------
        TooLittleData
        """
        alive = int(np.isfinite(self.stations).any(axis=1).sum())
        if alive < MIN_STATIONS:
            raise TooLittleData(
                f"{alive} stations have values; a network is judged by leaving one out, which needs {MIN_STATIONS}.",
                "Add stations further away, or calibrate beside one station.",
            )
