# SPDX-License-Identifier: EUPL-1.2
"""Hourly series out of the embedded store, beside DuckDB on the same rows as Parquet.

A year of one sensor by minute, and a month of 500 sensors that measured every ten minutes for two. Both sides give
value, coverage, worst flag and tests of every hour as arrays. Then calibrated answers beside raw ones, and what a value
takes on disk. `python -m tests.bench.series` shows the seconds, too.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import calibration
from collector.answers import Answer, ask
from collector.columns import Question
from collector.moments import DAY
from collector.registry import Registry
from collector.rolling import roll_up
from collector.series import hour_grid, read_hours
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.bench.store import message
from tests.bench.table import Bar

START = 1_767_225_600
ROUNDS = 7
_HOURLY = """
SELECT source, (t + 3599) // 3600 * 3600 AS hour, sum(value * dt) / sum(dt) AS value,
    least(sum(dt) / 3600.0, 1) AS coverage, max(flag) AS flag, bit_or(tests) AS tests
FROM '{file}' WHERE quantity = 'pm25' AND flag < 4 AND t > {after} AND t <= {until} GROUP BY source, hour ORDER BY ALL
"""


def fill(folder: Path, sensors: int, step: int, days: int) -> tuple[SqliteStore, Path]:
    """A store with its hours packed, as a collector leaves it, and the same rows as one Parquet file."""
    n = days * DAY // step
    t = START + step * np.arange(1, n + 1)
    rng = np.random.default_rng(sensors)
    store, tables = SqliteStore(folder), []
    for i in range(sensors):
        source, value = f"kit-{i:06}", rng.gamma(2, 8, n).round(2)
        store.write([Row(source, "pm25", int(a), step, float(v), 1, 0) for a, v in zip(t, value, strict=True)])
        columns = {"dt": np.full(n, step, np.int32), "flag": np.ones(n, np.uint8), "tests": np.zeros(n, np.int32)}
        tables.append(pa.table({"source": [source] * n, "quantity": ["pm25"] * n, "t": t, "value": value, **columns}))
    while roll_up(store, START + days * DAY):
        pass
    pq.write_table(pa.concat_tables(tables), folder / "values.parquet", compression="zstd")
    return store, folder / "values.parquet"


def _pair(ours: Callable[[], object], rival: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, in turn, after one warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(ROUNDS + 1):
        for which, run in enumerate((ours, rival)):
            began = time.perf_counter()
            run()
            if turn:
                times[which].append(time.perf_counter() - began)
    return statistics.median(times[0]), statistics.median(times[1])


def _case(name: str, sensors: int, step: int, days: int, first: int, last: int) -> Bar:
    after, until = START + first * DAY, START + last * DAY
    with tempfile.TemporaryDirectory() as temporary, duckdb.connect() as db:
        store, file = fill(Path(temporary), sensors, step, days)
        query = _HOURLY.format(file=file, after=after, until=until)
        grid = hour_grid(after, until)

        def ours() -> list[float]:
            hours = [read_hours(store, f"kit-{i:06}", "pm25", grid) for i in range(sensors)]
            return [float(np.nansum(one.value)) for one in hours]

        def rival() -> object:
            return db.execute(query).fetchnumpy()

        theirs = db.execute(f"SELECT sum(value) FROM ({query})").fetchone()
        assert theirs is not None and abs(sum(ours()) / theirs[0] - 1) < 1e-9
        mine, other = _pair(ours, rival)
        store.close()
    note = f"{mine * 1000:.0f} ms beside {other * 1000:.0f} ms, {sensors * len(grid):,} hours"
    return Bar(f"series: {name}", mine / other, 2, 1, "lower", "DuckDB on the rows as Parquet", note)


def _answers() -> Bar:
    """Calibrated beside raw, as `query` and exports get them: rows of a year of hours."""
    with tempfile.TemporaryDirectory() as temporary, Registry(f"sqlite:///{temporary}/registry.db") as registry:
        store, device = SqliteStore(Path(temporary)), "kit-000000"
        rng, n = np.random.default_rng(1), 365 * DAY // 60
        measured = {
            "pm25": rng.gamma(2, 8, n).round(2),
            "humidity": rng.uniform(30, 95, n).round(1),
            "temperature": rng.uniform(-5, 30, n).round(1),
        }
        for quantity, value in measured.items():
            store.write([Row(device, quantity, START + 60 * (i + 1), 60, float(v), 1, 0) for i, v in enumerate(value)])
        while roll_up(store, START + 365 * DAY):
            pass
        registry.add_device("kit", id=device)
        grid = hour_grid(START, START + 60 * DAY)
        hours = {name: read_hours(store, device, name, grid).value for name in measured}
        sensor = {"raw": hours.pop("pm25"), **hours}
        reference = sensor["raw"] / (1.2 + 0.01 * sensor["humidity"]) + 0.05 * sensor["temperature"]
        record = calibration.fit(grid, sensor, reference, quantity="pm25", unit="ug/m3", model="guarded_blend")
        registry.put_calibration(record.id, record.to_json())
        registry.assign(device, "pm25", record.id, start=START)

        def asked(kind: str) -> Callable[[], Answer]:
            return lambda: ask(store, registry, Question(device, "pm25", START, START + 365 * DAY, kind=kind))

        mine, other = _pair(asked("calibrated"), asked("raw"))
        store.close()
    note = (
        f"{mine * 1000:.0f} ms beside {other * 1000:.0f} ms: pm25 with humidity and temperature, by minute for a year"
    )
    return Bar("series: calibrated answer, hourly year", mine / other, 1.3, 1.2, "lower", "the raw answer", note)


def _bytes() -> Bar:
    """What a stored value takes on disk, hours and indices and all, after a month of a kit's six quantities."""
    with tempfile.TemporaryDirectory() as temporary:
        store = SqliteStore(Path(temporary))
        for minute in range(0, 30 * 1440, 50):
            store.write(message(1, minute, 50))
        while roll_up(store, START + 30 * DAY):
            pass
        n = sum(one.n for one in store.series())
        store.close()
        size = sum(file.stat().st_size for file in Path(temporary).iterdir())
    return Bar("store: bytes for each value", size / n, 30, 10, "lower", "a fixed limit", f"{n:,} values by minute")


def measure() -> list[Bar]:
    """Ratios of wall times."""
    return [
        _answers(),
        _bytes(),
        _case("hourly year of one sensor by minute", 1, 60, 365, 0, 365),
        _case("hourly month of 500 sensors by 10 minutes", 500, 600, 61, 0, 31),
    ]


def main() -> None:
    for bar in measure():
        print(f"{bar.name:50} {bar.reached:5.2f} of {bar.rival}; {bar.note}")


if __name__ == "__main__":
    main()
