# SPDX-License-Identifier: EUPL-1.2
"""What there is: projects, devices, deployments, stations, and calibrations with their records.

Places are those that the registry lets be public: on the grid that each host chose. Exact ones, hosts and notes of
those who run the server do not come here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from collector.api import shapes
from collector.api.asking import Listed, moment
from collector.api.cursor import Key, page
from collector.api.desk import Desk
from collector.api.forms import CSV, JSON, PARQUET, answer, wanted
from collector.columns import Row
from collector.moments import iso
from collector.quantities import QUANTITIES
from collector.registry import Registry
from collector.store.base import Store

router = APIRouter(prefix="/v1", tags=["what there is"])
IN_EVERY_FORM: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string", "format": "binary"}}}}
}
Id = Annotated[str, Path(max_length=64)]
Rows = Callable[[Registry], Iterable[tuple[Key, Row]]]


class DevicesAsked(Listed):
    """Which devices."""

    project: str | None = Field(None, max_length=64, description="Only those that belonged to it once.")


class DeploymentsAsked(DevicesAsked):
    """Which deployments."""

    device: str | None = Field(None, max_length=64, description="Only of this one.")


class CalibrationsAsked(Listed):
    """Which calibrations."""

    device: str | None = Field(None, max_length=64, description="Only of this one.")
    quantity: str | None = Field(None, max_length=64, description="Only of this quantity.")
    as_of: str | None = Field(None, max_length=40, description="As they were known at that moment.")


async def _list(request: Request, asked: Listed, rows: Rows) -> Response:
    """A page of rows, which have keys that put them in order."""
    form = wanted(request)
    filters = asked.model_dump(exclude={"limit", "cursor"}, exclude_none=True)

    def work(_: Store, registry: Registry) -> Response:
        found, cursor = page(
            sorted(rows(registry), key=lambda one: one[0]),
            lambda one: one[0],
            f"{request.url.path} {sorted(filters.items())}",
            asked.limit,
            asked.cursor,
        )
        return answer(request, form, [row for _, row in found], cursor=cursor)

    return await desk_of(request).ask(work)


def desk_of(request: Request) -> Desk:
    """The desk of the server that a request came to."""
    desk: Desk = request.app.state.desk
    return desk


@router.get("/projects", response_model=shapes.Projects, responses=IN_EVERY_FORM)
async def projects(request: Request, asked: Annotated[Listed, Query()]) -> Response:
    """All projects."""
    return await _list(
        request,
        asked,
        lambda registry: [((one.id,), {"id": one.id, "title": one.title}) for one in registry.projects()],
    )


@router.get("/devices", response_model=shapes.Devices, responses=IN_EVERY_FORM)
async def devices(request: Request, asked: Annotated[DevicesAsked, Query()]) -> Response:
    """All kits, or those of a project."""

    def rows(registry: Registry) -> Iterable[tuple[Key, Row]]:
        found = registry.devices()
        if asked.project is not None:
            registry.project(asked.project)
            inside = {one.device for one in registry.deployments() if one.project == asked.project}
            found = [one for one in found if one.id in inside]
        return [((one.id,), {"id": one.id, "model": one.model, "simulated": one.simulated}) for one in found]

    return await _list(request, asked, rows)


@router.get("/devices/{id}", response_model=shapes.DeviceWithSeries)
async def device(request: Request, id: Id) -> Response:
    """One kit, and what it measured."""
    form = wanted(request, (JSON,))

    def work(store: Store, registry: Registry) -> Response:
        one = registry.device(id)
        series = [
            {
                "quantity": found.quantity,
                "unit": QUANTITIES[found.quantity].unit if found.quantity in QUANTITIES else None,
                "n": found.n,
                "first": iso(found.first),
                "last": iso(found.last),
            }
            for found in store.series(id)
        ]
        return Response(
            msgspec.json.encode({"id": one.id, "model": one.model, "simulated": one.simulated, "series": series}),
            media_type=form,
        )

    return await desk_of(request).ask(work)


@router.get("/deployments", response_model=shapes.Deployments, responses=IN_EVERY_FORM)
async def deployments(request: Request, asked: Annotated[DeploymentsAsked, Query()]) -> Response:
    """Which kit hung where, and when."""

    def rows(registry: Registry) -> Iterable[tuple[Key, Row]]:
        if asked.device is not None:
            registry.device(asked.device)
        if asked.project is not None:
            registry.project(asked.project)
        for one in registry.deployments(asked.device):
            if asked.project is not None and one.project != asked.project:
                continue
            latitude, longitude = one.public_place or (None, None)
            yield (
                (one.device, one.start),
                {
                    "device": one.device,
                    "project": one.project,
                    "from": iso(one.start),
                    "to": _iso(one.until),
                    "latitude": latitude,
                    "longitude": longitude,
                    "grid": one.grid,
                    "exposure": one.exposure,
                    "height": one.height,
                    "environment": one.environment,
                    "zone": one.zone,
                },
            )

    return await _list(request, asked, rows)


@router.get("/stations", response_model=shapes.Stations, responses=IN_EVERY_FORM)
async def stations(request: Request, asked: Annotated[Listed, Query()]) -> Response:
    """All official stations."""

    def rows(registry: Registry) -> Iterable[tuple[Key, Row]]:
        for one in registry.stations():
            names = ("id", "source", "name", "network", "type", "latitude", "longitude")
            yield (one.id,), {name: getattr(one, name) for name in names}

    return await _list(request, asked, rows)


@router.get("/calibrations", response_model=shapes.Calibrations, responses=IN_EVERY_FORM)
async def calibrations(request: Request, asked: Annotated[CalibrationsAsked, Query()]) -> Response:
    """Which calibrations are in use, in the order in which they were made known."""
    as_of = moment("as_of", asked.as_of) if asked.as_of is not None else None

    def rows(registry: Registry) -> Iterable[tuple[Key, Row]]:
        if asked.device is not None:
            registry.device(asked.device)
        for n, one in enumerate(registry.assignments(asked.device, asked.quantity, as_of=as_of)):
            yield (
                (n,),
                {
                    "device": one.device,
                    "quantity": one.quantity,
                    "record": one.record,
                    "from": iso(one.start),
                    "to": _iso(one.until),
                    "created": iso(one.created),
                },
            )

    return await _list(request, asked, rows)


@router.get("/calibrations/{id}", response_model=shapes.Record)
async def calibration(request: Request, id: Id) -> Response:
    """A calibration record by its id, or by the beginning of it."""
    form = wanted(request, (JSON,))
    return await desk_of(request).ask(lambda _, registry: Response(registry.calibration(id), media_type=form))


def _iso(t: int | None) -> str | None:
    return None if t is None else iso(t)
