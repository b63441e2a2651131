# SPDX-License-Identifier: EUPL-1.2
"""Calibrating from the store: a kit's hours beside a station's, to a record that is kept and used.

Brings together what the calibration library must not know (stores, devices, stations) and what it does. Called by the
`calibrate` commands and the demo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import calibration
from calibration.evaluation import Aim
from calibration.metrics import regression
from collector.errors import DataError, NothingFound
from collector.evaluating import LIMIT_VALUES, Beside, Evaluated, evaluate_units, said_our_way
from collector.quantities import QUANTITIES, Quantity
from collector.registry import Registry
from collector.series import CalibratedHours, calibrated, hour_grid, read_hours, sensor_hours
from collector.store.base import Store

Floats = NDArray[np.float64]

_WEATHER = ("humidity", "temperature")
_OXIDANTS = ("no2", "o3")  # an electrochemical cell for one of them sees the other


@dataclass(frozen=True)
class CoLocation:
    """A kit's quantity beside a station, for a period (s since 1970)."""

    device: str
    quantity: str
    station: str
    after: int
    until: int


@dataclass(frozen=True)
class Judgement:
    """How a kit's values were beside a station, raw and calibrated, over the hours with all three."""

    device: str
    n: int
    raw_rmse: float
    rmse: float
    bias: float
    r2: float
    slope: float
    intercept: float
    coverage90: float  # share of reference hours within the 90 % interval


def hours_of(store: Store, place: CoLocation) -> tuple[NDArray[np.int64], dict[str, Floats], Floats]:
    """Times, the sensor's inputs and the reference of a co-location, on one grid of hours."""
    held = {one.quantity: one for one in store.series(place.device)}
    station = {one.quantity: one for one in store.series(f"station:{place.station}")}
    for what, there in ((f"device {place.device}", held), (f"station {place.station}", station)):
        if place.quantity not in there:
            raise NothingFound(
                f"There is no {place.quantity} of the {what}.",
                "`citimeasure device show` and `citimeasure reference list` show what there is.",
            )
    ours, theirs = held[place.quantity], station[place.quantity]
    after, until = max(place.after, ours.first - 1, theirs.first - 3600), min(place.until, ours.last, theirs.last)
    if after >= until:
        raise NothingFound(
            f"{place.device} and the station {place.station} have no hours of {place.quantity} together in that period."
        )
    beside = _WEATHER + (_OXIDANTS if place.quantity in _OXIDANTS else ())
    covariates = tuple(name for name in beside if name in held and name != place.quantity)
    grid = hour_grid(after, until)
    _, inputs = sensor_hours(store, place.device, place.quantity, covariates, grid)
    return grid, inputs, read_hours(store, f"station:{place.station}", place.quantity, grid).value


def fit(store: Store, place: CoLocation, *, model: str = "auto", supersedes: str | None = None) -> calibration.Record:
    """Fits a record to a co-location; nothing is kept yet."""
    t, inputs, reference = hours_of(store, place)
    quantity = _concentration(place.quantity)
    with said_our_way():
        return calibration.fit(
            t, inputs, reference, quantity=place.quantity, unit=quantity.unit, model=model,
            limit_value=LIMIT_VALUES.get(place.quantity), lineage=lineage_of(place, inputs, supersedes),
        )  # fmt: skip


def evaluate(store: Store, places: Sequence[CoLocation]) -> Evaluated:
    """Kits with one quantity beside a station: models learn anew from the first part of the time, as from a file."""
    quantity = _concentration(places[0].quantity)
    units = {}
    for place in places:
        t, inputs, reference = hours_of(store, place)
        units[place.device] = Beside(t, inputs, reference, lineage_of(place, inputs))
    aim = Aim(quantity.name, quantity.unit, LIMIT_VALUES.get(quantity.name))
    return evaluate_units(units, aim, plausible=(quantity.low, quantity.high))


def _concentration(name: str) -> Quantity:
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.averaging != "mean":
        raise DataError(f"{name} cannot be calibrated beside a station this way.", "This is for concentrations.")
    return quantity


def lineage_of(place: CoLocation, inputs: Iterable[str], supersedes: str | None = None) -> calibration.Lineage:
    """What the store and the registry know about a calibration."""
    return calibration.Lineage(
        devices=(place.device,),
        stations=(calibration.Station(place.station),),
        units={name: QUANTITIES[name].unit for name in inputs if name != "raw"},
        supersedes=supersedes,
    )


def keep(
    registry: Registry, record: calibration.Record, device: str, *, start: int, until: int | None = None, note: str = ""
) -> None:
    """Keeps a record and uses it for a device from `start` on."""
    registry.put_calibration(record.id, record.to_json())
    registry.assign(device, record.quantity, record.id, start=start, until=until, note=note)


def compare_models(
    store: Store, place: CoLocation, models: Sequence[str] = (), *, split: str = "blocked"
) -> list[calibration.Score]:
    """Models on blocks of days that they were not fitted on, with the raw value and no sensor at all beside them."""
    t, inputs, reference = hours_of(store, place)
    with said_our_way():
        return calibration.cross_validate(t, inputs, reference, models=models or None, split=split)


def judge(store: Store, registry: Registry, place: CoLocation, *, as_of: int | None = None) -> Judgement:
    """The values that `citimeasure query` gives, beside a station's."""
    t, _, reference = hours_of(store, place)
    found = calibrated(store, registry, place.device, place.quantity, t, as_of=as_of)
    if np.isnan(found.value).all():
        raise NothingFound(
            f"{place.device} has no calibrated {place.quantity} in that period.",
            "Fit one with `citimeasure calibrate fit`.",
        )
    return compare(place.device, found, reference)


def compare(device: str, found: CalibratedHours, reference: Floats) -> Judgement:
    """Raw and calibrated hours beside a reference, over the hours that have all three."""
    both = np.isfinite(found.value) & np.isfinite(reference)
    if not both.any():
        raise NothingFound(f"No hour of {device} has both a calibrated and a reference value.")
    raw, value = (np.where(both, series, np.nan) for series in (found.raw.value, found.value))
    line = regression(value, reference)
    inside = (found.lower <= reference) & (reference <= found.upper)
    return Judgement(
        device=device,
        n=line.n,
        raw_rmse=regression(raw, reference).rmse,
        rmse=line.rmse,
        bias=line.mbe,
        r2=line.r2,
        slope=line.slope,
        intercept=line.intercept,
        coverage90=float(inside[both].mean()),
    )
