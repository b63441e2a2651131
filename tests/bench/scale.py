# SPDX-License-Identifier: EUPL-1.2
"""What one core carries, and what many kits need: the figures of docs/explanation/scale.md.

`python -m tests.bench.scale` measures processor time of each process of the chain by the kernel's books, with
mosquitto and with three nodes of RMQTT; what a login and a connection cost; what a reading takes on the disk and on the
wire. From that it works out fleets. Nothing is measured with more than a thousand kits: the rest is multiplication.
"""

from __future__ import annotations

import json
import socket
import ssl
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector.ingest import stream
from collector.message import Message, Reading, ack_topic, encode, readings_topic
from collector.registry import Registry
from collector.settings import Settings
from collector.store.base import Row
from collector.store.influx import InfluxStore
from tests import parts
from tests.bench.load import VALUES, Address, Load, device, run
from tests.bench.process import cpu_seconds, register
from tests.bench.telegraf import wait_for_rows
from tests.journeys.collecting import Collector
from tests.parts.cluster import Cluster
from tests.soak.chain import resident

LOADS = (Load(20_000), Load(5_000, readings=10))
LOGINS = 300
DISK_KITS, DISK_DAYS = 20, 7
FLEETS = (100_000, 10_000_000)
INTERVAL = 60  # a kit's reading comes every minute [s]
FRAMES = 2 * (40 + 29)  # TCP, IP and TLS around a message and its PUBACK, each way a packet of its own [bytes]
USE = 0.5  # of a core in ordinary times; the rest is for queues that form after an outage


@dataclass(frozen=True)
class Cost:
    """Processor time of a million readings, by process [CPU-s]."""

    chain: str
    readings: int  # in a message
    collector: float
    broker: float  # all nodes together
    influx: float


def _open_cluster(folder: Path) -> Cluster:
    """A cluster whose local listeners let anybody in, for one sender plays all kits."""
    cluster = Cluster(folder, folder / "data")
    cluster.prepare()
    for path in cluster.setup.glob("node-*/rmqtt.toml"):
        text = path.read_text().replace('"rmqtt-auth-http", ', "")
        head, local, rest = text.partition("[listener.tcp.collectors]")
        path.write_text(head + local + rest.replace("allow_anonymous = false", "allow_anonymous = true"))
        rights = path.parent / "plugins/rmqtt-acl.toml"
        rights.write_text(rights.read_text().replace('"deny", "all"', '"allow", "all"'))
    return cluster


def _broker(stack: ExitStack, name: str, folder: Path) -> tuple[Address, dict[str, str], list[parts.Server]]:
    """A broker: where kits come to, the collector's settings, and the servers."""
    if name == "mosquitto":
        server = stack.enter_context(parts.mosquitto())
        return Address(server.host, server.port), {"CITIMEASURE_BROKER": server.url}, [server]
    cluster = stack.enter_context(_open_cluster(folder))
    # The collector sits at another node than the kits, so that messages and answers cross the cluster.
    settings = {"CITIMEASURE_BROKER": f"mqtt://127.0.0.1:{cluster.collector_ports[1]}"}
    kits = Address("127.0.0.1", cluster.collector_ports[0])
    return kits, settings | {"CITIMEASURE_BROKER_GROUP": "collectors"}, [*cluster.nodes]


def _ids(servers: Iterable[parts.Server | Collector]) -> list[int]:
    return [one.process.pid for one in servers if one.process is not None]


def chain(name: str, load: Load) -> Cost:
    """One load through a broker, a collector and InfluxDB, until the last row is there."""
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        influx = stack.enter_context(parts.influxd())
        (temporary / "token").write_text(influx.token)
        register(temporary / "data", load.kits)
        kits, settings, brokers = _broker(stack, name, temporary)
        env = {
            "CITIMEASURE_STORES": "influx",
            "CITIMEASURE_INFLUX_URL": influx.url,
            "CITIMEASURE_INFLUX_TOKEN_FILE": str(temporary / "token"),
        }
        collector = stack.enter_context(Collector(temporary / "data", **env, **settings))
        watched = [_ids([collector]), _ids(brokers), _ids([influx])]
        before = [sum(map(cpu_seconds, ids)) for ids in watched]
        told = run(kits, load, acknowledged=True)
        assert len(told) == load.total
        wait_for_rows(influx, influx.bucket, load.total)
        collector.wait_until_stored()
        used = [sum(map(cpu_seconds, ids)) - start for ids, start in zip(watched, before, strict=True)]
        return Cost(name, load.readings, *(1e6 * one / load.total for one in used))


