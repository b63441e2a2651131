# SPDX-License-Identifier: EUPL-1.2
"""The registry: devices, where they hang, who hosts them and allows what, stations, calibrations and their use.

SQLite by default, PostgreSQL by URL, one code for both. Contact data and exact places exist here and nowhere else.
Consents, calibrations and assignments are only ever added.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, OperationalError

from collector.credentials import COLLECTOR
from collector.errors import DataError, NetworkError, NothingFound, SettingError
from collector.registry import schema
from collector.registry.entries import (
    ENVIRONMENTS,
    EXPOSURES,
    GRIDS,
    Account,
    Assignment,
    Consent,
    Deployment,
    Device,
    Host,
    Project,
    Station,
    new_id,
)
from collector.registry.forgetting import forget_old_rows
from collector.registry.identity import Identity
from collector.registry.migrations import upgrade
from collector.registry.people import People

__all__ = ["Account", "Assignment", "Consent", "Deployment", "Device", "Host", "Project", "Registry", "Station"]

_ID = re.compile(r"[a-z0-9-]{6,32}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{1,63}")


def _now() -> int:
    return int(time.time())


class Registry:
    """A connection to the registry. Thread-safe; close it, or use it in a `with` block."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._writing = self._engine.execution_options(writing=True)
        try:
            upgrade(self._writing)
        except (OperationalError, DBAPIError) as error:
            self._engine.dispose()
            raise away(self._engine.url, error) from error
        except SettingError:
            self._engine.dispose()
            raise

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the database."""
        self._engine.dispose()

    @contextmanager
    def writing(self, what: str) -> Iterator[sa.Connection]:
        """A transaction; DataError if the database does not take `what`."""
        try:
            with self._writing.begin() as connection:
                yield connection
        except IntegrityError as error:
            raise DataError(f"{what} cannot be added: it is there already, or names what is not.") from error
        except sa.exc.DataError as error:
            raise DataError(f"{what} cannot be added: a text is too long or a number too large.") from error
        except OperationalError as error:
            raise away(self._engine.url, error) from error

    def _add(self, table: sa.Table, what: str, **values: Any) -> None:
        with self.writing(what) as connection:
            connection.execute(table.insert().values(**values))

    def read(self, query: sa.Select[Any]) -> list[Any]:
        """Rows, as mappings."""
        try:
            with self._engine.begin() as connection:
                return [row._mapping for row in connection.execute(query)]
        except OperationalError as error:
            raise away(self._engine.url, error) from error

    def forget_old_rows(self, tables: Iterable[str], patience: float) -> None:
        """Makes the bytes of tables anew after an erasure; see `collector.registry.forgetting`."""
        try:
            forget_old_rows(self._engine, tables, patience)
        except DBAPIError as error:
            raise away(self._engine.url, error) from error

    @contextmanager
    def moment(self) -> Iterator[sa.Connection]:
        """A transaction that sees all tables as of one moment, whoever writes meanwhile. Read only."""
        level = {"isolation_level": "REPEATABLE READ"} if self._engine.dialect.name == "postgresql" else {}
        try:
            with self._engine.execution_options(**level).begin() as connection:
                yield connection
        except OperationalError as error:
            raise away(self._engine.url, error) from error

    def time(self) -> float:
        """The clock of the database's machine [s since 1970]."""
        with self.moment() as connection:
            return float(connection.execute(sa.select(sa.extract("epoch", sa.func.now()))).scalar_one())

    @property
    def identity(self) -> Identity:
        """Passwords and tokens of kits."""
        return Identity(self)

    @property
    def people(self) -> People:
        """Hosts and what they allow."""
        return People(self)

    # Devices and deployments

    def add_device(self, model: str, id: str | None = None, *, simulated: bool = False) -> Device:
        """Registers a kit; without an id it gets a random one."""
        if id == COLLECTOR:
            raise DataError(f"No kit can be called {id!r}.", "It is the collector's own name at the broker.")
        device = Device(_checked(id) if id else new_id("sim" if simulated else "kit"), model, simulated, _now())
        self._add(schema.device, f"The device {device.id}", **vars(device))
        return device

    def devices(self) -> list[Device]:
        """All devices, in order of their ids."""
        return [Device(**row) for row in self.read(sa.select(schema.device).order_by(schema.device.c.id))]

    def known_devices(self) -> frozenset[str]:
        """The ids of all devices, for the intake."""
        return frozenset(row["id"] for row in self.read(sa.select(schema.device.c.id)))

    def device(self, id: str) -> Device:
        """One device; NothingFound if it is not registered."""
        rows = self.read(sa.select(schema.device).where(schema.device.c.id == id))
        if not rows:
            raise NothingFound(f"There is no device {id!r}.", "`citimeasure device list` shows those there are.")
        return Device(**rows[0])

    def start_deployment(
        self,
        device: str,
        start: int,
        *,
        latitude: float | None = None,
        longitude: float | None = None,
        grid: str = "100m",
        exposure: str = "outdoor",
        height: float | None = None,
        environment: str = "unknown",
        zone: str = "Europe/Amsterdam",
        host: str | None = None,
        project: str | None = None,
    ) -> None:
        """Puts a device at a place from `start` on; ends the one before, as moving a kit ends its calibrations."""
        self.device(device)
        for value, known, name in ((grid, GRIDS, "grid"), (exposure, EXPOSURES, "exposure")):
            if value not in known:
                raise DataError(f"The {name} {value!r} is not one of {', '.join(known)}.")
        if environment not in ENVIRONMENTS:
            raise DataError(f"The environment {environment!r} is not one of {', '.join(ENVIRONMENTS)}.")
        if (latitude is None) != (longitude is None):
            raise DataError("A place has both a latitude and a longitude.")
        if latitude is not None and longitude is not None and not (abs(latitude) <= 90 and abs(longitude) <= 180):
            raise DataError(f"{latitude}, {longitude} is no place on Earth.", "Latitude comes first, in degrees.")
        try:
            ZoneInfo(zone)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise DataError(f"There is no time zone {zone!r}.", "Write one as Europe/Amsterdam.") from error
        t = schema.deployment
        with self.writing(f"The deployment of {device}") as connection:
            last = connection.execute(sa.select(sa.func.max(t.c.start)).where(t.c.device == device)).scalar()
            if last is not None and last >= start:
                raise DataError(f"The device {device} has a deployment that begins at {last} or later.")
            open_ = sa.and_(t.c.device == device, sa.or_(t.c.until.is_(None), t.c.until > start))
            connection.execute(t.update().where(open_).values(until=start))
            values = {
                "device": device, "start": start, "latitude": latitude, "longitude": longitude, "grid": grid,
                "exposure": exposure, "height": height, "environment": environment, "zone": zone, "host": host,
                "project": project,
                "created": _now(),
            }  # fmt: skip
            connection.execute(t.insert().values(**values))

    def deployments(self, device: str | None = None) -> list[Deployment]:
        """Deployments of one device or of all, oldest first."""
        t = schema.deployment
        query = sa.select(t).order_by(t.c.device, t.c.start)
        return [Deployment(**row) for row in self.read(query if device is None else query.where(t.c.device == device))]

    # Projects

    def add_project(self, id: str, title: str) -> None:
        """Registers an initiative."""
        if not _PROJECT.fullmatch(id):
            raise DataError(f"{id!r} cannot be a project's id.", "Use 2 to 64 of a-z, 0-9 and the hyphen.")
        self._add(schema.project, f"The project {id}", id=id, title=title, created=_now())

    def projects(self) -> list[Project]:
        """All projects, in order of their ids."""
        return [Project(**row) for row in self.read(sa.select(schema.project).order_by(schema.project.c.id))]

    def project(self, id: str) -> Project:
        """One project; NothingFound if it is not registered."""
        for project in self.projects():
            if project.id == id:
                return project
        raise NothingFound(f"There is no project {id!r}.", "`citimeasure project list` shows those there are.")

    # Stations

    def add_station(
        self,
        id: str,
        name: str,
        *,
        network: str = "",
        type: str = "unknown",
        latitude: float | None = None,
        longitude: float | None = None,
    ) -> Station:
        """Registers an official station."""
        station = Station(_checked(id), name, network, type, latitude, longitude, _now())
        self._add(schema.station, f"The station {id}", **vars(station))
        return station

    def stations(self) -> list[Station]:
        """All stations, in order of their ids."""
        return [Station(**row) for row in self.read(sa.select(schema.station).order_by(schema.station.c.id))]

    def station(self, id: str) -> Station:
        """One station; NothingFound if it is not registered."""
        for station in self.stations():
            if station.id == id:
                return station
        raise NothingFound(f"There is no station {id!r}.", "`citimeasure reference list` shows those there are.")

    # Calibrations

    def put_calibration(self, id: str, record: bytes) -> None:
        """Keeps a record under its id; keeping it again changes nothing."""
        table = schema.calibration
        with self.writing(f"The calibration {id}") as connection:
            there = connection.execute(sa.select(table.c.record).where(table.c.id == id)).scalar()
            if there is None:
                connection.execute(table.insert().values(id=id, record=record, created=_now()))
            elif bytes(there) != record:
                raise DataError(f"There is another calibration with the id {id}.", "An id is the hash of its record.")

    def calibration(self, id: str) -> bytes:
        """A record by its id, or by the beginning of it."""
        table = schema.calibration
        rows = self.read(sa.select(table).where(table.c.id.startswith(id, autoescape=True)).limit(2))
        if len(rows) != 1 or len(id) < 4:
            many = "More than one calibration begins with" if len(rows) == 2 else "There is no calibration"
            raise NothingFound(f"{many} {id!r}.", "`citimeasure calibrate list` shows those there are.")
        return bytes(rows[0]["record"])

    def assign(
        self, device: str, quantity: str, record: str, *, start: int, until: int | None = None, note: str = "",
        created: int | None = None,
    ) -> None:  # fmt: skip
        """Uses a record for a device's quantity from `start` on; what was assigned before stays on record."""
        values = Assignment(device, quantity, record, start, until, _now() if created is None else created, note)
        self._add(schema.assignment, f"The assignment to {device}", **vars(values))

    def assignments(
        self, device: str | None = None, quantity: str | None = None, *, as_of: int | None = None
    ) -> list[Assignment]:
        """Assignments as they were at a moment, in the order in which they were made; the last one counts.

        One that was open when its device was moved ends with the move.
        """
        t, d = schema.assignment, schema.deployment
        query = sa.select(*(c for c in t.c if c.name != "no")).order_by(t.c.created, t.c.no)
        if device is not None:
            query = query.where(t.c.device == device)
        if quantity is not None:
            query = query.where(t.c.quantity == quantity)
        if as_of is not None:
            query = query.where(t.c.created <= as_of)
        known = sa.select(d.c.device, d.c.start).order_by(d.c.start)
        if device is not None:
            known = known.where(d.c.device == device)
        moves: dict[str, list[int]] = {}
        for row in self.read(known if as_of is None else known.where(d.c.created <= as_of)):
            moves.setdefault(row["device"], []).append(row["start"])
        found = []
        for row in self.read(query):
            one = Assignment(**row)
            next_move = next((move for move in moves.get(one.device, []) if move > one.start), None)
            ends = [end for end in (one.until, next_move) if end is not None]
            found.append(Assignment(**{**row, "until": min(ends) if ends else None}))
        return found


