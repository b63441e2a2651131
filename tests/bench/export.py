# SPDX-License-Identifier: EUPL-1.2
"""Exports from the embedded store, beside DuckDB's COPY of the same rows out of a Parquet file.

Both write all columns of `citimeasure export --every minute`, ours with everything that describes them, made durable
and hashed; DuckDB uses all cores and waits for no disk. Each of ours runs in a process of its own, whose memory is
measured. `python -m tests.bench.export 1000000` says how many readings; `make bench` takes ten million.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from collector.export.make import export
from collector.export.request import Request
from collector.registry import Registry
from collector.store.sqlite import FILE, UPSERT, SqliteStore
from tests.bench.table import Bar

READINGS = 10_000_000
QUANTITIES = ("pm25", "pm10", "temperature", "humidity", "laeq")
KITS = 8
START = 1_767_225_600
ROUNDS = 3
BARS = {"csv": (0.2, 0.5), "parquet": (0.2, 0.7)}
RESIDENT = 300  # [MiB]


def fill(folder: Path, readings: int) -> None:
    """A store of kits that measure each minute."""
    SqliteStore(folder).close()
    db = sqlite3.connect(folder / FILE, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    each = readings // (KITS * len(QUANTITIES))
    for number in range(KITS * len(QUANTITIES)):
        kit, quantity = f"kit-{number // len(QUANTITIES):05d}", QUANTITIES[number % len(QUANTITIES)]
        db.execute("BEGIN")
        db.execute("INSERT INTO series VALUES (?, ?, ?)", (number + 1, kit, quantity))
        values = ((n * 7919 + number * 104_729) % 1000 / 10 for n in range(each))
        db.executemany(UPSERT, ((number + 1, START + 60 * (n + 1), 60, value, 1, 0) for n, value in enumerate(values)))
        db.execute("COMMIT")
    db.close()


def run(folder: Path, to: Path, format: str) -> None:
    """One export; prints how long it took and the most memory that it had."""
    store = SqliteStore(folder)
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        began = time.perf_counter()
        made = export(store, registry, to, Request(every="minute", formats=(format,)))
        seconds = time.perf_counter() - began
    status = Path("/proc/self/status").read_text()  # getrusage would count the process that started this one
    print(seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024, made["rows"])


def _ours(folder: Path, to: Path, format: str) -> tuple[float, float, int]:
    command = [sys.executable, "-m", "tests.bench.export", "run", str(folder), str(to), format]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, resident, rows = done.stdout.split()
    return float(seconds), float(resident), int(rows)


def _theirs(source: str, to: Path, format: str) -> float:
    options = "(HEADER)" if format == "csv" else "(COMPRESSION zstd)"
    with duckdb.connect() as db:
        db.execute("SET timezone = 'UTC'")
        began = time.perf_counter()
        db.execute(f"COPY (SELECT * FROM '{source}') TO '{to}' {options}")
        return time.perf_counter() - began


def measure(readings: int = READINGS) -> list[Bar]:
    """The ratios, medians of rounds in which both take turns, and the most memory of all of ours."""
    bars, most = [], 0.0
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        fill(home / "store", readings)
        run_once = _ours(home / "store", home / "source", "parquet")
        assert run_once[2] == readings // (KITS * len(QUANTITIES)) * KITS * len(QUANTITIES), run_once
        source = f"{home}/source/data/*.parquet"
        for format, (must, aim) in BARS.items():
            ratios = []
            for n in range(ROUNDS):
                theirs = _theirs(source, home / f"theirs.{format}", format)
                seconds, resident, _ = _ours(home / "store", home / f"{format}-{n}", format)
                ratios.append((theirs / seconds, seconds))
                most = max(most, resident)
            ratio, seconds = (statistics.median(column) for column in zip(*ratios, strict=True))
            note = f"{readings:,} readings in {seconds:.1f} s, durable and hashed"
            name = f"export: {readings / 1e6:g} million readings, {format}"
            bars.append(Bar(name, ratio, must, aim, "higher", "DuckDB's COPY out of Parquet", note))
    bars.append(Bar("export: resident memory [MiB]", most, RESIDENT, RESIDENT, "lower", "a fixed limit"))
    return bars


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
    else:
        for bar in measure(int(sys.argv[1]) if sys.argv[1:] else READINGS):
            print(f"{bar.name:45} {bar.reached:7.2f}  must {bar.must:g} aim {bar.aim:g}  {bar.rival}; {bar.note}")
