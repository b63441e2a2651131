# SPDX-License-Identifier: EUPL-1.2
"""The rounds: looks at one kit after the other, judges how it is, and tells it by a retained message when that changed.

A thread of its own, so that a slow store or registry holds up no reading. It reads what the intake remembers of each
kit; who was never heard by this collector is not its business. Of several collectors in a group each tells what it
found itself (docs/decisions/0021). The service starts it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from collector.errors import CitimeasureError
from collector.health import RECENT, State, Verdict, clock_of, common_offset, health_topic, is_late, judge, message
from collector.health import patience as patience_with
from collector.ingest.intake import Intake
from collector.ingest.meters import Meters
from collector.ingest.pulses import NEVER, DeviceRow, last_refused, rows
from collector.ingest.spool import Spool
from collector.settings import Settings

log = logging.getLogger(__name__)

_STEP = 1.0  # between two looks [s]
_ROUND = 60  # looks of one round; of a very large fleet the round takes longer
_AT_ONCE = 500  # kits that are looked at without a break
_WINDOW = 600.0  # the least delay of so long is one sample of a clock [s]
_WINDOWS = 6  # so many samples are kept
_PAUSE = 300.0  # so long a kit's message stays at least [s]
_SAID = 86_400.0  # what concerns the collector's own clock is said again after so long [s]


@dataclass
class _Course:
    """What is remembered of one kit from one look to the next."""

    least: deque[int] = field(default_factory=lambda: deque(maxlen=_WINDOWS))  # delays [ms]
    window_ends: float = 0.0
    told: Verdict | None = None
    told_at: float = 0.0
    told_clock: int = 0


class Rounds(threading.Thread):
    """Looks until told to stop. `tell(topic, payload)` leaves a retained message at the broker.

    `connections` counts the link's connections, as a broker may have forgotten what it was told. `elsewhere(device)` is
    the time of the newest reading that any collector of a group took. Times are by the intake's clock; `ticks` is one
    that nobody sets.
    """

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        meters: Meters,
        tell: Callable[[str, bytes], None],
        stop: threading.Event,
    ) -> None:
        super().__init__(name="rounds", daemon=True)
        self.failed: BaseException | None = None
        self.elsewhere: Callable[[str], int] = lambda device: 0
        self.connections: Callable[[], int] = lambda: 0
        self.ticks: Callable[[], float] = time.monotonic
        self._settings, self._intake, self._meters, self._tell, self._stop_looking = (
            settings,
            intake,
            meters,
            tell,
            stop,
        )
        self._courses: dict[str, _Course] = {}
        self._stored: dict[str, DeviceRow] = {}
        self._refused: Mapping[str, Mapping[str, int]] = {}
        self._off: int | None = None  # how far most kits' clocks are off together [s]
        self._said_off = -_SAID
        self._listening: float | None = None  # since when readings are taken without a break, by `ticks`
        self._seen_connections = 0
        self._queue: Iterator[str] = iter(())
        self._left = 0
        self._states: Counter[str] = Counter()

    def run(self) -> None:
        """The thread's life. What it cannot handle is kept in `failed` for the service to see."""
        try:
            spool = Spool(self._settings.folder)
            try:
                self._stored = rows(spool.db)
                while not self._stop_looking.wait(_STEP):
                    self._try(spool)
            finally:
                spool.close()
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error

    def _try(self, spool: Spool) -> None:
        try:
            self.look(spool)
        except (CitimeasureError, sqlite3.OperationalError) as error:
            log.warning("rounds: %s Kits are told how they are when that is over.", error)
            self._left = 0
            self._stop_looking.wait(_ROUND)

    def look(self, spool: Spool) -> None:
        """Looks at the next few kits; begins a new round when there are none."""
        if self._meters.away_since is not None or self._intake.full or not self._intake.clock.settled:
            self._listening = None  # silence would be the collector's own fault
            self._courses.clear()
            self._left = 0
            return
        if self._listening is None:
            self._listening = self.ticks()
        if not self._left:
            self._begin(spool)
        now = self._intake.clock.peek()
        for device in self._next():
            row = self._row(device)
            if row is not None:
                self._look_at(device, row, now)

    def _begin(self, spool: Spool) -> None:
        """What is asked once a round."""
        self._meters.kits = dict(self._states)
        self._states.clear()
        if (connections := self.connections()) != self._seen_connections:
            self._seen_connections = connections
            for course in self._courses.values():  # the broker may have forgotten what it was told
                course.told = None
        now = self._intake.clock.peek()
        self._refused = last_refused(spool.db, int((now - RECENT) * 1000))
        self._clean()
        devices = sorted({*self._stored, *list(self._intake.devices)} & self._intake.may_send)
        self._off = common_offset((row.clock for one in devices if (row := self._row(one))), self._settings)
        if self._off is not None and self.ticks() - self._said_off >= _SAID:
            self._said_off = self.ticks()
            log.warning(
                "clock: most kits' clocks are %+d s from this computer's; look after this one. No kit is blamed.",
                self._off,
            )
        self._left, self._queue = len(devices), iter(devices)
        self._slice = min(_AT_ONCE, -(-len(devices) // _ROUND))

    def _clean(self) -> None:
        """Takes back what was told of kits that may not log in any more."""
        for device in self._courses.keys() - self._intake.may_send:
            if self._courses.pop(device).told is not None:
                self._tell(health_topic(device), b"")

    def _next(self) -> Iterator[str]:
        for _ in range(min(self._left, self._slice) if self._left else 0):
            self._left -= 1
            yield next(self._queue)

    def _row(self, device: str) -> DeviceRow | None:
        return self._intake.devices.get(device) or self._stored.get(device)

    def _look_at(self, device: str, row: DeviceRow, now: float) -> None:
        course = self._courses.setdefault(device, _Course())
        ticks = self.ticks()
        if ticks >= course.window_ends:
            course.window_ends = ticks + _WINDOW
            least, row.least = row.least, NEVER
            if least != NEVER:
                course.least.append(least)
                clock = clock_of(course.least)
                row.clock = row.clock if clock is None else clock
        verdict = self._judge(device, row, now)
        if verdict is None:
            self._states[row.state or State.OK] += 1
            return
        self._states[verdict.state] += 1
        if row.state != verdict.state:
            row.state = verdict.state
            row.since = row.pulse.heard if verdict.state is State.SILENT else int(now)
        changed = verdict != course.told or abs((row.clock or 0) - course.told_clock) > self._settings.clock_s
        if changed and (course.told is None or ticks - course.told_at >= _PAUSE):
            course.told, course.told_at, course.told_clock = verdict, ticks, row.clock or 0
            self._tell(health_topic(device), message(verdict, row.pulse, row.since))

    def _judge(self, device: str, row: DeviceRow, now: float) -> Verdict | None:
        """How a kit is; None if this collector has not listened for long enough to say so."""
        pulse, elsewhere = row.pulse, 0
        if self._off is not None:
            pulse = pulse._replace(clock=None)
        if is_late(pulse, now, self._settings):
            assert self._listening is not None
            if self.ticks() - self._listening <= patience_with(pulse, self._settings):
                return None
            if row.state != State.SILENT:  # once silent, it is so until this collector hears it
                elsewhere = self.elsewhere(device)
        return judge(pulse, self._refused.get(device, {}), now, self._settings, elsewhere=elsewhere)