def _checked(id: str) -> str:
    if not _ID.fullmatch(id):
        raise DataError(f"{id!r} cannot be an id.", "Use 6 to 32 of a-z, 0-9 and the hyphen.")
    return id


def open_engine(url: str) -> sa.Engine:
    """The database of a URL; nothing is asked of it yet. SettingError if there can be none."""
    try:
        parsed = sa.make_url(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingError(
            "The setting registry is no database URL that citimeasure knows.",
            "Write sqlite:///FILE or postgresql+psycopg://HOST/NAME.",
        ) from error
    except ModuleNotFoundError as error:
        raise SettingError(
            f"The registry's database needs the Python package {error.name}.", "pip install 'citimeasure[postgresql]'"
        ) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say so, below
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # One who will write takes the lock at once; one who reads waits for nobody.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def away(url: sa.URL, error: DBAPIError) -> SettingError | NetworkError:
    """What a user is told of a database that does not do what it is asked."""
    why = str(error.orig).strip().splitlines()[0]
    if url.get_backend_name() == "sqlite":
        return SettingError(
            f"The registry {url.database} cannot be used: {why}.",
            "Check that its folder is there and may be written, and that the file is a registry of citimeasure.",
        )
    where = url.render_as_string(hide_password=True)
    return NetworkError(f"The registry's database {where} does not answer: {why}.", "Start it, or correct the setting.")
