# SPDX-License-Identifier: EUPL-1.2
"""Values: series by the hour, and aggregates by the day and longer, as `citimeasure query` answers them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from collector.answers import ask
from collector.api import shapes
from collector.api.asking import AggregatesAsked, SeriesAsked, whole_hours
from collector.api.catalogue import IN_EVERY_FORM, desk_of
from collector.api.forms import NOTICE, answer, wanted
from collector.api.problems import Problem
from collector.columns import Question
from collector.errors import NothingFound
from collector.registry import Registry
from collector.series.groups import is_group, members
from collector.store.base import Store

MOST_HOURS = 500_000  # of all kits of a group together, for one answer

router = APIRouter(prefix="/v1", tags=["values"])


@router.get("/series", response_model=shapes.Values, response_model_exclude_unset=True, responses=IN_EVERY_FORM)
async def series(request: Request, asked: Annotated[SeriesAsked, Query()]) -> Response:
    """A series by the hour, raw or calibrated: hours are UTC hours, and count if 45 minutes were measured."""
    return await _answered(request, asked.question())


@router.get("/aggregates", response_model=shapes.Values, response_model_exclude_unset=True, responses=IN_EVERY_FORM)
async def aggregates(request: Request, asked: Annotated[AggregatesAsked, Query()]) -> Response:
    """A series by the day, month or year of the place's own clocks; max8h, lday, leve, lnight and lden."""
    return await _answered(request, asked.question(asked.every, asked.zone))


async def _answered(request: Request, question: Question) -> Response:
    form = wanted(request)

    def work(store: Store, registry: Registry) -> Response:
        _known(store, registry, question)
        found = ask(store, registry, question)
        notes = found.notes if found.rows else [*found.notes, "There are no values in that period."]
        if found.station:
            notes = [*notes, f"The column station is {found.station}."]
        return answer(request, form, found.rows, notice=NOTICE, notes=notes)

    return await desk_of(request).ask(work)


def _known(store: Store, registry: Registry, question: Question) -> None:
    """NothingFound for what does not exist, Problem for what would take too long."""
    source, quantity = question.source, question.quantity
    if is_group(source):
        kits = {one.device for one in members(registry, source)}
        hours = len(kits) * whole_hours(question.after, question.until)
        if hours > MOST_HOURS:
            raise Problem(
                "too-much",
                f"{len(kits)} kits have {hours:,} hours in that period; {MOST_HOURS:,} at most.",
                "Ask for a shorter period, a smaller group, or an export.",
            )
        return
    kind, colon, station = source.partition(":")
    if colon and kind == "station":
        registry.station(station)
    else:
        registry.device(source)
    if store.span(source, quantity) is None:
        raise NothingFound(f"There are no values of {quantity!r} from {source}.")
