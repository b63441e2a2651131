# SPDX-License-Identifier: EUPL-1.2
"""What leaves the registry: frozen dataclasses, and the rule that makes a place public."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field

# Without letters and digits that look alike on a label.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
# Size of the grid's cells in degrees of latitude; a degree is 111 km.
GRIDS = {"100m": 0.001, "1km": 0.01, "none": 0.0}
EXPOSURES = ("outdoor", "indoor")
ENVIRONMENTS = ("unknown", "background", "traffic", "industrial", "rural")


@dataclass(frozen=True)
class Device:
    """A kit. Its id is public and random, never a hardware address."""

    id: str
    model: str
    simulated: bool
    created: int
    revoked: int | None = None  # since when it is locked out


@dataclass(frozen=True)
class Account:
    """A kit that may log in, with the hashes of the passwords that hold now, the newest first."""

    device: str
    hashes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Deployment:
    """A device at a place from `start` until `until` (None: still there). The place is exact: not for publication."""

    no: int
    device: str
    project: str | None
    host: str | None
    start: int
    until: int | None
    latitude: float | None
    longitude: float | None
    grid: str
    exposure: str
    height: float | None
    environment: str
    zone: str
    created: int

    @property
    def public_place(self) -> tuple[float, float] | None:
        """Latitude and longitude as they may be shown, on the grid that the host chose; None if nowhere."""
        if self.latitude is None or self.longitude is None:
            return None
        return snap(self.latitude, self.longitude, self.grid)


@dataclass(frozen=True)
class Project:
    """What kits belong to, by the will of those who host them."""

    id: str
    title: str
    created: int


@dataclass(frozen=True)
class Host:
    """A person who hosts kits: the only place with a name and an address."""

    id: str
    name: str
    email: str
    created: int
    erased: int | None = None  # since when nothing is left of the person but the id


@dataclass(frozen=True)
class Consent:
    """One decision of a host about one purpose. The latest one of a purpose holds."""

    host: str
    purpose: str
    given: bool
    moment: int
    text_version: str


@dataclass(frozen=True)
class Station:
    """An official instrument; `source` is its name in the stores."""

    id: str
    name: str
    network: str
    type: str
    latitude: float | None
    longitude: float | None
    created: int

    @property
    def source(self) -> str:
        return f"station:{self.id}"


@dataclass(frozen=True)
class Assignment:
    """From `start` until `until`, a device's quantity is calibrated with a record; known since `created`."""

    device: str
    quantity: str
    record: str
    start: int
    until: int | None
    created: int
    note: str


def new_id(prefix: str) -> str:
    """A random public id such as kit-7hx3m9ab."""
    return f"{prefix}-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))


def snap(latitude: float, longitude: float, grid: str) -> tuple[float, float] | None:
    """The centre of the grid's cell around a place; always the same, so that repetitions cannot be averaged out.

    Cells are `GRIDS[grid]` degrees of latitude high, and as many degrees of longitude wide as make them about square
    at their own latitude. None for the grid `none`.

    >>> snap(52.09083, 5.12142, "100m")
    (52.0905, 5.12214)
    """
    step = GRIDS[grid]
    if not step:
        return None
    middle = (math.floor(min(latitude, 90 - step / 2) / step) + 0.5) * step
    # A whole number of cells around the globe, from the row's own middle: two places of one cell share them.
    columns = max(1, round(360 * math.cos(math.radians(middle)) / step))
    width = 360 / columns
    return round(middle, 5), round((math.floor(longitude / width) + 0.5) * width, 5)
