# SPDX-License-Identifier: EUPL-1.2
"""Groups of kits: those of a project, of an area or around a place, and the mean of what they measured.

The name of a group and the registry come in, its members with their times come out; and from the values of members one
mean value. Areas are compared with the public places of kits, on the grid that each host chose, never with exact ones.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collector.errors import DataError, NothingFound, UsageError
from collector.quantities import Averaging
from collector.registry import Deployment, Registry, Station
from collector.series.averaging import Floats, Ints, average, rule_of
from collector.series.longer import Longer

KINDS = ("project", "within", "around")
_AROUND = re.compile(r"(-?\d+(?:\.\d+)?),\s*(-?\d+(?:\.\d+)?),\s*(\d+(?:\.\d+)?)\s*(k?m)")
_EARTH = 6_371_000.0  # mean radius [m]


@dataclass(frozen=True)
class Member:
    """A kit while it belongs to a group."""

    device: str
    start: int  # s since 1970, UTC
    until: int | None  # None: it still does
    place: tuple[float, float] | None  # public latitude and longitude
    zone: str


@dataclass(frozen=True)
class Mean:
    """The mean over the members of a group; arrays of one length."""

    value: Floats  # NaN where no member has a value
    u: Floats | None  # standard uncertainty; None for raw values
    spread: Floats  # standard deviation between members; NaN with fewer than two
    sensors: Ints  # members that have a value
    coverage: Floats  # mean over all members


def is_group(source: str) -> bool:
    """Whether a source is the name of a group."""
    return source.partition(":")[0] in KINDS and ":" in source


def members(registry: Registry, group: str) -> list[Member]:
    """The members of `project:ID`, `within:FILE` (GeoJSON) or `around:LATITUDE,LONGITUDE,500m`.

    UsageError or DataError for a name that is none; NothingFound for a group without members.
    """
    kind, _, rest = group.partition(":")
    deployments = registry.deployments()
    if kind == "project":
        known = sorted({one.project for one in deployments if one.project})
        found = [one for one in deployments if one.project == rest]
        hint = f"There are: {', '.join(known)}." if known else "No kit belongs to a project yet."
    elif kind == "within":
        inside = _area(Path(rest))
        found = [one for one in deployments if one.public_place and inside(*one.public_place)]
        hint = "Kits without a public place, and those whose cell's middle lies outside, are not in it."
    else:
        latitude, longitude, radius = _circle(rest)
        here = (latitude, longitude)
        found = [one for one in deployments if one.public_place and distance(here, one.public_place) <= radius]
        hint = "Take a larger radius; kits without a public place are not counted."
    if not found:
        raise NothingFound(f"There is no kit in {group}.", hint)
    return [_member(one) for one in found]


def mean(parts: Sequence[Longer], quantity: str) -> Mean:
    """The mean over members of one quantity, by its averaging rule; every member that has a value counts the same.

    Notes
    -----
    Its uncertainty is the mean of the members' uncertainties: kits of a group are calibrated beside the same stations,
    so their errors need not average out. What the choice of places brings shows in the spread.
    """
    rule = rule_of(quantity)
    values = np.array([part.value for part in parts])
    known = ~np.isnan(values)
    value = _across(rule, values)
    sensors = known.sum(axis=0)
    centre = np.where(known, values, 0).sum(axis=0) / np.maximum(sensors, 1)
    square = np.where(known, (values - centre) ** 2, 0).sum(axis=0)
    spread = np.where(sensors > 1, np.sqrt(square / np.maximum(sensors - 1, 1)), np.nan)
    stated = [part.u for part in parts if part.u is not None]
    u = None
    if len(stated) == len(parts) and parts:
        u = _across(Averaging.MEAN, np.where(known, np.array(stated), np.nan))
    coverage = np.mean([part.coverage for part in parts], axis=0)
    return Mean(value, u, spread, sensors, coverage)


def nearest_station(stations: Sequence[Station], place: tuple[float, float]) -> tuple[Station, float] | None:
    """The station nearest to a place, and how far it is [m]; None where no station has a place."""
    placed = [
        (distance(place, (one.latitude, one.longitude)), one.id, one)
        for one in stations
        if one.latitude is not None and one.longitude is not None
    ]
    if not placed:
        return None
    far, _, station = min(placed, key=lambda one: one[:2])
    return station, far


def distance(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres between two places on a sphere (haversine); 0.5 % from the ellipsoid at most.

    >>> round(distance((52.0, 5.0), (52.001, 5.0)))
    111
    """
    latitudes, longitudes = np.radians([a[0], b[0]]), np.radians([a[1], b[1]])
    half = (
        math.sin((latitudes[1] - latitudes[0]) / 2) ** 2
        + math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin((longitudes[1] - longitudes[0]) / 2) ** 2
    )
    return 2 * _EARTH * math.asin(min(1.0, math.sqrt(half)))


def _across(rule: Averaging, values: Floats) -> Floats:
    """One value of each column (members, windows) by a rule, of those that are numbers."""
    known = ~np.isnan(values)
    index = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return average(rule, values[known], index[known], values.shape[1])


def _member(one: Deployment) -> Member:
    return Member(one.device, one.start, one.until, one.public_place, one.zone)


def _circle(text: str) -> tuple[float, float, float]:
    found = _AROUND.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text!r} is no circle.", "Write one as around:52.09,5.12,500m: latitude, longitude, radius.")
    latitude, longitude, radius = float(found[1]), float(found[2]), float(found[3])
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise UsageError(f"{latitude}, {longitude} is no place on Earth.", "Latitude comes first, in degrees.")
    return latitude, longitude, radius * (1000 if found[4] == "km" else 1)


def _area(path: Path) -> Any:
    """A function of latitude and longitude that says whether a place lies in the polygons of a GeoJSON file."""
    import shapely
    from shapely.geometry import shape
    from shapely.validation import explain_validity

    try:
        found = json.loads(path.read_text("utf-8"))
        features = found.get("features", [found]) if isinstance(found, dict) else []
        shapes = [shape(one.get("geometry", one)) for one in features]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.", "Name a GeoJSON file.") from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, shapely.errors.ShapelyError) as error:
        raise DataError(f"{path} is no GeoJSON: {error}.", "Draw the area anew, and save it as GeoJSON.") from error
    if not shapes or any(one.geom_type not in ("Polygon", "MultiPolygon") for one in shapes):
        raise DataError(f"{path} has something else than polygons.", "An area is a polygon, or several.")
    for one in shapes:
        west, south, east, north = one.bounds if not one.is_empty else (0.0, 0.0, 0.0, 0.0)
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            raise DataError(
                f"{path} has coordinates beyond 180 and 90 degrees.",
                "GeoJSON holds degrees of longitude and latitude (WGS 84); convert it from the national grid.",
            )
        if one.is_empty or not one.is_valid:
            why = "it is empty" if one.is_empty else explain_validity(one)
            raise DataError(f"{path} has an area that is none: {why}.", "Draw it without lines that cross.")
    area = shapely.union_all(shapes)
    return lambda latitude, longitude: bool(area.intersects(shapely.Point(longitude, latitude)))
