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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from collector.errors import NetworkError
from collector.ingest.answers import parts_of
from collector.ingest.limits import Limits
from collector.ingest.shelf import Shelf
from collector.ingest.spool import Quarantined, Spool, Taken, encode_taken
from collector.ingest.steady import SteadyClock
from collector.message import (
    Ack,
    Decoded,
    Reading,
    Reason,
    Refusal,
    ack_topic,
    decode,
    device_of,
    ranges,
)
from collector.quantities import QUANTITIES
from collector.settings import Settings, oldest_time

log = logging.getLogger(__name__)

_LOOK_AGAIN = 0.2  # [s]
# Of a message that is too large, this much is kept for a look.
KEPT_OF_OVERSIZE = 8192


class Arrived(NamedTuple):
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    received: int  # ms since 1970


@dataclass
class _Group:
    """What one commit writes and answers."""

    messages: list[tuple[int, int, bytes, bytes | None]] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    safe: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[tuple[str, int], dict[str, Reason]] = field(default_factory=lambda: defaultdict(dict))
    noted: dict[tuple[str, int], dict[str, Reason]] = field(default_factory=lambda: defaultdict(dict))
    errors: dict[str, Reason] = field(default_factory=dict)
    undated: dict[tuple[str, int], int] = field(default_factory=dict)  # when readings with an age came [ms since 1970]


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
        self._examined = self._known  # as of the last look into the quarantine for devices that are known now
        self._next_look = 0.0
        self._limits = Limits(settings, self._is_known)
        self._shelf = Shelf(spool, settings.quarantine_messages, lambda device: device in self._known)
        self._settings = settings
        self._oldest = oldest_time(settings)
        self._clock = clock or SteadyClock()
        self._pending: list[Arrived] = []
        self._full = False
        self._forget()

    def _forget(self) -> None:
        """Drops what is remembered of the spool; after a failed commit it may not be true."""
        self._numbers: dict[str, int] = {}
        self._newest: dict[int, int] = {}
        self._dated_boots = self.spool.dated_boots()
        self._latest = self.spool.latest()

    def take(self, topic: str, payload: bytes) -> None:
        """Remembers a message until the next commit; one that is over its device's limits it forgets."""
        self.take_all([(topic, payload)])

    def take_all(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """The same for messages, (topic, payload), that came at the same moment."""
        received, admit = int(self._clock() * 1000), self._limits.admit
        self._pending += [
            Arrived(topic, payload, received) for topic, payload in messages if admit(topic, len(payload))
        ]

    @property
    def waiting(self) -> int:
        """How many messages the next commit will hold."""
        return len(self._pending)

    def commit(self) -> list[tuple[str, bytes]]:
        """Makes all that was taken durable; returns the acknowledgements as (topic, payload)."""
        arrived, self._pending = self._pending, []
        if not arrived or not self._room():
            return []
        group = _Group()
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
        return _acks(group)

    def refresh(self) -> None:
        """Reads again which devices there are, and takes what was refused of those that are new."""
        self._count_held()
        self._locked_out = self._read_locked_out()
        known = self._known = self._known_devices()
        if known == self._examined:
            return
        self._examined = known
        self._limits.forget(known)
        for topic in self.spool.quarantined_topics(Reason.UNKNOWN_DEVICE):
            if device_of(topic) in known:
                self._take_again(topic)
        self._shelf.recount()

    def _count_held(self) -> None:
        """Writes down how many messages were over a limit."""
        held, self._limits.held = self._limits.held, Counter()
        if held:
            with self.spool.transaction():
                self.spool.count((device, "held", n) for device, n in held.items())

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
                self._write(arrived, _Group())
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

    def _write(self, arrived: list[Arrived], group: _Group) -> None:
        for message in arrived:
            self._decide(message, group)
        self.spool.add_messages(group.messages)
        self.spool.add_quarantined(group.quarantined)
        self.spool.count((device, name, n) for (device, name), n in group.counts.items())

    def _decide(self, message: Arrived, group: _Group) -> None:
        device = device_of(message.topic)
        if (device is None or not self._is_known(device)) and not self._shelf.has_room():
            group.counts["", "held"] += 1
            return
        if device is None:
            detail = "a topic of version 1 is citimeasure/v1/<device>/readings"
            self._quarantine(group, message, None, [Refusal(Reason.TOPIC, detail)])
            group.counts["", Reason.TOPIC] += 1
            return
        if device in self._locked_out:
            group.counts[device, "locked_out"] += 1
            return
        decoded = decode(device, message.payload)
        self._limits.charge(message.topic, len(decoded.readings) + len(decoded.refused))
        refused = list(decoded.refused)
        readings = decoded.readings
        if readings and not self._is_known(device):
            detail = "register it with `citimeasure device add`; its messages are kept and will be taken then"
            refused += [Refusal(Reason.UNKNOWN_DEVICE, detail, reading.seq) for reading in readings]
            readings = []
        if readings:
            refused += self._take_readings(device, message, decoded, group)
        if refused:
            self._refuse(device, message, decoded.boot, refused, group)

    def _take_readings(self, device: str, message: Arrived, decoded: Decoded, group: _Group) -> list[Refusal]:
        """Decides on the readings of one message; returns what is refused of them."""
        assert decoded.boot is not None  # a decoded message with readings has one
        boot, no = decoded.boot, self._number(device)
        if no not in self._newest:
            self._newest[no] = self.spool.newest(no)
        horizon = message.received // 1000 + self._settings.future_s
        # A clock that was set back behind what the spool has seen may be the one that is wrong, not the kit's.
        set_back = message.received < self._latest - self._settings.future_s * 1000
        self._latest = max(self._latest, message.received)
        refused: list[Refusal] = []
        timed: Taken = []
        plain = not decoded.refused
        for reading in decoded.readings:
            t = reading.t
            if t is None:
                if not self._clock.settled:
                    plain = False
                    continue  # no answer: the kit keeps it until this clock can be believed
                group.undated[device, boot] = message.received
            if t is None or (no, boot) in self._dated_boots:
                t = self._settle(no, boot, reading, message.received)
                plain = False
            if self._oldest <= t <= horizon:
                timed.append((reading, t))
            elif t > horizon and set_back:
                plain = False  # no answer either
            else:
                detail = f"{t} is {'in the future' if t > horizon else 'before ' + self._settings.oldest}"
                refused.append(Refusal(Reason.CLOCK, detail, reading.seq))
        keys = [(no, t, boot, reading.seq) for reading, t in timed]
        if self.spool.mark_all_seen(keys):
            taken = timed
        else:
            taken, again, conflicts = self._take_singly(zip(timed, keys, strict=True))
            refused += conflicts
            if again:
                # Not a fault: the acknowledgement was lost on its way. The readings are safe, and the kit is told so.
                group.safe[device, boot].extend(again)
                self._keep_note(group, message, boot, Reason.DUPLICATE, again)
        self._remember_dates(no, boot, taken)
        self._note(no, boot, taken, message, group)
        if taken:
            whole = plain and len(taken) == len(decoded.readings)
            group.messages.append((no, message.received, message.payload, None if whole else encode_taken(taken)))
            group.safe[device, boot].extend([reading.seq for reading, _ in taken])
            group.counts[device, "taken"] += len(taken)
        return refused

    def _settle(self, no: int, boot: int, reading: Reading, received: int) -> int:
        """The time of a reading that has none of its own, the same however often the reading is sent."""
        dated = self.spool.dated(no, boot, reading.seq) if (no, boot) in self._dated_boots else None
        if dated is not None:
            return dated
        if reading.t is not None:
            return reading.t
        return round((received - (reading.age or 0)) / 1000)

    def _remember_dates(self, no: int, boot: int, taken: Taken) -> None:
        for reading, t in taken:
            if reading.t is None:
                self.spool.date(no, boot, reading.seq, t)
                self._dated_boots.add((no, boot))

    def _take_singly(
        self, timed: Iterable[tuple[tuple[Reading, int], tuple[int, int, int, int]]]
    ) -> tuple[Taken, list[int], list[Refusal]]:
        """The slow way, where some reading's time was taken before: by itself, again, or by another reading."""
        taken: Taken = []
        again: list[int] = []
        conflicts: list[Refusal] = []
        for (reading, t), key in timed:
            before = self.spool.mark_seen(key)
            if before is None:
                taken.append((reading, t))
            elif before == key[2:]:
                again.append(reading.seq)
            else:
                detail = f"the time {t} was taken by boot {before[0]}, number {before[1]}"
                conflicts.append(Refusal(Reason.CONFLICT, detail, reading.seq))
        return taken, again, conflicts

    def _note(self, no: int, boot: int, taken: Taken, message: Arrived, group: _Group) -> None:
        """Notes what is unusual about readings that are taken: late ones, and quantities nobody knows."""
        newest = self._newest[no]
        late, unknown = [], []
        for reading, t in taken:
            if t > newest:
                newest = t
            elif t < newest:
                late.append(reading.seq)
            if not reading.q.keys() <= QUANTITIES.keys():
                unknown.append(reading.seq)
        self._newest[no] = newest
        if late:
            self._keep_note(group, message, boot, Reason.LATE, late)
        if unknown:
            self._keep_note(group, message, boot, Reason.UNKNOWN_QUANTITY, unknown)

    def _keep_note(self, group: _Group, message: Arrived, boot: int, reason: Reason, seqs: list[int]) -> None:
        device = device_of(message.topic) or ""
        self._shelf.add(message.topic)
        group.noted[device, boot].update({str(seq): reason for seq in seqs})
        group.counts[device, reason] += len(seqs)
        group.quarantined.append(
            Quarantined(message.received, message.topic, boot, reason, "kept", _seqs(seqs), True, None)
        )

    def _refuse(self, device: str, message: Arrived, boot: int | None, refused: list[Refusal], group: _Group) -> None:
        self._quarantine(group, message, boot, refused)
        for refusal in refused:
            # Counters are kept by device only where there is one, or anyone could make them grow without end.
            group.counts[device if device in self._known else "", refusal.reason] += 1
            if refusal.seq is None or boot is None:
                group.errors[device] = refusal.reason
            else:
                group.rejected[device, boot][str(refusal.seq)] = refusal.reason

    def _quarantine(self, group: _Group, message: Arrived, boot: int | None, refused: list[Refusal]) -> None:
        by_reason: dict[Reason, list[Refusal]] = defaultdict(list)
        for refusal in refused:
            by_reason[refusal.reason].append(refusal)
        for reason, some in by_reason.items():
            seqs = _seqs([refusal.seq for refusal in some if refusal.seq is not None])
            payload = message.payload[:KEPT_OF_OVERSIZE]
            self._shelf.add(message.topic)
            group.quarantined.append(
                Quarantined(message.received, message.topic, boot, reason, some[0].detail, seqs, False, payload)
            )

    def _number(self, device: str) -> int:
        no = self._numbers.get(device)
        if no is None:
            no = self._numbers[device] = self.spool.device_no(device)
        return no


def _seqs(numbers: list[int]) -> str:
    return msgspec.json.encode(ranges(numbers)).decode()


def _acks(group: _Group) -> list[tuple[str, bytes]]:
    """One acknowledgement for each device and boot, however many messages it sent."""
    acks = []
    for device, boot in dict.fromkeys([*group.safe, *group.rejected]):
        ack = Ack(
            boot=boot,
            seq=ranges(group.safe.get((device, boot), ())),
            rejected=group.rejected.get((device, boot), {}),
            noted=group.noted.get((device, boot), {}),
            now=group.undated.get((device, boot)),
        )
        acks += [(ack_topic(device), part) for part in parts_of(ack)]
    for device, reason in group.errors.items():
        acks.append((ack_topic(device), msgspec.json.encode(Ack(error=reason))))
    return acks
