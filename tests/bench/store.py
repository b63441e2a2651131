# SPDX-License-Identifier: EUPL-1.2
"""The embedded store's writing, beside a bare executemany of the same tuples into the same table.

Both get the same batches, in the order in which readings arrive, one transaction each, with the same pragmas; the
rival's tuples are made beforehand and already hold the number of their series. `python -m tests.bench.store` also
writes a month of a neighbourhood, for its time on the clock.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from collector.store.base import Row
from collector.store.sqlite import FILE, UPSERT, SqliteStore
from tests.bench.table import Bar

QUANTITIES = ("pm25", "pm10", "temperature", "humidity", "laeq", "lafmax")
START = 1_767_225_600
FLEETS = (12, 1_000)  # kits
BATCH = 5_000  # rows, more or less: whole messages
BATCHES = 40
ROUNDS = 5


def message(kit: int, minute: int, minutes: int = 1) -> list[Row]:
    """The rows of one kit's message: `minutes` readings of six quantities."""
    rows = []
    for n in range(minute, minute + minutes):
        for k, quantity in enumerate(QUANTITIES):
            value = 10 * k + (n * 7919 + kit * 104_729 + k) % 1000 / 10
            rows.append(Row(f"kit-{kit:05d}", quantity, START + 60 * n, 60, value, 1, 0))
    return rows


def arriving(kits: int) -> Iterator[list[Row]]:
    """Batches of about BATCH rows: minute for minute one message of every kit."""
    batch: list[Row] = []
    minute = made = 0
    while made < BATCHES:
        for kit in range(kits):
            batch += message(kit, minute)
            if len(batch) >= BATCH:
                yield batch
                batch, made = [], made + 1
        minute += 1


def _bare(folder: Path) -> sqlite3.Connection:
    """A connection of the rival, to a table and with pragmas like the store's."""
    SqliteStore(folder).close()
    db = sqlite3.connect(folder / FILE, isolation_level=None)
    for pragma in ("synchronous = FULL", "cache_size = -65536"):
        db.execute(f"PRAGMA {pragma}")
    return db


def _round(kits: int) -> tuple[float, float, int]:
    """Seconds that the rival and the store take for all batches, in turn after each batch; and how many rows."""
    numbers: dict[tuple[str, str], int] = {}
    bare = ours = 0.0
    n = 0
    with tempfile.TemporaryDirectory() as temporary:
        store, db = SqliteStore(Path(temporary) / "ours"), _bare(Path(temporary) / "bare")

        def write_bare() -> float:
            began = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            db.executemany(UPSERT, tuples)
            db.execute("COMMIT")
            return time.perf_counter() - began

        def write_ours() -> float:
            began = time.perf_counter()
            store.write(rows)
            return time.perf_counter() - began

        for turn, rows in enumerate(arriving(kits)):
            tuples = [(numbers.setdefault(row[:2], len(numbers) + 1), *row[2:]) for row in rows]
            if turn % 2:  # whoever comes second may find the disk busy with the first
                ours += write_ours()
                bare += write_bare()
            else:
                bare += write_bare()
                ours += write_ours()
            n += len(rows)
        kept = [sum(one.n for one in store.series()), db.execute("SELECT count(*) FROM value").fetchone()[0]]
        store.close()
        db.close()
    assert kept == [n, n], f"{kept} of {n} rows were kept"
    return bare, ours, n


def measure() -> list[Bar]:
    """The ratio of values per second, median of rounds, for a street and for a city."""
    bars = []
    for kits in FLEETS:
        rounds = [_round(kits) for _ in range(ROUNDS)]
        ratio = statistics.median(bare / ours for bare, ours, _ in rounds)
        speed = statistics.median(n / ours for _, ours, n in rounds)
        note = f"{speed:,.0f} values/s, durable; batches of {BATCH:,}, {kits} kits x {len(QUANTITIES)} quantities"
        rival = "a bare executemany of the same tuples"
        bars.append(Bar(f"store: write, {kits:,} kits", ratio, 0.7, 0.9, "higher", rival, note))
    return bars


def month(messages: int, kits: int = 12, days: int = 30, minutes: int = 50) -> tuple[int, float]:
    """Writes a month in messages of 50 minutes, `messages` of them in one write; returns rows and seconds."""
    with tempfile.TemporaryDirectory() as temporary:
        store = SqliteStore(Path(temporary))
        seconds, n = 0.0, 0
        every = [(kit, minute) for minute in range(0, days * 1440, minutes) for kit in range(kits)]
        for start in range(0, len(every), messages):
            rows = [row for kit, minute in every[start : start + messages] for row in message(kit, minute, minutes)]
            began = time.perf_counter()
            store.write(rows)
            seconds += time.perf_counter() - began
            n += len(rows)
        store.close()
    return n, seconds


def main() -> None:
    for bar in measure():
        print(f"{bar.name:30} {bar.reached:5.2f} of {bar.rival}; {bar.note}")
    for messages in (1, 20, 400):
        n, seconds = month(messages)
        print(
            f"a month of 12 kits, {messages:3} messages a write: {n:,} values in {seconds:.1f} s, {n / seconds:,.0f}/s"
        )


if __name__ == "__main__":
    main()
