# SPDX-License-Identifier: EUPL-1.2
"""Which series and which places an export holds: `choose` is the one door, and what it leaves out is in no file.

The parts, the tables and the metadata are made from its answer alone, so a rule about what may leave belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.errors import NothingFound
from collector.export.request import Request
from collector.moments import HOUR
from collector.quantities import QUANTITIES, Averaging
from collector.registry import Registry, Station
from collector.store.base import Series, Store


@dataclass(frozen=True)
class Span:
    """A series, and the part of it that is exported: whole hours with after < end of interval <= until."""

    source: str
    quantity: str
    after: int
    until: int
    per_day: float  # how many values a day has, on average

    def lies_in(self, other: Span) -> bool:
        """Whether another span holds all of it."""
        same = (self.source, self.quantity) == (other.source, other.quantity)
        return same and other.after <= self.after and self.until <= other.until

    @property
    def unit(self) -> str | None:
        """The unit of its values, if the glossary knows the quantity."""
        known = QUANTITIES.get(self.quantity)
        return known.unit if known else None


@dataclass(frozen=True)
class Place:
    """Where a device hung, as it may be shown: a row of devices.csv."""

    device: str
    model: str
    simulated: bool
    start: int
    until: int | None
    latitude: float | None
    longitude: float | None
    grid: str
    exposure: str
    height: float | None
    environment: str


@dataclass(frozen=True)
class Scope:
    """What is exported, in order of source and quantity, and of device and time."""

    spans: tuple[Span, ...]
    places: tuple[Place, ...]
    stations: tuple[Station, ...]

    @property
    def simulated(self) -> bool:
        """Whether any of it is simulated."""
        return any(place.simulated for place in self.places)


def choose(store: Store, registry: Registry, request: Request) -> Scope:
    """The series that were asked for, and the public places of their devices; NothingFound if there are none."""
    for source in request.sources:
        if not source.startswith("station:"):
            registry.device(source)  # a misspelt name is an error, not an empty table
    spans = tuple(span for one in store.series() if (span := _span(one, request)))
    if not spans:
        raise NothingFound(
            "There is nothing to export in that period.", "`citimeasure device list` shows what there is."
        )
    sources = {span.source for span in spans}
    stations = tuple(one for one in registry.stations() if one.source in sources)
    return Scope(spans, _places(registry, sources), stations)


def _span(one: Series, request: Request) -> Span | None:
    if (request.sources and one.source not in request.sources) or (
        request.quantities and one.quantity not in request.quantities
    ):
        return None
    known = QUANTITIES.get(one.quantity)
    if request.every == "hour" and known is not None and known.averaging is Averaging.NONE:
        return None  # percentiles of levels have no hours
    after = max(request.after, (one.first - 1) // HOUR * HOUR)
    until = min(request.until, -(-one.last // HOUR) * HOUR)
    if request.every == "hour":
        after, until = -(-after // HOUR) * HOUR, until // HOUR * HOUR
    days = max(1.0, (one.last - one.first) / (24 * HOUR))
    return Span(one.source, one.quantity, after, until, one.n / days) if after < until else None


def _places(registry: Registry, sources: set[str]) -> tuple[Place, ...]:
    devices = {one.id: one for one in registry.devices()}
    found = []
    for one in registry.deployments():
        if one.device not in sources:
            continue
        latitude, longitude = one.public_place or (None, None)
        kit = devices[one.device]
        found.append(
            Place(
                kit.id, kit.model, kit.simulated, one.start, one.until, latitude, longitude,
                one.grid, one.exposure, one.height, one.environment,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda place: (place.device, place.start)))
