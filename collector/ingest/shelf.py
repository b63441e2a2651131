# SPDX-License-Identifier: EUPL-1.2
"""How much of the quarantine one sender may fill: the spool's disk is everybody's.

Of a registered device the newest entries stay. What nobody registered shares one shelf; when that is full, nothing more
of strangers is taken or answered, since a kit that only waits to be registered must not lose what it was told is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from collector.ingest.spool import Spool
from collector.message import device_of

_SLACK = 100  # entries over the limit before the oldest are deleted, so that this is rare


class Shelf:
    """Counts entries by topic. `known` says whether a device is registered."""

    def __init__(self, spool: Spool, most: int, known: Callable[[str], bool]) -> None:
        self._spool, self._most, self._known = spool, most, known
        self.recount()

    def recount(self) -> None:
        """Counts anew, after devices were registered or a commit failed."""
        self._strangers = 0
        self._counts: dict[str, int] = {}
        for topic, n in self._spool.quarantine_sizes():
            self._add(topic, n)

    def has_room(self) -> bool:
        """Whether something of a stranger can be kept."""
        return self._strangers < self._most

    def add(self, topic: str) -> None:
        """One more entry."""
        self._add(topic, 1)

    def _add(self, topic: str, n: int) -> None:
        device = device_of(topic)
        if device is not None and self._known(device):
            self._counts[topic] = self._counts.get(topic, 0) + n
        else:
            self._strangers += n

    def tidy(self) -> None:
        """Deletes the oldest entries of devices that have too many. Inside a transaction."""
        for topic in [topic for topic, n in self._counts.items() if n > self._most + _SLACK]:
            self._spool.trim_quarantined(topic, self._most)
            self._counts[topic] = self._most
