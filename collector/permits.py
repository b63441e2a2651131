# SPDX-License-Identifier: EUPL-1.2
"""What hosts allow: of which kits, and when, values may be used for a purpose. Exports and maps ask here.

A permit is looked up at the moment of use, so that a withdrawal reaches whatever is made after it, for the past too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.registry import Consent, Deployment, Registry
from collector.registry.purposes import purpose

_END = 2**40
ALWAYS = ((0, _END),)


@dataclass(frozen=True)
class Withdrawn:
    """Values of a kit that a host had allowed to be used, and does not allow any more."""

    device: str
    start: int
    until: int | None
    since: int


@dataclass(frozen=True)
class Permits:
    """The answer for one purpose. Periods hold what ends in them: after < end <= until."""

    purpose: str
    withdrawn: tuple[Withdrawn, ...] = ()
    _periods: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def periods(self, source: str) -> tuple[tuple[int, int], ...]:
        """When a source's values may be used, in order of time. Stations are public; so is a kit without a host."""
        return self._periods.get(source, ALWAYS)

    def allows(self, deployment: Deployment) -> bool:
        """Whether a deployment may be shown."""
        until = _END if deployment.until is None else deployment.until
        return any(after <= deployment.start and until <= end for after, end in self.periods(deployment.device))


def permits(registry: Registry, about: str) -> Permits:
    """What may be used for a purpose now. DataError if there is no such purpose.

    A kit is its host's from the begin of a deployment to the next one. What it measured before its first deployment
    counts as that deployment's. A deployment without a host is the operator's own.
    """
    purpose(about)
    decided: dict[str, list[Consent]] = {}
    for one in registry.people.decisions():
        if one.purpose == about:
            decided.setdefault(one.host, []).append(one)
    of_device: dict[str, list[Deployment]] = {}
    for place in registry.deployments():
        of_device.setdefault(place.device, []).append(place)
    periods: dict[str, tuple[tuple[int, int], ...]] = {}
    withdrawn = []
    for device, places in of_device.items():
        starts = [0, *(one.start for one in places[1:])]
        found: list[tuple[int, int]] = []
        for place, start, end in zip(places, starts, [*starts[1:], _END], strict=True):
            history = decided.get(place.host, []) if place.host is not None else []
            if place.host is None or (history and history[-1].given):
                # Two that follow each other are one: the hour in which a kit moved is allowed by both.
                found = (
                    [*found[:-1], (found[-1][0], end)] if found and found[-1][1] == start else [*found, (start, end)]
                )
            elif any(one.given for one in history):
                withdrawn.append(Withdrawn(device, place.start, place.until, _since(history)))
        periods[device] = tuple(found)
    return Permits(about, tuple(withdrawn), periods)


def _since(history: list[Consent]) -> int:
    """When a purpose was withdrawn that was allowed before: the first refusal behind the last permission."""
    last = max(n for n, one in enumerate(history) if one.given)
    return history[last + 1].moment
