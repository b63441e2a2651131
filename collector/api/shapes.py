# SPDX-License-Identifier: EUPL-1.2
"""What answers look like in JSON: the schemas of openapi.json. Rows are made elsewhere; tests hold them against these.

Names of columns are those of `citimeasure query` and of exports.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_PLACE = "In degrees (WGS 84), the middle of a cell of the grid that the host chose; null if hidden."


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Page(_Shape):
    next: str | None = Field(description="The address of the next page; null behind the last.")


class Project(_Shape):
    """An initiative to which kits belong."""

    id: str
    title: str


class Device(_Shape):
    """A kit."""

    id: str = Field(description="Random; says nothing of its host.")
    model: str
    simulated: bool = Field(description="Whether it exists in a simulation only.")


class Measured(_Shape):
    """What there is of one quantity."""

    quantity: str
    unit: str | None
    n: int = Field(description="How many values.")
    first: datetime = Field(description="When the first interval ended.")
    last: datetime = Field(description="When the last interval ended.")


class DeviceWithSeries(Device):
    """A kit, and what it measured."""

    series: list[Measured]


class Deployment(_Shape):
    """A kit at a place."""

    device: str
    project: str | None
    from_: datetime = Field(alias="from")
    to: datetime | None = Field(description="null while it hangs there.")
    latitude: float | None = Field(description=_PLACE)
    longitude: float | None = Field(description=_PLACE)
    grid: str = Field(description="Size of the grid's cells.")
    exposure: str = Field(description="outdoor or indoor")
    height: float | None = Field(description="Above the ground [m].")
    environment: str
    zone: str = Field(description="Whose clocks its days follow.")


class Station(_Shape):
    """An official instrument."""

    id: str
    source: str = Field(description="Its name in questions: station:ID.")
    name: str
    network: str
    type: str
    latitude: float | None
    longitude: float | None


class Calibration(_Shape):
    """A calibration in use. The last one of a kit's quantity counts, where several hold."""

    device: str
    quantity: str
    record: str = Field(description="See /v1/calibrations/{record}.")
    from_: datetime = Field(alias="from")
    to: datetime | None
    created: datetime = Field(description="Since when it is known; `as_of` compares with this.")


class Value(_Shape):
    """One interval. What depends on the question is there or not for all rows of an answer."""

    source: str
    quantity: str
    unit: str | None
    start: datetime = Field(description="Begin of the interval, UTC.")
    end: datetime = Field(description="End of the interval, UTC.")
    name: str = Field("", description="Local date, month or year of a longer interval.")
    value: float | None = Field(description="In `unit`; null where too little was measured.")
    u: float | None = Field(None, description="Standard uncertainty of a calibrated value.")
    lower: float | None = Field(None, description="Lower end of the 90 % interval.")
    upper: float | None = Field(None, description="Upper end of the 90 % interval.")
    coverage: float = Field(description="Share of the interval that was measured, 0 to 1.")
    hours: int = Field(0, description="How many hours of a longer interval count.")
    flag: int = Field(0, description="1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing.")
    tests: int = Field(0, description="Bits of the tests that were not passed.")
    raw: float | None = Field(None, description="The value before calibration.")
    record: str | None = Field(None, description="The calibration behind the value.")
    spread: float | None = Field(None, description="Standard deviation between the kits of a group.")
    sensors: int = Field(0, description="How many kits of a group have a value.")
    station: float | None = Field(None, description="The same interval at the nearest official station.")


class Projects(_Page):
    items: list[Project]


class Devices(_Page):
    items: list[Device]


class Deployments(_Page):
    items: list[Deployment]


class Stations(_Page):
    items: list[Station]


class Calibrations(_Page):
    items: list[Calibration]


class Values(_Page):
    """A series."""

    notice: str
    notes: list[str] = Field(description="What a person should know of this answer.")
    items: list[Value]


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="urn:citimeasure:problem:KIND")
    title: str
    status: int
    detail: str = Field(description="What happened, as a sentence.")
    hint: str = Field("", description="What to do, as a sentence.")


Record = dict[str, Any]  # the JSON of a calibration record, as `citimeasure calibrate show` prints it
