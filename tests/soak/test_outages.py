# SPDX-License-Identifier: EUPL-1.2
"""Things that are away for a while: InfluxDB, the broker with its sessions, the spool's disk. Nothing is missing after.

`make soak` has the whole outages, CI short ones of the same kind.
"""

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from tests.bench.load import VALUES, Load, device, run
from tests.bench.process import register
from tests.journeys.collecting import Collector, wait_until
from tests.soak.chain import (
    PATIENCE,
    SOAK,
    Memory,
    asking,
    bounded,
    influx_asked,
    influx_settings,
    resident,
    standing,
    waiting,
)

pytestmark = pytest.mark.timeout(3000 if SOAK else 600)

RATE = 1_000  # messages in a second, of as many kits


class Sending(threading.Thread):
    """A load at a broker; `join` it, then `latencies` holds one for each acknowledged reading [ms]."""

    def __init__(self, broker, load):
        super().__init__(daemon=True)
        self._broker, self._load = broker, load
        self.latencies = []
        self.start()

    def run(self):
        self.latencies = run(self._broker, self._load, acknowledged=True)


def whole_series(load):
    """What a store must show of each kit and quantity: how many, the first time, the last, the least, the greatest."""
    each = load.messages // load.kits * load.readings
    return {
        (device(k), name): (each, load.start, load.start + 60 * (each - 1), value, value)
        for k in range(load.kits)
        for name, value in VALUES.items()
    }


def shown_by_sqlite(folder):
    query = (
        "SELECT source, quantity, count(*), min(t), max(t), min(value), max(value), sum(t % 60)"
        " FROM value JOIN series ON series.no = value.series GROUP BY series"
    )
    with closing(sqlite3.connect(f"file:{folder}/values.sqlite?mode=ro", uri=True)) as db:
        rows = db.execute(query).fetchall()
    assert all(row[7] == 0 for row in rows)
    return {row[:2]: row[2:7] for row in rows}


def shown_by_influx(server, bucket):
    shown = {}
    for name in VALUES:
        for column, function in enumerate(("count", "first", "last", "min", "max")):
            for one in influx_asked(server, bucket, f"SELECT {function}({name}) FROM reading GROUP BY source"):
                t, value = one["values"][0]
                row = shown.setdefault((one["tags"]["source"], name), [None] * 5)
                row[column] = t if function in ("first", "last") else value
    return {key: tuple(row) for key, row in shown.items()}


def test_an_outage_of_influxdb_is_not_noticed_by_kits_and_fills_no_memory(tmp_path, mosquitto, influx_server):
    away = bounded(600, 20, 8)
    load = Load((away + 10) * RATE, RATE, rate=RATE, start=int(time.time()) // 60 * 60 - 30 * 86400)
    folder = tmp_path / "data"
    register(folder, load.kits)
    env = influx_settings(influx_server, tmp_path)
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        sending = Sending(mosquitto, load)
        wait_until(lambda: (folder / "values.sqlite").exists(), what="storing")
        time.sleep(3)
        before = resident(collector.process.pid)
        with Memory(collector.process.pid) as memory:
            influx_server.kill()
            time.sleep(away)
            queued = waiting(folder, "influx")
            assert "Nothing is lost" in collector.log.read_text()
            influx_server.start()
            began = time.monotonic()
            sending.join()
            wait_until(
                lambda: not any(waiting(folder, sink) for sink in ("sqlite", "influx")), 20 * PATIENCE, "storing"
            )
        took = time.monotonic() - began
        assert collector.stop() == 0
    assert len(sending.latencies) == load.total, "a reading was not acknowledged"
    median, p99 = (sending.latencies[int(share * load.total)] for share in (0.5, 0.99))
    print(f"\nInfluxDB away for {away} s: {queued} messages waited; everything was in it {took:.0f} s after its return")
    print(f"{load.total} readings acknowledged, median {median:.0f} ms, p99 {p99:.0f} ms")
    print(f"memory: {before:.0f} MiB before, at most {max(memory.seen):.0f} MiB")
    assert shown_by_sqlite(folder) == whole_series(load)
    assert shown_by_influx(influx_server, env["CITIMEASURE_INFLUX_BUCKET"]) == whole_series(load)
    assert queued > away * RATE / 4
    assert max(memory.seen) < before + 48, "the outage was kept in memory"


def test_an_outage_of_the_broker_that_forgets_its_sessions_loses_nothing(tmp_path, mosquitto):
    with standing(tmp_path, broker=mosquitto) as chain:
        for away in (1, bounded(60, 5)):
            mosquitto.kill()
            time.sleep(away)
            mosquitto.start()
            began = time.monotonic()
            chain.wait_for_acknowledgements()
            print(f"\nbroker away for {away} s: acknowledgements {time.monotonic() - began:.1f} s after its return")
        chain.finish()


def test_a_spool_that_takes_no_commits_makes_the_broker_hold_what_comes(tmp_path, mosquitto):
    load = Load(bounded(200_000, 20_000), 100, rate=bounded(8_000, 2_000), start=1767225600)
    stuck = bounded(25, 8)  # under the 30 s after which SQLite gives a lock up
    folder = tmp_path / "data"
    register(folder, load.kits)
    env = {f"CITIMEASURE_LIMIT_{name}": "0" for name in ("MESSAGES", "BYTES", "READINGS")}
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        sending = Sending(mosquitto, load)
        wait_until(lambda: spooled(folder), what="a first message")
        before, broker_before = resident(collector.process.pid), resident(mosquitto.process.pid)
        with Memory(collector.process.pid) as memory, Memory(mosquitto.process.pid) as held:
            with closing(sqlite3.connect(folder / "spool.sqlite", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                at = spooled(folder)
                time.sleep(stuck)
                assert spooled(folder) == at
                other.execute("ROLLBACK")
            sending.join()
        assert len(sending.latencies) == load.total, "a reading was not acknowledged"
        collector.wait_until_stored()
        assert collector.stop() == 0
    print(f"\nspool stuck for {stuck} s: the slowest acknowledgement took {sending.latencies[-1] / 1000:.1f} s")
    print(f"collector: {before:.0f} MiB before, at most {max(memory.seen):.0f} MiB;"
          f" broker: {broker_before:.0f} MiB before, at most {max(held.seen):.0f} MiB")  # fmt: skip
    assert sending.latencies[-1] > 900 * stuck
    assert max(memory.seen) < before + 48
    assert shown_by_sqlite(folder) == whole_series(load)


def spooled(folder):
    """How many messages the spool ever held."""
    with asking(folder) as db:
        return db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'").fetchone()[0]
