# SPDX-License-Identifier: EUPL-1.2
"""Limits: how much one device may bring in, so that a broken or hostile one cannot crowd out the others.

The intake asks before it looks at a message. What is over a limit is neither taken nor acknowledged, and is counted:
the kit still has it and sends it again, later. All that is not of a registered device shares one small share.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable

from collector.message import device_of, readings_topic
from collector.settings import Settings

log = logging.getLogger(__name__)

_SAY_AGAIN = 60.0  # [s]
_STRANGERS = ""  # whoever is not registered


class Bucket:
    """Tokens that come at a rate, up to a burst. `clock` gives seconds."""

    __slots__ = ("_at", "_burst", "_clock", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self, n: float = 1.0) -> float:
        """Takes n tokens, on credit if need be; how long until the credit is paid back [s].

        >>> bucket = Bucket(2.0, 1.0, clock=lambda: 0.0)
        >>> bucket.take(), bucket.take()
        (0.0, 0.5)
        """
        self._fill()
        self._tokens -= n
        return max(0.0, -self._tokens / self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class _Share:
    """What one device has used: for each limit the time until which it is used up at the limit's rate [s].

    This is the generic cell rate algorithm (ITU-T I.371): as long as that time is no more than the burst ahead of now,
    there is something left. It needs no refilling, which is what a bucket of tokens costs for each message.
    """

    __slots__ = ("bytes", "messages", "name", "readings", "say_at")

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages = self.bytes = self.readings = self.say_at = 0.0


def _pace(per_minute: int, burst: float) -> tuple[float, float]:
    """What one costs [s], and how far ahead of now a device may be before it takes another [s]; (0, inf): no limit."""
    if not per_minute:
        return 0.0, math.inf
    cost = 60 / per_minute
    return cost, cost * max(0.0, per_minute * burst - 1)


class Limits:
    """The shares of all devices. There is one for each registered device, and one for all strangers."""

    def __init__(
        self, settings: Settings, known: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._known, self._clock = known, clock
        self._shares: dict[str, _Share] = {}  # by topic
        self._strangers = _Share(_STRANGERS)
        self._message, self._messages_ahead = _pace(settings.limit_messages, settings.limit_burst)
        self._byte, self._bytes_ahead = _pace(settings.limit_bytes, settings.limit_burst)
        self._reading, self._readings_ahead = _pace(settings.limit_readings, settings.limit_burst)
        self.held: Counter[str] = Counter()  # messages that were not taken, by device, until somebody counts them

    def admitted(self, messages: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Those of some messages, (topic, payload), that may come in now; they are charged for it."""
        now = self._clock()
        most_messages, most_bytes = now + self._messages_ahead, now + self._bytes_ahead
        most_readings = now + self._readings_ahead
        message, byte, shares = self._message, self._byte, self._shares
        admitted = []
        for one in messages:
            topic, payload = one
            share = shares.get(topic) or self._share(topic)
            if share.messages > most_messages or share.bytes > most_bytes or share.readings > most_readings:
                self._hold(share, now)
                continue
            share.messages = max(share.messages, now) + message
            share.bytes = max(share.bytes, now) + byte * len(payload)
            admitted.append(one)
        return admitted

    def wait(self, topic: str) -> float:
        """How long it takes until the next message of a topic may come in [s]."""
        share = self._shares.get(topic) or self._share(topic)
        ahead = (
            share.messages - self._messages_ahead,
            share.bytes - self._bytes_ahead,
            share.readings - self._readings_ahead,
        )
        return max(0.0, max(ahead) - self._clock())

    def charge(self, topic: str, readings: int) -> None:
        """Charges the readings that a message held; too many of them close the door for the next message."""
        share = self._shares.get(topic) or self._share(topic)
        share.readings = max(share.readings, self._clock()) + self._reading * readings

    def forget(self, known: frozenset[str]) -> None:
        """Drops the shares of devices that are not registered any more."""
        self._shares = {topic: share for topic, share in self._shares.items() if share.name in known}

    def _share(self, topic: str) -> _Share:
        device = device_of(topic)
        if device is None or not self._known(device):
            return self._strangers
        share = self._shares[readings_topic(device)] = _Share(device)
        return share

    def _hold(self, share: _Share, now: float) -> None:
        self.held[share.name] += 1
        if now >= share.say_at:
            share.say_at = now + _SAY_AGAIN
            log.warning(
                "intake: %s brings more than the limits allow; the rest is neither taken nor acknowledged",
                f"device={share.name}" if share.name else "who is not registered",
            )
