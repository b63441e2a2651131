# SPDX-License-Identifier: EUPL-1.2
"""The roster: which devices there are and which are locked out, read often, so read whole only when it has changed.

The collector asks every second. With ten thousand kits the whole list at each time would cost it a hundredth of a core.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from collector.registry import schema

if TYPE_CHECKING:
    from collector.registry import Registry

_device = schema.device
_ANEW = 60.0  # the list is read whole this often all the same [s]: two changes may leave the sums as they were
_STAMP: Any = sa.select(
    sa.func.count(_device.c.id).label("devices"),
    sa.func.sum(_device.c.created).label("created"),
    sa.func.count(_device.c.revoked).label("locked_out"),
    sa.func.sum(_device.c.revoked).label("revoked"),
)


class Roster:
    """A view of the registry; NetworkError while its server is away. `clock` gives seconds."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._stamp: dict[str, Any] = {}
        self._anew = 0.0
        self._known: frozenset[str] = frozenset()
        self._locked_out: frozenset[str] = frozenset()

    def known(self) -> frozenset[str]:
        """The ids of all devices."""
        self._look()
        return self._known

    def locked_out(self) -> frozenset[str]:
        """Those of them that are locked out."""
        self._look()
        return self._locked_out

    def _look(self) -> None:
        stamp = dict(self._registry.read(_STAMP)[0])
        if stamp == self._stamp and self._clock() < self._anew:
            return
        self._known = self._registry.known_devices()
        self._locked_out = self._registry.identity.revoked()
        self._stamp, self._anew = stamp, self._clock() + _ANEW
