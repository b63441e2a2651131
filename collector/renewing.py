# SPDX-License-Identifier: EUPL-1.2
"""Recalibrating kits that hang beside a station all the time, and what two records make of a kit's hours.

Brings stores and the registry together with `calibration.renewal` and `calibration.difference`. Called by the commands
`calibrate renew` and `calibrate diff`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import calibration
from calibration.difference import Difference, difference
from calibration.network.interpolate import check_places, distances
from calibration.renewal import Bounds, Proposal, Verdict, propose
from collector.calibrating import CoLocation, hours_of, keep, lineage_of
from collector.errors import CitimeasureError, DataError, NothingFound
from collector.evaluating import LIMIT_VALUES, said_our_way
from collector.moments import DAY
from collector.registry import Registry
from collector.series import hour_grid, sensor_hours
from collector.store.base import Store

BESIDE = 0.1  # [km]: farther from the station a kit breathes other air
_COMPARED = 365 * DAY


@dataclass(frozen=True)
class Renewal:
    """What came of one kit's quantity: a proposal, or why there is none."""

    device: str
    quantity: str
    station: str
    now: str  # id of the record in use
    proposal: Proposal | None
    words: str
    used: bool = False


def renewals(
    store: Store,
    registry: Registry,
    *,
    until: int,
    window: int,
    device: str | None = None,
    bounds: Bounds | None = None,
    apply: bool = False,
) -> Iterator[Renewal]:
    """Looks at each calibration in use at `until`; with `apply`, uses what is within bounds from then on.

    Every new record is kept in the registry, used or not, so that a person can decide later.
    """
    for (kit, quantity), record in sorted(_in_use(registry, device, until).items()):
        station = record.lineage.stations[0].id if record.lineage.stations else ""
        place = CoLocation(kit, quantity, station, until - window, until)
        try:
            _check_beside(registry, place)
            proposal = _propose(store, place, record, bounds)
        except CitimeasureError as error:
            yield Renewal(kit, quantity, station, record.id, None, f"{error} {error.hint or ''}".strip())
            continue
        if proposal.verdict is not Verdict.KEEP:
            registry.put_calibration(proposal.record.id, proposal.record.to_json())
        used = apply and proposal.verdict is Verdict.APPLY
        if used:
            keep(registry, proposal.record, kit, start=until, note="renewed within bounds")
        yield Renewal(kit, quantity, station, record.id, proposal, _words(proposal), used)


def compare(
    store: Store, old: calibration.Record, new: calibration.Record, device: str | None, after: int, until: int
) -> Difference:
    """Two records, and what they make of a device's hours in a period, at most its latest year; of none without one."""
    if device is None:
        with said_our_way():
            return difference(old, new)
    held = {one.quantity: one for one in store.series(device)}
    if old.quantity not in held:
        raise NothingFound(
            f"There is no {old.quantity} of the device {device}.", "Look with `citimeasure device show`."
        )
    until = min(until, held[old.quantity].last)
    grid = hour_grid(max(after, held[old.quantity].first - 1, until - _COMPARED), until)
    covariates = tuple(sorted({*old.covariates, *new.covariates}))
    with said_our_way():
        return difference(old, new, grid, sensor_hours(store, device, old.quantity, covariates, grid)[1])


def read_record(registry: Registry, name: str) -> calibration.Record:
    """A record by its id or the beginning of it, or from a file."""
    with said_our_way():
        if Path(name).is_file():
            try:
                return calibration.Record.from_json(Path(name).read_bytes())
            except OSError as error:
                raise DataError(f"{name} cannot be read: {error.strerror}.") from error
        return calibration.Record.from_json(registry.calibration(name))


def _in_use(registry: Registry, device: str | None, at: int) -> dict[tuple[str, str], calibration.Record]:
    """The record of each kit's quantity at a moment: the last one assigned that holds then."""
    found: dict[tuple[str, str], str] = {}
    for one in registry.assignments(device):
        if one.start <= at and (one.until is None or at <= one.until):
            found[one.device, one.quantity] = one.record
    return {which: calibration.Record.from_json(registry.calibration(record)) for which, record in found.items()}


def _check_beside(registry: Registry, place: CoLocation) -> None:
    """A kit must have hung beside the station for the whole window."""
    if not place.station:
        raise DataError("The record in use names no station.", "Fit it with `citimeasure calibrate fit`.")
    station = registry.station(place.station)
    there = [
        one
        for one in registry.deployments(place.device)
        if one.start < place.until and (one.until is None or one.until > place.after)
    ]
    hung = [(one.latitude, one.longitude) for one in there if one.latitude is not None and one.longitude is not None]
    if station.latitude is None or station.longitude is None or len(hung) < len(there) or not there:
        raise DataError(
            f"Whether {place.device} hung beside the station {place.station} is not known.",
            "Give places with `device add --place` and `reference import --place`, or fit it with `calibrate fit`.",
        )
    with said_our_way():
        here = check_places([[station.latitude, station.longitude]])
        away = float(distances(here, check_places(hung)).max())
    if away > BESIDE:
        raise DataError(
            f"{place.device} hung {away:.2f} km from the station {place.station} in this window.",
            f"Only kits within {1000 * BESIDE:.0f} m are renewed.",
        )


def _propose(store: Store, place: CoLocation, record: calibration.Record, bounds: Bounds | None) -> Proposal:
    t, inputs, reference = hours_of(store, place)
    with said_our_way():
        return propose(
            record, t, inputs, reference,
            limit_value=LIMIT_VALUES.get(place.quantity), lineage=lineage_of(place, inputs), bounds=bounds,
        )  # fmt: skip


def _words(proposal: Proposal) -> str:
    if proposal.verdict is Verdict.KEEP:
        return proposal.reasons[0]
    fell = (
        f"Error on the latest days: {proposal.rmse_new:.3g} instead of {proposal.rmse_now:.3g} {proposal.record.unit}."
    )
    return " ".join([fell, *proposal.reasons])
