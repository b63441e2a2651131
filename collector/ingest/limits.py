# SPDX-License-Identifier: EUPL-1.2
"""Limits: how much one device may bring in, so that a broken or hostile one cannot crowd out the others.

The intake asks before it looks at a message. What is over a limit is neither taken nor acknowledged, and is counted:
the kit still has it and sends it again, later. All that is not of a registered device shares one small share.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

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

    @property
    def open(self) -> bool:
        """Whether a token is there to be taken."""
        self._fill()
        return self._tokens >= 1

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


class _Share:
    """What one device has left of messages, bytes and readings."""

    __slots__ = ("bytes", "messages", "name", "readings", "say_at")

    def __init__(self, name: str, settings: Settings, clock: Callable[[], float]) -> None:
        def bucket(per_minute: int) -> Bucket | None:
            return Bucket(per_minute / 60, per_minute * settings.limit_burst, clock) if per_minute else None

        self.name = name
        self.messages = bucket(settings.limit_messages)
        self.bytes = bucket(settings.limit_bytes)
        self.readings = bucket(settings.limit_readings)
        self.say_at = 0.0

    @property
    def open(self) -> bool:
        return not any(one is not None and not one.open for one in (self.messages, self.bytes, self.readings))


class Limits:
    """The shares of all devices. There is one for each registered device, and one for all strangers."""

    def __init__(
        self, settings: Settings, known: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings, self._known, self._clock = settings, known, clock
        self._shares: dict[str, _Share] = {}  # by topic
        self._strangers = _Share(_STRANGERS, settings, clock)
        self._off = not (settings.limit_messages or settings.limit_bytes or settings.limit_readings)
        self.held: Counter[str] = Counter()  # messages that were not taken, by device, until somebody counts them

    def admit(self, topic: str, size: int) -> bool:
        """Whether a message may come in; it is charged if so."""
        if self._off:
            return True
        share = self._shares.get(topic) or self._share(topic)
        if not share.open:
            self._hold(share)
            return False
        if share.messages is not None:
            share.messages.take()
        if share.bytes is not None:
            share.bytes.take(size)
        return True

    def charge(self, topic: str, readings: int) -> None:
        """Charges the readings that a message held; too many of them close the door for the next message."""
        if self._off:
            return
        share = self._shares.get(topic) or self._share(topic)
        if share.readings is not None:
            share.readings.take(readings)

    def forget(self, known: frozenset[str]) -> None:
        """Drops the shares of devices that are not registered any more."""
        self._shares = {topic: share for topic, share in self._shares.items() if share.name in known}

    def _share(self, topic: str) -> _Share:
        device = device_of(topic)
        if device is None or not self._known(device):
            return self._strangers
        share = self._shares[readings_topic(device)] = _Share(device, self._settings, self._clock)
        return share

    def _hold(self, share: _Share) -> None:
        self.held[share.name] += 1
        now = self._clock()
        if now >= share.say_at:
            share.say_at = now + _SAY_AGAIN
            log.warning(
                "intake: %s brings more than the limits allow; the rest is neither taken nor acknowledged",
                f"device={share.name}" if share.name else "who is not registered",
            )
