# SPDX-License-Identifier: EUPL-1.2
"""What one kit still has to send: readings wait here, travel in messages, and are let go when they are acknowledged.

Readings of a source come in, payloads of version 1 go out, acknowledgements come back. Exactly the readings that an
acknowledgement names are let go; what stays open is sent again when its time is over. The fleet drives it and owns
the connections; the clocks are given, nothing here waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from collector.message import MAX_BYTES, Ack, Message, Reading, encode
from collector.simulate.readings import Made, Source

_ack_decoder = msgspec.json.Decoder(Ack)


@dataclass
class Counts:
    """One kit's books. After a run that came to its end, made = acknowledged + rejected, and nothing is left."""

    made: int = 0  # different readings, by (boot, number)
    messages: int = 0  # sent, repetitions included
    sent: int = 0  # readings sent, repetitions included
    acknowledged: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # by reason
    noted: Counter[str] = field(default_factory=Counter)  # by reason, as often as it was said
    errors: Counter[str] = field(default_factory=Counter)  # acknowledgements that named no reading, by reason

    @property
    def settled(self) -> int:
        """Different readings of which the kit knows what became of them."""
        return self.acknowledged + self.rejected.total()

    @property
    def left(self) -> int:
        """Different readings of which the kit does not know that."""
        return self.made - self.settled

    def __iadd__(self, other: Counts) -> Counts:
        self.made += other.made
        self.messages += other.messages
        self.sent += other.sent
        self.acknowledged += other.acknowledged
        self.rejected += other.rejected
        self.noted += other.noted
        self.errors += other.errors
        return self


@dataclass
class _Sent:
    """A message on its way: what of it is still open, and when it is sent again."""

    boot: int
    open: dict[int, Made]  # by number
    deadline: float


@dataclass(frozen=True)
class Pace:
    """How an outbox sends: at most `window` messages are open, of at most `batch` readings each."""

    window: int = 8
    batch: int = 40
    resend_after: float = 10.0  # [s]


class Outbox:
    """One kit's readings on their way out. If they are not `live`, all of them were made before the start."""

    def __init__(self, source: Source, pace: Pace, *, live: bool, clock: Callable[[], float]) -> None:
        self.device = source.device
        columns = source.columns()
        self.total = columns.distinct
        self.counts = Counts(made=0 if live else self.total)
        self.dt = columns.dt
        self.earliest = int(columns.t.min()) - columns.dt if len(columns) else None
        self._firmware = source.firmware
        self._pace, self._live, self._clock = pace, live, clock
        self._readings = columns.readings()
        self._ahead = next(self._readings, None)
        self._sent: dict[int, _Sent] = {}  # in order of their deadlines
        self._where: dict[tuple[int, int], int] = {}  # which message an open reading (boot, seq) travels in
        self._next_id = 0

    @property
    def all_sent(self) -> bool:
        """Every reading has left at least once."""
        return self._ahead is None

    @property
    def finished(self) -> bool:
        """Every reading has left, and none is open."""
        return self._ahead is None and not self._sent

    def take(self, now: float, until: float) -> Iterator[bytes]:
        """Payloads to be published: what is overdue at `now` (monotonic), then readings that ended until `until`."""
        while self._sent:
            oldest = next(iter(self._sent))
            if self._sent[oldest].deadline > now:
                break
            late = self._sent.pop(oldest)
            yield from self._send(late.boot, list(late.open.values()), now)
        while self._ahead is not None and self._ahead.t <= until and len(self._sent) < self._pace.window:
            yield from self._send(self._ahead.boot, self._draw(until), now)

    def send_all_again(self) -> None:
        """After a lost connection: what was on its way is taken for lost, and is due now."""
        for sent in self._sent.values():
            sent.deadline = 0.0

    def settle(self, payload: bytes) -> None:
        """Lets go exactly what an acknowledgement names."""
        try:
            ack = _ack_decoder.decode(payload)
        except msgspec.DecodeError:
            self.counts.errors["unreadable"] += 1
            return
        if ack.error is not None:
            self.counts.errors[str(ack.error)] += 1
        self.counts.noted.update(map(str, ack.noted.values()))
        if ack.boot is None:
            return
        for low, high in ack.seq:
            for seq in self._open_between(ack.boot, low, high):
                self._let_go(ack.boot, seq)
                self.counts.acknowledged += 1
        for number, reason in ack.rejected.items():
            if number.isdecimal() and (ack.boot, int(number)) in self._where:
                self._let_go(ack.boot, int(number))
                self.counts.rejected[str(reason)] += 1

    def _draw(self, until: float) -> list[Made]:
        """The next readings of one boot that have ended, as many as go into a message."""
        assert self._ahead is not None
        boot, some = self._ahead.boot, []
        while self._ahead is not None and self._ahead.boot == boot and self._ahead.t <= until:
            some.append(self._ahead)
            self._ahead = next(self._readings, None)
            if len(some) == self._pace.batch:
                break
        if self._live:
            self.counts.made += sum(not made.again for made in some)
        return some

    def _send(self, boot: int, some: list[Made], now: float) -> Iterator[bytes]:
        payload = encode(Message(v=1, boot=boot, fw=self._firmware, readings=[self._dated(made) for made in some]))
        if len(payload) > MAX_BYTES and len(some) > 1:
            half = len(some) // 2
            yield from self._send(boot, some[:half], now)
            yield from self._send(boot, some[half:], now)
            return
        tracked = {made.reading.seq: made for made in some if not made.again}
        if tracked:
            self._sent[self._next_id] = _Sent(boot, tracked, now + self._pace.resend_after)
            for seq in tracked:
                self._where[boot, seq] = self._next_id
            self._next_id += 1
        self.counts.messages += 1
        self.counts.sent += len(some)
        yield payload

    def _dated(self, made: Made) -> Reading:
        """The reading as it is sent now: an age is the age at this moment [ms]."""
        one = made.reading
        if one.age is None:
            return one
        return Reading(one.seq, one.dt, one.q, None, max(0, round((self._clock() - made.t) * 1000)), one.u)

    def _open_between(self, boot: int, low: int, high: int) -> list[int]:
        if high - low > len(self._where):
            return [seq for b, seq in self._where if b == boot and low <= seq <= high]
        return [seq for seq in range(low, high + 1) if (boot, seq) in self._where]

    def _let_go(self, boot: int, seq: int) -> None:
        number = self._where.pop((boot, seq))
        sent = self._sent[number]
        del sent.open[seq]
        if not sent.open:
            del self._sent[number]
