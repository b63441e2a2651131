# SPDX-License-Identifier: EUPL-1.2
"""24 hours of 2,000 kits through the whole chain: memory and cost per reading stay what they were at the beginning.

The day lies in the past, and its readings come one by one in the order of their times, as fast as they are taken: what
a city's kits send after an outage. So the collector's clock is the real one, and its rules about time hold. CI sends 20
minutes in windows of four.
"""

import statistics
import time

import pytest

from tests.bench.load import Load, run
from tests.bench.process import cpu_seconds, register
from tests.journeys.collecting import Collector, wait_until
from tests.soak.chain import PATIENCE, SOAK, asking, bounded, influx_settings, resident, waiting
from tests.soak.test_outages import shown_by_influx, shown_by_sqlite, whole_series

KITS = 2_000
WINDOW, WINDOWS = bounded(60, 4), bounded(24, 5)  # [min], and how many of them
WARM = bounded(4, 1)  # windows in which series are new and caches fill
GROWTH = 16  # of memory, from the first windows that are warm to the last [MiB]
DEARER = bounded(120, 150) / 100  # the last windows' CPU time per reading, to that of the first that are warm


@pytest.mark.timeout(3600 if SOAK else 600)
def test_a_day_of_2000_kits_needs_no_more_memory_or_time_at_its_end(tmp_path, mosquitto, influx_server):
    start = int(time.time()) // 60 * 60 - 86_400
    folder = tmp_path / "data"
    register(folder, KITS)
    env = influx_settings(influx_server, tmp_path)
    memory, cost = [], []
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        process, before = collector.process.pid, cpu_seconds(collector.process.pid)
        for n in range(WINDOWS):
            load = Load(WINDOW * KITS, KITS, first=n * WINDOW * KITS, start=start)
            began = time.monotonic()
            assert len(run(mosquitto, load, acknowledged=True)) == load.total, "a reading was not acknowledged"
            wait_until(lambda: not any(waiting(folder, one) for one in ("sqlite", "influx")), 5 * PATIENCE, "storing")
            now = cpu_seconds(process)
            memory.append(resident(process))
            cost.append((now - before) / load.total * 1e6)
            before = now
            print(f"\nafter {(n + 1) * WINDOW} min: {memory[-1]:.0f} MiB, {cost[-1]:.0f} µs of CPU per reading,"
                  f" {time.monotonic() - began:.0f} s", end="")  # fmt: skip
        assert collector.stop() == 0
    some = max(1, (WINDOWS - WARM) // 3)
    early, late = cost[WARM : WARM + some], cost[-some:]
    dearer = statistics.median(late) / statistics.median(early)
    growth = max(memory[-some:]) - max(memory[WARM : WARM + some])
    print(
        f"\nthe last {some} windows to the first {some} that were warm: cost x {dearer:.2f}, memory {growth:+.1f} MiB"
    )
    whole = Load(WINDOWS * WINDOW * KITS, KITS, start=start)
    assert shown_by_sqlite(folder) == whole_series(whole)
    assert shown_by_influx(influx_server, env["CITIMEASURE_INFLUX_BUCKET"]) == whole_series(whole)
    with asking(folder) as db:
        assert db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
    assert growth < GROWTH
    assert dearer < DEARER
