# SPDX-License-Identifier: EUPL-1.2
"""Simulated kits as a process of its own, that outlives whatever is killed around it.

They keep every reading until the collector acknowledges it, repeat some and send in disorder, and write each
acknowledgement into a book on disk. At SIGTERM they make no new readings, wait until all are acknowledged, print their
counts as a line of JSON and end. `Kits` starts it; the values can be computed from the kit and the number, so that a
test knows what a store must hold.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from collector.message import Ack
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.outbox import Pace
from collector.simulate.readings import Columns
from tests.journeys.collecting import environment
from tests.parts import ROOT

START = 1767225600  # 2026-01-01
STEP = 60  # between two readings [s]
BLOCK = 64  # within so many readings the order is lost
PACE = Pace(window=4, batch=10, resend_after=2.0)


def device(k: int) -> str:
    """The id of kit number k."""
    return f"kit-{k:05d}"


def number(name: str) -> int:
    """The number of the kit of an id."""
    return int(name.removeprefix("kit-"))


def values(k: int, seq):
    """What kit k measured at its reading `seq`, a number or an array of them."""
    return {"pm25": (seq * 31 + k) % 4093 / 8, "laeq": 30.0 + (seq * 17 + k) % 601 / 10}


@dataclass(frozen=True)
class Habits:
    """What a kit does. `repeat` is the share of readings that it sends twice; one without a clock sends ages."""

    most: int = 20_000  # readings that it will ever have
    repeat: float = 0.0
    shuffle: bool = False
    start: int = START  # [s since 1970]
    step: int = STEP  # between two readings [s]
    clockless: bool = False


class Numbered:
    """A kit whose readings can be told from their numbers."""

    firmware = "soak"

    def __init__(self, k: int, habits: Habits) -> None:
        self.device, self._k, self._habits = device(k), k, habits
        self._rng = np.random.default_rng(k)

    def columns(self) -> Columns:
        """All readings that it will ever have."""
        habits, most = self._habits, self._habits.most
        seq = np.arange(1, most + 1)
        again = np.flatnonzero(self._rng.random(most) < habits.repeat)
        row = np.concatenate([seq, seq[again]])
        # A repetition comes in a later block than its reading; within a block anything goes.
        place = np.concatenate([np.arange(most), again + 2 * BLOCK]).astype(float)
        if habits.shuffle:
            place = place // BLOCK * BLOCK + self._rng.random(len(place)) * BLOCK
        order = np.argsort(place, kind="stable")
        row, repeated = row[order], np.repeat((False, True), (most, len(again)))[order]
        t = habits.start + habits.step * row
        aged = np.full(len(row), habits.clockless)
        return Columns(habits.step, np.ones(len(row), np.int64), row, t, t, aged, repeated, values(self._k, row))


class Noting(Fleet):
    """A fleet that writes down what it was told, and can be asked to come to an end."""

    def __init__(self, sources, sending, book: Path) -> None:
        super().__init__(sources, sending)
        self._book = os.open(book, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._synced = 0.0
        self._ends_at: float | None = None

    def end(self) -> None:
        """No reading is made after this moment."""
        self._ends_at = time.monotonic() - self._started

    def _reached(self, elapsed, device):
        return super()._reached(elapsed if self._ends_at is None else min(elapsed, self._ends_at), device)

    @property
    def finished(self) -> bool:
        """All that was made is acknowledged or rejected, and nothing more will be made."""
        return self._ends_at is not None and self.total.left == 0

    def _tend(self, now):
        for link in self._links:
            if link.refused and self._sending.connections:  # by a broker that loses its cluster: a kit tries again
                link.refused = ""
                link.close()
        super()._tend(now)

    def _on_ack(self, topic, payload):
        ack = msgspec.json.decode(payload, type=Ack)
        lines = "".join(f"{topic.split('/')[2]} {low} {high}\n" for low, high in ack.seq)
        os.write(self._book, lines.encode())
        if time.monotonic() > self._synced + 0.1:
            os.fsync(self._book)
            self._synced = time.monotonic()
        super()._on_ack(topic, payload)


class Kits:
    """The process, from a test's side. Use it in a `with`; `finish` is its good end."""

    def __init__(self, broker: str, book: Path, n: int, rate: float, *options: str) -> None:
        self.n, self.book = n, book
        book.touch()
        command = [sys.executable, "-m", "tests.soak.kits", broker, str(book), str(n), str(rate), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment())

    def __enter__(self) -> Kits:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def noted(self) -> int:
        """How far the book has grown: more means that something was acknowledged."""
        return self.book.stat().st_size

    def finish(self, seconds: float) -> dict[str, int]:
        """Lets them come to an end; what they counted: made, sent, acknowledged, rejected, left."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=seconds)
        assert self.process.returncode == 0, "the kits did not come to an end"
        return json.loads(out)  # type: ignore[no-any-return]

    def acknowledged(self) -> dict[str, set[int]]:
        """The numbers that each device was told are safe, out of the book."""
        told: dict[str, set[int]] = {device(k): set() for k in range(self.n)}
        for line in self.book.read_text().splitlines():
            name, low, high = line.split()
            told[name].update(range(int(low), int(high) + 1))
        return told


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("broker")
    parser.add_argument("book", type=Path)
    parser.add_argument("kits", type=int)
    parser.add_argument("rate", type=float, help="readings of each kit in a second")
    parser.add_argument("--most", type=int, default=Habits.most)
    parser.add_argument("--repeat", type=float, default=0.0)
    parser.add_argument("--shuffle", action="store_true")
    parser.add_argument("--start", type=int, default=START)
    parser.add_argument("--step", type=int, default=STEP)
    parser.add_argument("--clockless", type=int, default=0, help="so many kits, the last, do not know the time")
    parser.add_argument("--now", action="store_true", help="what is older than this moment is sent at once")
    parser.add_argument("--passwords", type=Path, help="device to password, in JSON: each kit logs in by itself")
    parser.add_argument("--root", default="", help="the broker's root certificate")
    args = parser.parse_args()
    sources = [
        Numbered(
            k, Habits(args.most, args.repeat, args.shuffle, args.start, args.step, k >= args.kits - args.clockless)
        )
        for k in range(args.kits)
    ]
    sending = Sending(
        args.broker,
        speed=args.rate * args.step,
        origin=time.time() if args.now else None,
        pace=PACE,
        ca_file=args.root,
    )
    if args.passwords:
        sending = replace(sending, connections=True, passwords=json.loads(args.passwords.read_text()))
    fleet = Noting(sources, sending, args.book)
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    threading.Thread(target=lambda: (asked.wait(), fleet.end()), daemon=True).start()
    fleet.run()
    total = fleet.total
    rejected = total.rejected.total()
    print(json.dumps({"made": total.made, "sent": total.sent, "acknowledged": total.acknowledged,
                      "rejected": rejected, "left": total.left}))  # fmt: skip


if __name__ == "__main__":
    main()
