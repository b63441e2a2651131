# SPDX-License-Identifier: EUPL-1.2
"""Which series and which places an export holds: `choose` is the one door, and what it leaves out is in no file.

The parts, the tables and the metadata are made from its answer alone, so a rule about what may leave belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass

from collector.errors import NothingFound, Refused
from collector.export.request import OPEN_END, Request
from collector.moments import HOUR
from collector.permits import Permits, Withdrawn, permits
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
    withdrawn: tuple[Withdrawn, ...] = ()  # what earlier exports may hold and no later one does
    left_out: tuple[str, ...] = ()  # kits of which something was asked for that their hosts do not allow

    @property
    def simulated(self) -> bool:
        """Whether any of it is simulated."""
        return any(place.simulated for place in self.places)


def choose(store: Store, registry: Registry, request: Request) -> Scope:
    """The series that were asked for, as far as hosts allow them, and the public places of their devices.

    Raises
    ------
    NothingFound
        If there is nothing in that period, or no such device.
    Refused
        If there is something, and no host allows it for that purpose.
    """
    for source in request.sources:
        if not source.startswith("station:"):
            registry.device(source)  # a misspelt name is an error, not an empty table
    asked = [(one, span) for one in store.series() if (span := _span(one, request, (0, OPEN_END)))]
    if not asked:
        raise NothingFound(
            "There is nothing to export in that period.", "`citimeasure device list` shows what there is."
        )
    allowed = permits(registry, request.purpose)
    spans: list[Span] = []
    left_out: set[str] = set()
    for one, whole in asked:
        parts = [part for period in allowed.periods(one.source) if (part := _span(one, request, period))]
        spans += parts
        if parts != [whole]:
            left_out.add(one.source)
    if not spans:
        raise Refused(
            f"No host of what you ask for allows the purpose {request.purpose}.",
            "`citimeasure consent show` tells what each allows; ask them, or choose the purpose with --for.",
        )
    sources = {span.source for span in spans}
    stations = tuple(one for one in registry.stations() if one.source in sources)
    withdrawn = tuple(one for one in allowed.withdrawn if not request.sources or one.device in request.sources)
    return Scope(tuple(spans), _places(registry, sources, allowed), stations, withdrawn, tuple(sorted(left_out)))


def _span(one: Series, request: Request, period: tuple[int, int]) -> Span | None:
    """The part of a series that is asked for and lies in a period."""
    if (request.sources and one.source not in request.sources) or (
        request.quantities and one.quantity not in request.quantities
    ):
        return None
    known = QUANTITIES.get(one.quantity)
    if request.every == "hour" and known is not None and known.averaging is Averaging.NONE:
        return None  # percentiles of levels have no hours
    # A period that begins or ends within an hour has no part in it: an hour is not divided among hosts.
    after = max(request.after, -(-period[0] // HOUR) * HOUR, (one.first - 1) // HOUR * HOUR)
    until = min(request.until, period[1] // HOUR * HOUR, -(-one.last // HOUR) * HOUR)
    if request.every == "hour":
        after, until = -(-after // HOUR) * HOUR, until // HOUR * HOUR
    days = max(1.0, (one.last - one.first) / (24 * HOUR))
    return Span(one.source, one.quantity, after, until, one.n / days) if after < until else None


def _places(registry: Registry, sources: set[str], allowed: Permits) -> tuple[Place, ...]:
    devices = {one.id: one for one in registry.devices()}
    found = []
    for one in registry.deployments():
        if one.device not in sources or not allowed.allows(one):
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
