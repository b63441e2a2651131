# SPDX-License-Identifier: EUPL-1.2
"""The intake: messages in, one commit to the spool, acknowledgements out.

Called by whoever receives messages (MQTT now). `take` only remembers a message; `commit` decides for each reading
whether it is taken, writes everything in one transaction with one fsync, and only then returns what the kits may be
told. Where the disk is nearly full it takes nothing and acknowledges nothing: the kits keep their readings.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from collector.errors import NetworkError
from collector.ingest.group import Arrived, Group
from collector.ingest.limits import Limits
from collector.ingest.pulses import DeviceRow, count_refused
from collector.ingest.shelf import Shelf
from collector.ingest.spool import Key, Spool, Taken, encode_taken
from collector.ingest.steady import SteadyClock
from collector.message import Decoded, Reading, Reason, Refusal, decode, device_of
from collector.quantities import QUANTITIES
from collector.settings import Settings, oldest_time

log = logging.getLogger(__name__)

_LOOK_AGAIN = 0.2  # [s]
_WRITE_DEVICES = 60.0  # how often what is known of devices is written down [s]


class _Candidate(NamedTuple):
    """Readings of one message whose times are right; whether they are new is not known yet."""

    device: str
    row: DeviceRow
    boot: int
    message: Arrived
    timed: Taken
    whole: bool  # nothing else was in the message


class Intake:
    """Owns the spool's writing connection. Not thread-safe: one thread takes and commits."""

    def __init__(
        self,
        spool: Spool,
        known_devices: Callable[[], frozenset[str]],
        settings: Settings,
        clock: SteadyClock | None = None,
        locked_out: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self.spool = spool
        self._read_locked_out = locked_out
        self._locked_out = locked_out()
        self._known_devices = known_devices
        self._known = known_devices()
        self._examined: frozenset[str] = frozenset()  # who was known at the last look into the quarantine
        self._next_look = 0.0
        self._limits = Limits(settings, self._is_known)
        self._shelf = Shelf(spool, settings.quarantine_messages, lambda device: device in self._known)
        self._settings = settings
        self._oldest = oldest_time(settings)
        self._clock = clock or SteadyClock()
        self._pending: list[Arrived] = []
        self._full = False
        self._forget()
        self._clock.hold_against(self._latest / 1000)

    def _forget(self) -> None:
        """Drops what is remembered of the spool; after a failed commit it may not be true."""
        self.devices: dict[str, DeviceRow] = {}
        self._moved: set[str] = set()  # devices of which something came since they were written down
        self._write_devices = 0.0
        self._dated_boots = self.spool.dated_boots()
        self._latest = self.spool.latest()

    def take(self, topic: str, payload: bytes) -> bool:
        """Remembers a message until the next commit; one that is over its device's limits it forgets, and says so."""
        return self.take_all([(topic, payload)]) == 1

    def take_all(self, messages: Iterable[tuple[str, bytes]]) -> int:
        """The same for messages, (topic, payload), that came at the same moment; returns how many it remembers."""
        received = int(self._clock() * 1000)
        admitted = self._limits.admitted(messages)
        self._pending += [Arrived(topic, payload, received) for topic, payload in admitted]
        return len(admitted)

    def wait(self, topic: str) -> float:
        """How long the limits keep a topic's next message out [s]."""
        return self._limits.wait(topic)

    @property
    def clock(self) -> SteadyClock:
        """The clock by which readings are dated."""
        return self._clock

    @property
    def may_send(self) -> frozenset[str]:
        """The devices that are registered and not locked out, as of the last look."""
        return self._known - self._locked_out

    @property
    def full(self) -> bool:
        """Whether nothing is taken now, for want of room on the disk."""
        return self._full

    @property
    def waiting(self) -> int:
        """How many messages the next commit will hold."""
        return len(self._pending)

    def commit(self) -> list[tuple[str, bytes]]:
        """Makes all that was taken durable; returns the acknowledgements as (topic, payload)."""
        arrived, self._pending = self._pending, []
        if not arrived or not self._room():
            return []
        group = Group(self._shelf.add)
        try:
            with self.spool.transaction():
                self._write(arrived, group)
                self._shelf.tidy()
        except sqlite3.OperationalError as error:
            # Nothing of the group is stored and nothing is acknowledged: the kits will send it again.
            log.error("spool: %d messages not taken: %s", len(arrived), error)
            self._forget()
            self._shelf.recount()
            return []
        return group.answers()

    def refresh(self) -> None:
        """Reads again which devices there are, and takes what was refused of those that are new."""
        self._locked_out = self._read_locked_out()
        known = self._known = self._known_devices()
        try:
            self._count_held()
            if known != self._examined:
                self._examine(known)
        except sqlite3.OperationalError as error:  # a full disk; the next refresh tries again
            log.warning("spool: what happened besides cannot be noted now: %s", error)
            self._forget()
            self._shelf.recount()

    def rest(self) -> None:
        """At the end of the service: what is known of devices is written down, if there is room."""
        try:
            with self.spool.transaction():
                self._write_down()
        except sqlite3.OperationalError as error:
            log.warning("spool: what happened besides cannot be noted now: %s", error)

    def _write_down(self) -> None:
        self._write_devices = time.monotonic() + _WRITE_DEVICES
        self.spool.write_devices([self.devices[device] for device in self._moved])
        self._moved.clear()

    def _count_held(self) -> None:
        """Writes down how many messages were over a limit."""
        if self._limits.held:
            with self.spool.transaction():
                counts = [(device, "held", n) for device, n in self._limits.held.items()]
                self.spool.count(counts)
                count_refused(self.spool.db, counts, int(self._clock() * 1000))
            self._limits.held.clear()

    def _examine(self, known: frozenset[str]) -> None:
        """Takes messages out of the quarantine whose devices were registered since they came."""
        self._limits.forget(known)
        for topic in self.spool.quarantined_topics(Reason.UNKNOWN_DEVICE):
            if device_of(topic) in known:
                self._take_again(topic)
        self._shelf.recount()
        self._examined = known

    def _is_known(self, device: str) -> bool:
        """Whether a device is registered; looks again for one that is not, a few times a second at most."""
        if device not in self._known and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_AGAIN
            try:
                self._known = self._known_devices()
            except NetworkError as error:
                log.warning("registry: %s", error)
        return device in self._known

    def _take_again(self, topic: str) -> None:
        """Moves messages of a device that was unknown when they came from the quarantine into the spool."""
        moved = 0
        while found := self.spool.take_quarantined(Reason.UNKNOWN_DEVICE, topic, limit=500):
            with self.spool.transaction():
                arrived = [Arrived(topic, payload, received) for _, received, payload in found]
                self._write(arrived, Group(self._shelf.add))
                self.spool.drop_quarantined(id_ for id_, _, _ in found)
            moved += len(found)
        log.info("intake: device=%s is known now; %d messages that came before were taken", device_of(topic), moved)

    def _room(self) -> bool:
        """Whether the disk has room; says so once when that changes."""
        wanted = self._settings.free_mb * 1_000_000
        if self._full:
            wanted += wanted // 10  # or it would stop and go on at every message
        free = shutil.disk_usage(self.spool.path.parent).free
        # Room that the archive left inside the file counts, but the log beside it grows on the disk itself.
        full = free < wanted and (free < wanted // 4 or free + self.spool.reusable() < wanted)
        free //= 1_000_000
        if full != self._full:
            self._full = full
            if full:
                log.error(
                    "disk: only %d MB free in %s; nothing is acknowledged now, kits keep their readings",
                    free,
                    self.spool.path.parent,
                )
            else:
                log.warning("disk: %d MB free again; readings are taken", free)
        return not full

    def _write(self, arrived: list[Arrived], group: Group) -> None:
        waiting: list[_Candidate] = []
        for message in arrived:
            self._decide(message, group, waiting)
        self._take(waiting, group)
        self.spool.add_messages(group.messages)
        self.spool.add_quarantined(group.quarantined)
        self.spool.count((device, name, n) for (device, name), n in group.counts.items())
        if group.refused:
            refused = ((device, reason, n) for (device, reason), n in group.refused.items())
            count_refused(self.spool.db, refused, arrived[-1].received)
        if time.monotonic() >= self._write_devices:
            self._write_down()

    def _decide(self, message: Arrived, group: Group, waiting: list[_Candidate]) -> None:
        """Refuses what is wrong with a message; its readings wait to be taken with those of others."""
        device = device_of(message.topic)
        known = device is not None and self._is_known(device)
        if not known and not self._shelf.has_room():
            group.counts["", "held"] += 1
            return
        if device is None:
            detail = "a topic of version 1 is citimeasure/v1/<device>/readings"
            group.quarantine(message, None, [Refusal(Reason.TOPIC, detail)])
            group.counts["", Reason.TOPIC] += 1
            return
        if device in self._locked_out:
            group.counts[device, "locked_out"] += 1
            return
        decoded = decode(device, message.payload)
        self._limits.charge(message.topic, len(decoded.readings) + len(decoded.refused))
        refused = decoded.refused
        if known:
            row = self.devices.get(device) or self.devices.setdefault(device, self.spool.device_row(device))
            row.heard = message.received
            self._moved.add(device)
        if decoded.readings:
            if known:
                refused = self._time(device, message, decoded, group, waiting)
            else:
                detail = "register it with `citimeasure device add`; its messages are kept and will be taken then"
                refused = refused + [Refusal(Reason.UNKNOWN_DEVICE, detail, one.seq) for one in decoded.readings]
        if refused:
            group.refuse(device, message, decoded.boot, refused, known=device in self._known)

    def _time(
        self, device: str, message: Arrived, decoded: Decoded, group: Group, waiting: list[_Candidate]
    ) -> list[Refusal]:
        """Settles the times of a message's readings, which then wait; returns what is refused of the message."""
        assert decoded.boot is not None  # a decoded message with readings has one
        boot = decoded.boot
        row = self.devices[device]
        horizon = message.received // 1000 + self._settings.future_s
        # A clock that was set back behind what the spool has seen may be the one that is wrong, not the kit's.
        set_back = message.received < self._latest - self._settings.future_s * 1000
        self._latest = max(self._latest, message.received)
        refused = list(decoded.refused)
        timed: Taken = []
        settled = (row.no, boot) in self._dated_boots
        if settled or any(reading.t is None for reading in decoded.readings):
            # Their times may hang on what waits, and what comes behind them on theirs: they are taken by themselves.
            self._take(waiting, group)
            waiting.clear()
            settled = True
        dated: dict[int, int] = {}  # by the numbers of this message's readings
        for reading in decoded.readings:
            t = reading.t
            if settled:
                if t is None:
                    if not self._clock.settled:
                        continue  # no answer: the kit keeps it until this clock can be believed
                    group.undated(device, boot, message.received)
                    t = dated.setdefault(reading.seq, self._settle(row.no, boot, reading, message.received))
                else:
                    t = dated.get(reading.seq, self._settle(row.no, boot, reading, message.received))
            assert t is not None
            if self._oldest <= t <= horizon:
                timed.append((reading, t))
            elif t <= horizon or not set_back:  # otherwise there is no answer either
                row.delayed(message.received - t * 1000)
                detail = f"{t} is {'in the future' if t > horizon else 'before ' + self._settings.oldest}"
                refused.append(Refusal(Reason.CLOCK, detail, reading.seq))
        whole = not settled and not decoded.refused and len(timed) == len(decoded.readings)
        if timed:
            waiting.append(_Candidate(device, row, boot, message, timed, whole))
        if settled:
            self._take(waiting, group)
            waiting.clear()
        return refused

    def _settle(self, no: int, boot: int, reading: Reading, received: int) -> int:
        """The time of a reading that has none of its own, the same however often the reading is sent."""
        dated = self.spool.dated(no, boot, reading.seq) if (no, boot) in self._dated_boots else None
        if dated is not None:
            return dated
        if reading.t is not None:
            return reading.t
        return round((received - (reading.age or 0)) / 1000)

    def _take(self, waiting: Sequence[_Candidate], group: Group) -> None:
        """Takes the readings of some messages: all at once if they are new, or else message by message."""
        keys = [(t, one.row.no, one.boot, reading.seq) for one in waiting for reading, t in one.timed]
        if self.spool.mark_all_seen(keys):
            for one in waiting:
                self._keep(one, one.timed, group)
        elif len(waiting) > 1:
            half = len(waiting) // 2
            self._take(waiting[:half], group)
            self._take(waiting[half:], group)
        else:
            self._take_singly(waiting[0], keys, group)

    def _take_singly(self, one: _Candidate, keys: Sequence[Key], group: Group) -> None:
        """The slow way, where some reading's time was taken before: by itself, again, or by another reading."""
        taken: Taken = []
        again: list[int] = []
        conflicts: list[Refusal] = []
        for (reading, t), key in zip(one.timed, keys, strict=True):
            before = self.spool.mark_seen(key)
            if before is None:
                taken.append((reading, t))
            elif before == key[2:]:
                again.append(reading.seq)
            else:
                detail = f"the time {t} was taken by boot {before[0]}, number {before[1]}"
                conflicts.append(Refusal(Reason.CONFLICT, detail, reading.seq))
        if again:
            # Not a fault: the acknowledgement was lost on its way. The readings are safe, and the kit is told so.
            group.safe(one.device, one.boot, again)
            group.note(one.message, one.boot, Reason.DUPLICATE, again)
        if conflicts:
            group.refuse(one.device, one.message, one.boot, conflicts, known=True)
        if taken:
            self._keep(one, taken, group)

    def _keep(self, one: _Candidate, taken: Taken, group: Group) -> None:
        """Writes down readings that are new, and notes what is unusual about them."""
        device, row, boot, message, timed, whole = one
        newest, own_time = row.newest, True
        late, unknown = [], []
        for reading, t in taken:
            if t > newest:
                newest, own_time = t, reading.t is not None
            elif t < newest:
                late.append(reading.seq)
            if not reading.q.keys() <= QUANTITIES.keys():
                unknown.append(reading.seq)
            if reading.t is None:
                self.spool.date(row.no, boot, reading.seq, t)
                self._dated_boots.add((row.no, boot))
        if newest > row.newest:
            row.beat(newest, message.received, own_time=own_time)
        if late:
            group.note(message, boot, Reason.LATE, late)
        if unknown:
            group.note(message, boot, Reason.UNKNOWN_QUANTITY, unknown)
        encoded = None if whole and taken is timed else encode_taken(taken)
        group.messages.append((row.no, message.received, message.payload, encoded))
        group.safe(device, boot, [reading.seq for reading, _ in taken])
        group.counts[device, "taken"] += len(taken)
