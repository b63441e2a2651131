# SPDX-License-Identifier: EUPL-1.2
"""What the committing thread counts of itself, for who watches the collector (watching.py).

Plain numbers that one thread writes and others read. Nothing is counted by device: that is in the spool, for
`citimeasure device show`, and is nobody else's business.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

# Upper ends of the classes in which the times of commits are counted [s].
CLASSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Meters:
    """Counts since the start; `way` is how messages came: mqtt or http."""

    def __init__(self) -> None:
        self.away_since: float | None = time.monotonic()  # since when the broker is; None while it is connected
        self.broker_certificate: str | None = None  # until when it is good, as certificates write it
        self.messages: Counter[str] = Counter()  # by way
        self.bytes: Counter[str] = Counter()  # of their payloads
        self.held: Counter[str] = Counter()  # messages over a limit, neither taken nor acknowledged
        self.commits = [0] * (len(CLASSES) + 1)  # by how long they took
        self.commit_s = 0.0  # all together [s]
        self.committed_messages = 0
        self.kits: dict[str, int] = {}  # by state, as the rounds found them
        self.empty = 0  # commits in a row after which nothing could be acknowledged

    def came(self, way: str, messages: Sequence[tuple[str, bytes]], admitted: int) -> None:
        """Messages, (topic, payload), of which so many were within the limits."""
        self.messages[way] += len(messages)
        self.bytes[way] += sum([len(payload) for _, payload in messages])
        self.held[way] += len(messages) - admitted

    def committed(self, messages: int, seconds: float, *, taken: bool) -> None:
        """A commit of so many messages; `taken` if anything came of it."""
        if not messages:
            return
        self.commits[bisect_left(CLASSES, seconds)] += 1
        self.commit_s += seconds
        self.committed_messages += messages if taken else 0
        self.empty = 0 if taken else self.empty + 1
