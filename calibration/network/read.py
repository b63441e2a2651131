# SPDX-License-Identifier: EUPL-1.2
"""Two plain CSV files to a `Network`: hours of stations, hours of sensors, a row for each place and hour.

Paths and names of columns come in, a `Network` with the names of its rows goes out. Called by the commands that work
without a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from calibration.align import HOUR, Floats, Ints
from calibration.errors import BadInput
from calibration.network.data import TYPES, Network
from calibration.network.interpolate import distances
from calibration.table import Table, read_table

MOVED = 0.2  # km; further apart two rows of one sensor are two places
MAX_HOURS = 10 * 366 * 24


@dataclass(frozen=True)
class NetworkColumns:
    """Names of columns, the same in both files but for the values."""

    time: str = "time"
    unit: str = "id"
    latitude: str = "latitude"
    longitude: str = "longitude"
    raw: str = "raw"
    reference: str = "reference"
    type: str | None = None
    zone: str | None = None
    label: Literal["begin", "end"] = "end"


@dataclass(frozen=True)
class NamedNetwork:
    """A network, the names of its rows, and what was found while reading."""

    network: Network
    stations: tuple[str, ...]
    sensors: tuple[str, ...]
    notes: tuple[str, ...]


def read_network(stations: str | Path, sensors: str | Path, columns: NetworkColumns) -> NamedNetwork:
    """Read a network.

    Raises
    ------
    BadInput
        If a file cannot be read for certain, a sensor has moved, or hours do not lie on one grid.
    """
    official = _table(stations, columns, columns.reference, columns.type)
    citizen = _table(sensors, columns, columns.raw, None)
    every = np.concatenate([official.time, citizen.time])
    if np.any((every - every[0]) % HOUR):
        raise BadInput("Stations and sensors do not have hours on one grid.", "Average both to the same whole hours.")
    first, last = int(every.min()), int(every.max())
    if (last - first) // HOUR > MAX_HOURS:
        raise BadInput("From the first to the last hour it is more than ten years.", "Look for a wrong date.")
    t = np.arange(first, last + 1, HOUR, dtype=np.int64)
    station_names, station_places, station_values = _rows(official, t, stations)
    sensor_names, sensor_places, sensor_values = _rows(citizen, t, sensors)
    types = tuple(_type(official, name, stations) for name in station_names) if columns.type else ()
    network = Network(t, station_places, station_values, sensor_places, sensor_values, types)
    return NamedNetwork(network, station_names, sensor_names, (*official.notes, *citizen.notes))


def _table(path: str | Path, columns: NetworkColumns, value: str, site: str | None) -> Table:
    return read_table(
        path,
        time=columns.time,
        zone=columns.zone,
        columns={"latitude": columns.latitude, "longitude": columns.longitude, "value": value},
        unit=columns.unit,
        site=site,
        label=columns.label,
    )


def _rows(table: Table, t: Ints, path: str | Path) -> tuple[tuple[str, ...], Floats, Floats]:
    """Names, places and values (n, T)."""
    units = table.by_unit()
    values = np.full((len(units), len(t)), np.nan)
    places = np.full((len(units), 2), np.nan)
    for row, (name, hours) in enumerate(units.items()):
        where = np.stack([hours.columns["latitude"], hours.columns["longitude"]], axis=1)
        where = where[np.isfinite(where).all(axis=1)]
        if not len(where):
            raise BadInput(f"{path}: {name} has no place.", "Fill in its latitude and longitude.")
        places[row] = np.median(where, axis=0)
        if distances(where, places[row : row + 1]).max() > MOVED:
            raise BadInput(
                f"{path}: {name} is at places more than {1000 * MOVED:.0f} m apart.",
                "A sensor that was moved is two: give each place a name of its own. Leave mobile sensors out.",
            )
        values[row, (hours.time - t[0]) // HOUR] = hours.columns["value"]
    return tuple(units), places, values


def _type(table: Table, name: str, path: str | Path) -> str:
    assert table.unit is not None and table.site is not None
    found = sorted({str(x).lower() for x in table.site[table.unit == name]})
    if len(found) != 1 or found[0] not in TYPES:
        raise BadInput(f"{path}: station {name} is of type {' and '.join(found)}.", f"Write one of {', '.join(TYPES)}.")
    return found[0]
