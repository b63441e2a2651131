# SPDX-License-Identifier: EUPL-1.2
"""kill -9 of collector, broker and store, at random moments under load: what was acknowledged is in each store, once.

The seed is printed; CITIMEASURE_SEED repeats a run's choices. `make soak` does 200 kills, CI 30.
"""

import os
import random
import secrets
import statistics
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import parts
from tests.journeys.collecting import wait_until
from tests.soak.chain import PATIENCE, SOAK, asking, bounded, standing

KILLS = bounded(200, 30, 8)


@contextmanager
def brokers(folder: Path):
    """A mosquitto on one port, whose next life may have persistence or not."""
    port = parts.free_port()
    common = ["max_inflight_messages 0", "max_queued_messages 0", "allow_anonymous true", f"listener {port} 127.0.0.1"]
    if os.geteuid() == 0:
        common.append("user root")
    paths = {}
    for keeps in (False, True):
        paths[keeps] = folder / f"mosquitto-{keeps}.conf"
        more = ["persistence true", f"persistence_location {folder}/", "autosave_interval 1"]
        paths[keeps].write_text("\n".join(common + (more if keeps else ["persistence false"])) + "\n")
    with parts.mosquitto_with(paths[False], port) as server:
        server.configurations = [[*server.command[:-1], str(paths[keeps])] for keeps in (False, True)]
        yield server


class Run:
    """Kills and brings back, and notes how long it took until everything went on."""

    def __init__(self, chain, influx, rng):
        self.chain, self.collector, self.broker, self.kits = chain, chain.collector, chain.broker, chain.kits
        self.influx, self.rng = influx, rng
        self.recovered: dict[str, list[float]] = {"collector": [], "broker": [], "store": []}
        self.while_starting = 0

    def kill(self, part):
        self.chain.wait_for_acknowledgements()
        time.sleep(self.rng.uniform(0.0, 0.3))
        {"collector": self.collector, "broker": self.broker, "store": self.influx}[part].kill()
        began = time.monotonic()
        time.sleep(self.rng.uniform(0.1, 0.3))  # what was on its way comes in
        last = self._last_message()
        before = self.kits.noted
        getattr(self, f"_start_{part}")()
        if part == "store":
            wait_until(lambda: self._stored(last), PATIENCE, "storing after the kill of the store")
        else:
            wait_until(lambda: self.kits.noted > before, PATIENCE, f"an acknowledgement after the kill of the {part}")
        self.recovered[part].append(time.monotonic() - began)

    def _start_collector(self):
        self.collector.launch()
        if self.rng.random() < 0.3:  # killed once more, while it starts
            time.sleep(self.rng.uniform(0.0, 0.6))
            self.collector.kill()
            self.while_starting += 1
            self.collector.launch()

    def _start_broker(self):
        self.broker.command = self.rng.choice(self.broker.configurations)
        self.broker.start()

    def _start_store(self):
        self.influx.start()

    def _last_message(self):
        with asking(self.collector.folder) as db:
            return db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'message'").fetchone()[0]

    def _stored(self, message):
        with asking(self.collector.folder) as db:
            return db.execute("SELECT position FROM cursor WHERE sink = 'influx'").fetchone()[0] > message


@pytest.mark.timeout(3000 if SOAK else 600)
def test_kills_of_every_part_lose_nothing_and_store_nothing_twice(tmp_path):
    seed = int(os.environ.get("CITIMEASURE_SEED") or secrets.randbelow(10**9))
    print(f"\nCITIMEASURE_SEED={seed} repeats the choices of this run")
    rng = random.Random(seed)
    plan = [("collector", "broker", "collector", "store")[n % 4] for n in range(KILLS)]
    rng.shuffle(plan)
    with parts.influxd() as influx, brokers(tmp_path) as broker:
        most = f"--most={bounded(100_000, 20_000)}"
        with standing(tmp_path, "--repeat=0.1", "--shuffle", most, broker=broker, influx=influx) as chain:
            run = Run(chain, influx, rng)
            began = time.monotonic()
            for part in plan:
                run.kill(part)
            took = time.monotonic() - began
            made = chain.finish()
        print(f"{dict(Counter(plan))} kills in {took:.0f} s, and {run.while_starting} of a collector that was starting")
        for part, times in run.recovered.items():
            print(f"until all went on after a kill of the {part}: median {statistics.median(times):.1f} s,"
                  f" longest {max(times):.1f} s")  # fmt: skip
        print(f"{made['made']} readings, sent {made['sent']} times")
