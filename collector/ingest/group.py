# SPDX-License-Identifier: EUPL-1.2
"""A group: what one commit writes and answers, gathered while the intake decides. Each commit has one of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from collector.ingest.answers import parts_of
from collector.ingest.spool import Quarantined
from collector.message import Ack, Reason, Refusal, ack_topic, device_of, ranges

# Of a message that is too large, this much is kept for a look.
KEPT_OF_OVERSIZE = 8192


class Arrived(NamedTuple):
    """A message as it came from the broker."""

    topic: str
    payload: bytes
    received: int  # ms since 1970


class Group:
    """Gathers rows, counters and answers. `shelve(topic)` hears of each entry for the quarantine."""

    def __init__(self, shelve: Callable[[str], None]) -> None:
        self._shelve = shelve
        self.messages: list[tuple[int, int, bytes, bytes | None]] = []
        self.quarantined: list[Quarantined] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()  # of registered devices
        self._safe: dict[tuple[str, int], list[int]] = defaultdict(list)
        self._rejected: dict[tuple[str, int], dict[str, Reason]] = defaultdict(dict)
        self._noted: dict[tuple[str, int], dict[str, Reason]] = defaultdict(dict)
        self._errors: dict[str, Reason] = {}
        self._undated: dict[tuple[str, int], int] = {}

    def safe(self, device: str, boot: int, seqs: Sequence[int]) -> None:
        """These readings are in the spool with this commit, or were before."""
        self._safe[device, boot] += seqs

    def undated(self, device: str, boot: int, received: int) -> None:
        """A kit sent an age, as it does not know the time: it is told ours [ms since 1970]."""
        self._undated[device, boot] = received

    def note(self, message: Arrived, boot: int, reason: Reason, seqs: list[int]) -> None:
        """Notes something of readings that are kept."""
        device = device_of(message.topic) or ""
        self._shelve(message.topic)
        self._noted[device, boot].update({str(seq): reason for seq in seqs})
        self.counts[device, reason] += len(seqs)
        self.quarantined.append(
            Quarantined(message.received, message.topic, boot, reason, "kept", _seqs(seqs), True, None)
        )

    def refuse(self, device: str, message: Arrived, boot: int | None, refused: list[Refusal], *, known: bool) -> None:
        """Keeps what is refused apart, and says so."""
        self.quarantine(message, boot, refused)
        for refusal in refused:
            # Counters are kept by device only where there is one, or anyone could make them grow without end.
            self.counts[device if known else "", refusal.reason] += 1
            if known:
                self.refused[device, refusal.reason] += 1
            if refusal.seq is None or boot is None:
                self._errors[device] = refusal.reason
            else:
                self._rejected[device, boot][str(refusal.seq)] = refusal.reason

    def quarantine(self, message: Arrived, boot: int | None, refused: list[Refusal]) -> None:
        """Keeps a message for each reason that something of it was refused."""
        by_reason: dict[Reason, list[Refusal]] = defaultdict(list)
        for refusal in refused:
            by_reason[refusal.reason].append(refusal)
        for reason, some in by_reason.items():
            seqs = _seqs([refusal.seq for refusal in some if refusal.seq is not None])
            payload = message.payload[:KEPT_OF_OVERSIZE]
            self._shelve(message.topic)
            self.quarantined.append(
                Quarantined(message.received, message.topic, boot, reason, some[0].detail, seqs, False, payload)
            )

    def answers(self) -> list[tuple[str, bytes]]:
        """An acknowledgement, (topic, payload), for each device and boot, however many messages it sent."""
        acks = []
        for device, boot in dict.fromkeys([*self._safe, *self._rejected]):
            ack = Ack(
                boot=boot,
                seq=ranges(self._safe.get((device, boot), ())),
                rejected=self._rejected.get((device, boot), {}),
                noted=self._noted.get((device, boot), {}),
                now=self._undated.get((device, boot)),
            )
            acks += [(ack_topic(device), part) for part in parts_of(ack)]
        for device, reason in self._errors.items():
            acks.append((ack_topic(device), msgspec.json.encode(Ack(error=reason))))
        return acks


def _seqs(numbers: list[int]) -> str:
    return msgspec.json.encode(ranges(numbers)).decode()
