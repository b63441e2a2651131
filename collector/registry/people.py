# SPDX-License-Identifier: EUPL-1.2
"""Hosts: who they are, what they allow, and how they are forgotten. The commands `host` and `consent` call it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from collector.errors import DataError, NothingFound
from collector.registry import schema
from collector.registry.entries import Consent, Deployment, Host, new_id
from collector.registry.purposes import TEXT_VERSION, purpose

if TYPE_CHECKING:
    from collector.registry import Registry

_host, _consent, _deployment = schema.host, schema.consent, schema.deployment
_decision = [column for column in _consent.c if column.name != "no"]


class People:
    """The hosts of a registry. `clock` gives seconds since 1970."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.time) -> None:
        self._registry = registry
        self._clock = clock

    def add(self, name: str, email: str) -> Host:
        """Registers a person; the id that comes back is random. Name and e-mail address may be empty."""
        if email and not re.fullmatch(r"[^\s@]+@[^\s@]+", email):
            raise DataError("That is no e-mail address.", "Write one as name@example.org, or leave it empty.")
        host = Host(new_id("host"), name.strip(), email, int(self._clock()))
        with self._registry.writing("The host") as connection:
            connection.execute(_host.insert().values(**vars(host)))
        return host

    def all(self) -> list[Host]:
        """All hosts, also those that were erased, in order of their ids."""
        return [Host(**row) for row in self._registry.read(sa.select(_host).order_by(_host.c.id))]

    def one(self, id: str) -> Host:
        """One host; NothingFound if there is none with that id."""
        rows = self._registry.read(sa.select(_host).where(_host.c.id == id))
        if not rows:
            raise NothingFound(f"There is no host {id!r}.", "`citimeasure host list` shows those there are.")
        return Host(**rows[0])

    def decide(
        self, host: str, about: str, given: bool, *, text_version: str = TEXT_VERSION, moment: int | None = None
    ) -> None:
        """Adds a decision of a host about a purpose; earlier ones stay on record, the last one holds.

        Raises
        ------
        DataError
            If there is no such purpose, or the host was erased and would allow something.
        NothingFound
            If there is no such host.
        """
        purpose(about)
        if self.one(host).erased is not None and given:
            raise DataError(f"The host {host} was erased and can allow nothing.", "Register the person anew.")
        made = Consent(host, about, given, int(self._clock()) if moment is None else moment, text_version)
        with self._registry.writing(f"The consent of {host}") as connection:
            connection.execute(_consent.insert().values(**vars(made)))

    def decisions(self, host: str | None = None) -> list[Consent]:
        """All that a host, or every host, ever decided, in the order in which it was written down."""
        query = sa.select(*_decision).order_by(_consent.c.no)
        if host is not None:
            query = query.where(_consent.c.host == host)
        return [Consent(**row) for row in self._registry.read(query)]

    def consents(self, host: str) -> dict[str, Consent]:
        """The decision that holds for each purpose."""
        return {one.purpose: one for one in self.decisions(host)}

    def attach(self, host: str, device: str) -> None:
        """Says who hosts a kit where it hangs now; its calibrations go on. DataError if it has another host there."""
        self.need_present(host)
        last = next((one for one in reversed(self._registry.deployments(device)) if one.until is None), None)
        if last is None:
            raise DataError(f"{device} hangs nowhere now.", f"`citimeasure device move {device} --host {host}`")
        if last.host not in (None, host):
            raise DataError(
                f"{device} hangs at {last.host}.",
                f"If it went to {host}: `citimeasure device move {device} --host {host} --place LAT LON`",
            )
        with self._registry.writing(f"The host of {device}") as connection:
            connection.execute(sa.update(_deployment).where(_deployment.c.no == last.no).values(host=host))

    def need_present(self, id: str) -> None:
        """NothingFound if there is no such host, DataError if it was erased."""
        if self.one(id).erased is not None:
            raise DataError(
                f"The host {id} was erased.",
                "Register the person anew with `citimeasure host add`; move a kit that nobody hosts with --no-host.",
            )

    def deployments(self, host: str) -> list[Deployment]:
        """Where kits hang or hung at a host's, in order of device and time. The places are exact."""
        return [one for one in self._registry.deployments() if one.host == host]

    def erase(self, id: str) -> list[str]:
        """Forgets a person; returns the kits that still hung there. Doing it again changes nothing more.

        Name and e-mail address go, all consents are withdrawn, exact places become what was public of them, and
        deployments that lasted end now. What stays is the random id, with the moment: a tombstone, by which exports
        know. The bytes of the old rows are the database's: `collector.erasing` sees to them.
        """
        host, now = self.one(id), int(self._clock())
        places, consents = self.deployments(id), self.consents(id)
        with self._registry.writing(f"The erasure of {id}") as connection:
            connection.execute(
                sa.update(_host).where(_host.c.id == id).values(name="", email="", erased=host.erased or now)
            )
            for one in consents.values():
                if one.given:
                    withdrawn = Consent(id, one.purpose, False, now, one.text_version)
                    connection.execute(_consent.insert().values(**vars(withdrawn)))
            for place in places:
                latitude, longitude = place.public_place or (None, None)
                until = max(now, place.start) if place.until is None else place.until
                connection.execute(
                    sa.update(_deployment)
                    .where(_deployment.c.no == place.no)
                    .values(latitude=latitude, longitude=longitude, until=until)
                )
        return sorted({one.device for one in places if one.until is None})
