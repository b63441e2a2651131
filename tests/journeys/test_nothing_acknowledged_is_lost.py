# SPDX-License-Identifier: EUPL-1.2
"""kill -9, again and again, of every part, while kits publish: what was acknowledged is there, once.

CITIMEASURE_SOAK=1 (`make soak`) does more of it.
"""

import json
import os
import random
import threading
import time

import numpy as np
import pytest

from collector.registry import Registry
from collector.settings import Settings
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.outbox import Pace
from collector.simulate.replay import Replay
from collector.store.sqlite import SqliteStore
from tests.journeys.collecting import Collector, wait_until

SOAK = os.environ.get("CITIMEASURE_SOAK") == "1"
KILLS = 200 if SOAK else 20
KITS = 20
READINGS = 60_000 if SOAK else 6_000  # of each kit
START = 1767225600


class Ledger(Fleet):
    """A fleet that remembers, reading by reading, what it was told."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.told: dict[str, set[int]] = {}

    def _on_ack(self, topic, payload):
        ack = json.loads(payload)
        told = self.told.setdefault(topic.split("/")[2], set())
        for low, high in ack.get("seq", ()):
            told.update(range(low, high + 1))
        super()._on_ack(topic, payload)


def kits(n=KITS, readings=READINGS):
    t = START + 60 * np.arange(1, readings + 1)
    return [Replay(f"kit-{k:04d}", t, {"pm25": np.arange(readings) % 97 + k, "laeq": 50.0 + t % 7}) for k in range(n)]


def register(folder, sources):
    folder.mkdir(exist_ok=True)
    with Registry(Settings(folder=folder).registry_url) as registry:
        for one in sources:
            registry.add_device("kit-1", one.device)


def check(folder, fleet, sources):
    """Each kit's every reading is stored once, with its own value; what it was told is true."""
    store = SqliteStore(folder)
    try:
        for k, one in enumerate(sources):
            found = store.read(one.device, "pm25", 0, 2**40)
            seqs = (found.t - START) // 60
            missing = fleet.told[one.device] - set(seqs.tolist())
            assert not missing, f"{len(missing)} acknowledged readings of {one.device} are missing"
            assert len(seqs) == len(set(seqs.tolist())), "a duplicate is visible"
            assert np.array_equal(found.value, (seqs - 1) % 97 + k)
            assert len(seqs) == READINGS
    finally:
        store.close()


@pytest.mark.timeout(3600 if SOAK else 300)
def test_twenty_kills_of_the_collector(tmp_path, mosquitto):
    sources = kits()
    folder = tmp_path / "data"
    register(folder, sources)
    # Slow enough that kills fall into the sending, on any machine.
    fleet = Ledger(sources, Sending(mosquitto.url, pace=Pace(window=4, batch=10, resend_after=1.0)))
    done = threading.Event()
    sender = threading.Thread(target=lambda: (fleet.run(timeout=3000 if SOAK else 250), done.set()), daemon=True)
    rng = random.Random(1)
    kills_while_sending = 0
    with Collector(folder, "--broker", mosquitto.url) as collector:
        sender.start()
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.0, 0.4))
            kills_while_sending += not done.is_set()
            collector.kill()
            collector.start()
        sender.join()
        assert fleet.total.left == 0 and not fleet.total.rejected
        collector.wait_until_stored()
        assert collector.stop() == 0
    assert kills_while_sending >= 20, f"only {kills_while_sending} kills came while kits were sending"
    check(folder, fleet, sources)


@pytest.mark.timeout(3600 if SOAK else 300)
def test_an_outage_of_the_broker_loses_nothing(tmp_path, mosquitto):
    sources = kits()
    folder = tmp_path / "data"
    register(folder, sources)
    fleet = Ledger(sources, Sending(mosquitto.url, pace=Pace(window=4, batch=10, resend_after=1.0)))
    done = threading.Event()
    sender = threading.Thread(target=lambda: (fleet.run(timeout=250), done.set()), daemon=True)
    outages = 0
    with Collector(folder, "--broker", mosquitto.url) as collector:
        sender.start()
        for _ in range(5 if SOAK else 2):
            wait_until(lambda: fleet.total.acknowledged > 0, what="a first acknowledgement")
            outages += not done.is_set()
            mosquitto.kill()
            time.sleep(1.0)
            mosquitto.start()
            time.sleep(1.0)
        sender.join()
        assert outages and fleet.total.left == 0 and not fleet.total.rejected
        collector.wait_until_stored()
        assert collector.stop() == 0
    check(folder, fleet, sources)


@pytest.mark.timeout(300)
def test_an_outage_of_the_store_is_not_noticed_by_kits(tmp_path, mosquitto, influx_server):
    (tmp_path / "token").write_text(influx_server.token)
    sources = kits(3, 500)
    folder = tmp_path / "data"
    register(folder, sources)
    env = {
        "CITIMEASURE_STORES": "influx",
        "CITIMEASURE_INFLUX_URL": influx_server.url,
        "CITIMEASURE_INFLUX_BUCKET": influx_server.new_bucket("outage"),
        "CITIMEASURE_INFLUX_TOKEN_FILE": str(tmp_path / "token"),
    }
    influx_server.kill()
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        fleet = Fleet(sources, Sending(mosquitto.url))
        assert fleet.run(timeout=60) and fleet.total.acknowledged == 1500
        wait_until(lambda: b"Nothing is lost" in collector.log.read_bytes(), what="a word about the store")
        influx_server.start()
        collector.wait_until_stored()
        assert collector.stop() == 0
    from collector.store.influx import InfluxStore

    store = InfluxStore(influx_server.url, influx_server.org, "outage", influx_server.token)
    assert [one.n for one in store.series() if one.quantity == "pm25"] == [500, 500, 500]
    store.close()
