# SPDX-License-Identifier: EUPL-1.2
"""Ingest: messages per CPU-second of the collector's process, beside a paho callback that does nothing.

Ours is `citimeasure run` with its embedded store, until every value is stored; both subscribe with QoS 1 to the same
mosquitto and are fed by the same sender, in turn. Run as a script it is the rival. Besides, from the same process: how
long a reading waits for its acknowledgement, and what one costs where there are many kits instead of a few.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import parts
from tests.bench.load import Load, run
from tests.bench.process import cpu_seconds, register
from tests.bench.table import Bar
from tests.journeys.collecting import Collector

LOAD = Load(20_000)
ROUNDS = 3
RATE = 1_000  # messages per second
FEW, MANY, MESSAGES = 10, 10_000, 20_000
_UNLIMITED = {f"CITIMEASURE_LIMIT_{what}": "0" for what in ("MESSAGES", "BYTES", "READINGS")}


def bare(host: str, port: int, n: int) -> None:
    """The rival: paho with a callback that counts."""
    import paho.mqtt.client as paho

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    state = {"n": 0, "cpu": 0.0}

    def on_message(*_: object) -> None:
        if not state["n"]:
            state["cpu"] = time.process_time()
        state["n"] += 1
        if state["n"] == n:
            state["cpu"] = time.process_time() - state["cpu"]
            client.disconnect()

    client.on_message = on_message
    client.on_connect = lambda *_: client.subscribe("citimeasure/v1/+/readings", qos=1)
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect(host, port)
    client.loop_forever()
    print(json.dumps(state["cpu"]))


def _rival(server: parts.Mosquitto) -> float:
    command = [sys.executable, "-m", "tests.bench.ingest", server.host, str(server.port), str(LOAD.messages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
        assert consumer.stdout is not None and consumer.stdout.readline() == "ready\n"
        run(server, LOAD, acknowledged=False)
        return float(json.loads(consumer.stdout.readline()))


def _ours(server: parts.Mosquitto) -> float:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        register(folder, LOAD.kits)
        with Collector(folder, "--broker", server.url) as collector:
            assert collector.process is not None
            before = cpu_seconds(collector.process.pid)
            told = run(server, LOAD, acknowledged=True)
            assert len(told) == LOAD.total, f"{len(told)} of {LOAD.total} readings were acknowledged"
            collector.wait_until_stored()
            return cpu_seconds(collector.process.pid) - before


def _steady(server: parts.Mosquitto, kits: int) -> tuple[float, list[float]]:
    """CPU-seconds and sorted latencies [ms] of messages that come at a rate, from kits that were each heard before."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        register(folder, kits)
        with Collector(folder, "--broker", server.url, **_UNLIMITED) as collector:
            assert collector.process is not None
            run(server, Load(MANY, kits), acknowledged=True)
            collector.wait_until_stored()
            before = cpu_seconds(collector.process.pid)
            told = run(server, Load(MESSAGES, kits, rate=RATE, first=MANY), acknowledged=True)
            collector.wait_until_stored()
            return cpu_seconds(collector.process.pid) - before, told


def _at_a_rate(server: parts.Mosquitto) -> list[Bar]:
    """What a thousand messages per second cost, and how long they wait."""
    rounds = [(_steady(server, FEW), _steady(server, MANY)) for _ in range(2)]
    few, many = (min(cpu for cpu, _ in one) for one in zip(*rounds, strict=True))
    p99 = min(told[len(told) * 99 // 100] for _, (_, told) in rounds)
    note = f"{1e6 * many / MESSAGES:.0f} against {1e6 * few / MESSAGES:.0f} us of CPU per reading, {RATE:,}/s"
    return [
        Bar(f"cost of a reading with {MANY:,} kits", many / few, 1.2, 1.0, "lower", f"the same with {FEW} kits", note),
        Bar(f"reading to acknowledgement, p99 at {RATE:,}/s [ms]", p99, 100, 50, "lower", "itself", f"{MANY:,} kits"),
    ]


def measure() -> list[Bar]:
    """The ratio of messages per CPU-second, the best of each; cost and latency at a rate."""
    with parts.mosquitto() as server:
        rival, ours = zip(*[(_rival(server), _ours(server)) for _ in range(ROUNDS)], strict=True)
        steady = _at_a_rate(server)
    speed, beside = LOAD.messages / min(ours), LOAD.messages / min(rival)
    note = f"{speed:,.0f} against {beside:,.0f} messages per CPU-second; durable, acknowledged and stored"
    name = "message to row in the embedded store"
    return [Bar(name, speed / beside, 0.5, 0.7, "higher", "a bare paho callback", note), *steady]


if __name__ == "__main__":
    bare(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
