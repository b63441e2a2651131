# SPDX-License-Identifier: EUPL-1.2
"""Several collectors in one shared subscription, behind one mosquitto and behind a cluster of three RMQTT nodes.

Collectors and nodes are killed at random under load, with -9. Kits go to nodes that live. At the end every reading that
was acknowledged is in the one InfluxDB, once, with its own value. The seed is printed; CITIMEASURE_SEED repeats it.
"""

import json
import os
import random
import secrets
import time
from contextlib import ExitStack, contextmanager

import pytest

from collector.registry import Registry
from tests import parts
from tests.fakes.balancer import Balancer
from tests.journeys.collecting import Collector, wait_until
from tests.parts.cluster import NODES, Cluster
from tests.soak.chain import SOAK, asking, audit, bounded, in_influx, influx_settings, waiting
from tests.soak.kits import Kits, device

pytestmark = pytest.mark.xdist_group("cluster")
COLLECTORS = 3
KITS, RATE = 30, 10.0  # readings of each kit in a second
PATIENCE = 300  # for what should take seconds [s]


@contextmanager
def seeded():
    """A source of chance whose seed is printed."""
    seed = int(os.environ.get("CITIMEASURE_SEED") or secrets.randbelow(10**9))
    print(f"\nCITIMEASURE_SEED={seed} repeats the choices of this run")
    yield random.Random(seed)


def registered(url, passwords=False):
    """Registers the kits; the passwords of each, if they are to have some."""
    with Registry(url) as registry:
        for k in range(KITS):
            registry.add_device("kit-1", device(k), simulated=True)
        return {device(k): registry.identity.set_password(device(k)) for k in range(KITS)} if passwords else {}


def in_the_spools(collectors):
    """How many messages each collector has taken."""
    taken = []
    for one in collectors:
        with asking(one.folder) as db:
            taken.append(
                db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name='message'").fetchone()
            )
    return [n for (n,) in taken]


def check(influx, bucket, kits, collectors):
    """Lets kits and collectors come to an end; InfluxDB has what was acknowledged, and once."""
    made = kits.finish(PATIENCE)
    told = kits.acknowledged()
    assert made["rejected"] == made["left"] == 0
    assert made["made"] == made["acknowledged"] == sum(map(len, told.values()))
    wait_until(lambda: not any(waiting(one.folder, "influx") for one in collectors), PATIENCE, "storing")
    taken = in_the_spools(collectors)
    for one in collectors:
        assert one.stop() == 0
        assert "Traceback" not in one.log.read_text()
        with asking(one.folder) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = audit(in_influx(influx, bucket), told)
    print(f"{made['made']} readings, sent {made['sent']} times; messages per collector {taken}; {found}")
    assert found == {"stored": made["made"], "missing": 0, "duplicates": 0, "wrong": 0, "unknown": 0}
    assert all(taken), "a collector had nothing to do"


def acknowledged_again(kits, what):
    before = kits.noted
    wait_until(lambda: kits.noted > before, PATIENCE, f"an acknowledgement {what}")


def kill_collector(collectors, kits, rng):
    one = rng.choice(collectors)
    one.kill()
    acknowledged_again(kits, "while a collector is away")  # the others go on
    time.sleep(rng.uniform(0.0, 0.5))
    one.start()


@pytest.mark.timeout(3000 if SOAK else 600)
def test_three_collectors_share_one_broker_and_kills_of_them_lose_nothing(tmp_path):
    with ExitStack() as stack:
        rng = stack.enter_context(seeded())
        url, influx = stack.enter_context(parts.postgres()), stack.enter_context(parts.influxd())
        broker = stack.enter_context(parts.mosquitto())
        registered(url)
        env = influx_settings(influx, tmp_path, stores="influx") | {"CITIMEASURE_REGISTRY": url}
        more = ("--broker", broker.url, "--group", "collectors")
        collectors = [stack.enter_context(Collector(tmp_path / f"c{n}", *more, **env)) for n in range(COLLECTORS)]
        kits = stack.enter_context(Kits(broker.url, tmp_path / "book", KITS, RATE, "--repeat=0.1", "--shuffle"))
        for _ in range(bounded(60, 8, 4)):
            acknowledged_again(kits, "before the kill")
            time.sleep(rng.uniform(0.3, 1.0))
            kill_collector(collectors, kits, rng)
        check(influx, env["CITIMEASURE_INFLUX_BUCKET"], kits, collectors)


@pytest.mark.timeout(3000 if SOAK else 600)
def test_kills_of_nodes_and_collectors_of_a_cluster_lose_nothing(tmp_path):
    with ExitStack() as stack:
        rng = stack.enter_context(seeded())
        url, influx = stack.enter_context(parts.postgres()), stack.enter_context(parts.influxd())
        env = influx_settings(influx, tmp_path, stores="influx") | {"CITIMEASURE_REGISTRY": url}
        (tmp_path / "passwords").write_text(json.dumps(registered(url, passwords=True)))
        cluster = stack.enter_context(Cluster(tmp_path, tmp_path / "none", CITIMEASURE_REGISTRY=url))
        balancer = stack.enter_context(Balancer(cluster.kits_ports))
        collectors = [
            stack.enter_context(Collector(tmp_path / f"c{n}", **env | cluster.collector(n))) for n in range(NODES)
        ]
        login = ("--passwords", str(tmp_path / "passwords"), "--root", str(cluster.certs / "root.crt"))
        kits = stack.enter_context(
            Kits(
                f"mqtts://127.0.0.1:{balancer.port}", tmp_path / "book", KITS, RATE, "--repeat=0.1", "--shuffle", *login
            )
        )
        plan = ["node", "collector"] * bounded(20, 2, 1)
        rng.shuffle(plan)
        began = time.monotonic()
        for part in plan:
            acknowledged_again(kits, "before the kill")
            time.sleep(rng.uniform(0.3, 1.0))
            if part == "collector":
                kill_collector(collectors, kits, rng)
            else:
                node = rng.choice(cluster.nodes)
                node.kill()
                acknowledged_again(kits, "while a node is away")
                time.sleep(rng.uniform(0.0, 2.0))
                node.start()
        print(f"{len(plan)} kills of nodes and collectors in {time.monotonic() - began:.0f} s")
        check(influx, env["CITIMEASURE_INFLUX_BUCKET"], kits, collectors)
