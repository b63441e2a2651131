# SPDX-License-Identifier: EUPL-1.2
"""Who a kit is: passwords and tokens as hashes, with the time until which each holds, and kits that are locked out.

The commands `device add`, `rotate`, `revoke`, `token` and `provision` write here; the embedded broker and the files for
mosquitto read. A password or token leaves this module once, when it is made.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from collector.credentials import hash_password, hash_token, new_secret
from collector.errors import NothingFound
from collector.registry import schema
from collector.registry.entries import Account

if TYPE_CHECKING:
    from collector.registry import Registry

_table, _device = schema.credential, schema.device


class Identity:
    """The credentials of a registry. `clock` gives seconds since 1970."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._clock = clock

    def _now(self) -> int:
        return int(self._clock())

    def set_password(self, device: str, password: str | None = None, *, grace: int = 0) -> str:
        """Gives a kit a password (a new one, or the given one); the ones before hold for `grace` seconds yet.

        A kit that was locked out is let in again.
        """
        self._registry.device(device)
        made = password if password is not None else new_secret()
        hashed, now = hash_password(made), self._now()
        with self._registry.writing(f"The password of {device}") as connection:
            self._end(connection, device, now + grace, kind="password")
            connection.execute(
                _table.insert().values(device=device, kind="password", hash=hashed, created=now, until=None)
            )
            connection.execute(sa.update(_device).where(_device.c.id == device).values(revoked=None))
        return made

    def has_password(self, device: str) -> bool:
        """Whether a kit has a password that holds."""
        return device in self.accounts()

    def revoke(self, device: str) -> None:
        """Locks a kit out: no password and no token of it holds any more, and its readings are not taken."""
        self._registry.device(device)
        now = self._now()
        with self._registry.writing(f"The locking out of {device}") as connection:
            self._end(connection, device, now)
            connection.execute(sa.update(_device).where(_device.c.id == device).values(revoked=now))

    def new_token(self, device: str, valid: int) -> str:
        """A token that can be exchanged once for a password, for `valid` seconds; earlier ones end."""
        self._registry.device(device)
        token, now = new_secret(), self._now()
        with self._registry.writing(f"The token of {device}") as connection:
            self._end(connection, device, now, kind="token")
            connection.execute(
                _table.insert().values(
                    device=device, kind="token", hash=hash_token(token), created=now, until=now + valid
                )
            )
        return token

    def redeem(self, token: str, wanted: str | None = None) -> tuple[str, str]:
        """The device of a token and its new password.

        NothingFound if the token is not, or not any more, good, or not for the device that is wanted.
        """
        now = self._now()
        good = (_table.c.kind == "token") & (_table.c.hash == hash_token(token)) & (_table.c.until > now)
        if wanted is not None:
            good &= _table.c.device == wanted
        with self._registry.writing("The password") as connection:
            device = connection.execute(sa.select(_table.c.device).where(good)).scalar()
            # The database decides who was first: of two who come at once, one changes a row and one changes none.
            ended = connection.execute(sa.update(_table).where(good).values(until=now)).rowcount
        if device is None or ended != 1:
            raise NothingFound(
                "This token is not good: it was used, is too old, is for another kit, or never was one.",
                "`citimeasure device token DEVICE` makes a new one.",
            )
        return str(device), self.set_password(str(device))

    def accounts(self) -> dict[str, Account]:
        """The kits that may log in now, by id."""
        now = self._now()
        query = (
            sa.select(_table.c.device, _table.c.hash, _table.c.until)
            .join(_device, _device.c.id == _table.c.device)
            .where(_table.c.kind == "password", sa.or_(_table.c.until.is_(None), _table.c.until > now))
            .where(_device.c.revoked.is_(None))
            .order_by(_table.c.no.desc())
        )
        found: dict[str, list[str]] = {}
        for row in self._registry.read(query):
            found.setdefault(row["device"], []).append(row["hash"])
        return {device: Account(device, tuple(hashes)) for device, hashes in found.items()}

    def stamp(self) -> tuple[object, ...]:
        """Another one whenever what `accounts` gives has been changed; that a time of grace is over does not show."""
        credentials: Any = sa.select(
            sa.func.count(_table.c.no).label("count"),
            sa.func.max(_table.c.no).label("newest"),
            sa.func.sum(_table.c.until).label("until"),
        )
        devices: Any = sa.select(
            sa.func.count(_device.c.revoked).label("locked_out"), sa.func.sum(_device.c.revoked).label("revoked")
        )
        return tuple(value for query in (credentials, devices) for value in self._registry.read(query)[0].values())

    def revoked(self) -> frozenset[str]:
        """The kits that are locked out."""
        return frozenset(
            row["id"] for row in self._registry.read(sa.select(_device.c.id).where(_device.c.revoked.is_not(None)))
        )

    def _end(self, connection: sa.Connection, device: str, moment: int, kind: str | None = None) -> None:
        """Lets what holds longer than `moment` end then."""
        ending = sa.update(_table).where(
            _table.c.device == device, sa.or_(_table.c.until.is_(None), _table.c.until > moment)
        )
        connection.execute((ending if kind is None else ending.where(_table.c.kind == kind)).values(until=moment))