def logins(n: int = LOGINS) -> dict[str, float]:
    """Kits that log in by TLS at one node of a cluster: processor time of each, memory of a connection that stays."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "data").mkdir()
        with Registry(Settings(folder=folder / "data").registry_url) as registry:
            passwords = {}
            for k in range(n):
                registry.add_device("kit-1", device(k), simulated=True)
                passwords[device(k)] = registry.identity.set_password(device(k))
        cluster = stack.enter_context(Cluster(folder, folder / "data"))
        trust = ssl.create_default_context(cafile=str(cluster.certs / "root.crt"))
        ids = _ids(cluster.nodes)
        before, memory = [cpu_seconds(one) for one in (*ids, *_ids([cluster.logins]))], [resident(one) for one in ids]
        for name, password in passwords.items():
            plain = socket.create_connection(("127.0.0.1", cluster.kits_ports[0]), timeout=60)
            secure = stack.enter_context(trust.wrap_socket(plain, server_hostname="127.0.0.1"))
            secure.sendall(stream.connect(name, 600, name, password))
            assert secure.recv(4) == b"\x20\x02\x00\x00"
            secure.sendall(stream.subscribe(ack_topic(name), 1))
            assert secure.recv(5)[0] == stream.SUBACK
        time.sleep(2)  # until the other nodes know of the last one
        used = [cpu_seconds(one) - start for one, start in zip((*ids, *_ids([cluster.logins])), before, strict=True)]
        grown = [1024 * (resident(one) - start) for one, start in zip(ids, memory, strict=True)]
        return {
            "login: its node [CPU-ms]": 1000 * used[0] / n,
            "login: each other node [CPU-ms]": 1000 * (used[1] + used[2]) / 2 / n,
            "login: answers [CPU-ms]": 1000 * used[3] / n,
            "connection: its node [KiB]": grown[0] / n,
            "connection: each other node [KiB]": (grown[1] + grown[2]) / 2 / n,
        }


def _measured(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Values that wander and have one decimal, as sensors' do; constant ones would be stored in nothing."""
    return {name: np.round(value + np.cumsum(rng.normal(0, 0.3, n)), 1) for name, value in VALUES.items()}


def disk() -> dict[str, float]:
    """Bytes per reading of six quantities in InfluxDB, when it has compacted them."""
    n = DISK_DAYS * 1440
    start = int(time.time()) // 86400 * 86400 - (DISK_DAYS + 1) * 86400
    options = ("--storage-cache-snapshot-write-cold-duration=1s", "--storage-compact-full-write-cold-duration=1s")
    with parts.influxd(options=options) as influx:
        store = InfluxStore(influx.url, influx.org, influx.bucket, influx.token)
        rng = np.random.default_rng(1)
        for k in range(DISK_KITS):
            values = _measured(rng, n)
            for first in range(0, n, 1000):
                rows = range(first, min(first + 1000, n))
                store.write(
                    [
                        Row(device(k), name, start + 60 * i, 60, float(values[name][i]), 1, 0)
                        for i in rows
                        for name in VALUES
                    ]
                )
        store.close()
        engine = influx.log.parent / "engine/data"

        def size() -> int:
            # Of the rest, the largest is an index whose files are made 4 MB each, however little is in them.
            return sum(path.stat().st_size for path in engine.rglob("*.tsm"))

        last, same_since = -1, time.monotonic()
        while time.monotonic() < same_since + 15:
            time.sleep(1)
            if size() != last:
                last, same_since = size(), time.monotonic()
        return {"InfluxDB [bytes/reading]": last / (DISK_KITS * n)}


def wire(readings: int) -> float:
    """Bytes per reading on a kit's line, its message and what comes back: computed."""
    made = [Reading(seq=n, t=1_767_225_600 + 60 * n, dt=60, q=VALUES) for n in range(readings)]
    message = len(encode(Message(v=1, boot=1, readings=made, fw="0.1.0"))) + len(readings_topic(device(1))) + 7
    answer = len('{"boot":1,"seq":[[4711,4720]]}') + len(ack_topic(device(1))) + 4
    return (message + answer + 4 + 2 * FRAMES) / readings


def main() -> None:
    costs = [chain(name, load) for name in ("mosquitto", "RMQTT, 3 nodes") for load in LOADS]
    print(f"{'CPU-seconds of a million readings':36} {'collector':>10} {'broker':>8} {'InfluxDB':>9}")
    for one in costs:
        name = f"{one.chain}, {one.readings} to a message"
        print(f"{name:36} {one.collector:10.1f} {one.broker:8.1f} {one.influx:9.1f}")
    single = logins() | disk()
    for name, value in single.items():
        print(f"{name:36} {value:10.2f}")
    stored = single["InfluxDB [bytes/reading]"]
    print(f"\n{'fleet':>12} {'readings/s':>10} {'a message':>10} {'collectors':>11} {'broker':>8} {'InfluxDB':>9}"
          f" {'TB/year':>8} {'Mbit/s':>8}")  # fmt: skip
    for kits in FLEETS:
        rate = kits / INTERVAL
        for one in costs:
            if one.chain == "mosquitto":
                continue
            cores = [rate * cost / 1e6 / USE for cost in (one.collector, one.broker, one.influx)]
            year = rate * 365 * 86400 * stored / 1e12
            line = rate * wire(one.readings) * 8 / 1e6
            print(f"{kits:12,} {rate:10,.0f} {one.readings:10} {cores[0]:11.1f} {cores[1]:8.1f} {cores[2]:9.1f}"
                  f" {year:8.2f} {line:8.0f}")  # fmt: skip
    path = parts.ROOT / "build" / "scale.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"costs": [vars(one) for one in costs], "single": single}, indent=1) + "\n")


if __name__ == "__main__":
    main()
