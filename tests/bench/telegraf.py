# SPDX-License-Identifier: EUPL-1.2
"""Readings per CPU-second from message to row in InfluxDB, beside Telegraf: the same broker, database and messages.

Ours is `citimeasure run` as a city runs it: durable, every reading acknowledged to its kit. Telegraf is as it comes, in
a set-up that loses as little as it can. Both are measured as whole processes, by the kernel, from the moment that they
listen until the last row is there; rows are counted in InfluxDB, acknowledgements by the sender.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests import parts
from tests.bench.load import Load, run
from tests.bench.process import cpu_seconds, register
from tests.bench.table import Bar
from tests.journeys.collecting import Collector, wait_until

# Readings per message: the load, must and aim.
LOADS = {1: (Load(40_000), 0.6, 1.0), 10: (Load(8_000, readings=10), 1.3, 2.5)}
ROUNDS = 3

_CONFIG = """
[agent]
  interval = "1s"
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 500000
  omit_hostname = true
  quiet = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://{broker}"]
  topics = ["citimeasure/v1/+/readings"]
  qos = 1
  persistent_session = true
  client_id = "telegraf"
  max_undelivered_messages = 10000
  data_format = "json_v2"
  topic_tag = ""
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "citimeasure/v1/+/readings"
    tags = "_/_/device/_"
  [[inputs.mqtt_consumer.json_v2]]
    measurement_name = "reading"
    [[inputs.mqtt_consumer.json_v2.object]]
      path = "readings"
      timestamp_key = "t"
      timestamp_format = "unix"
      disable_prepend_keys = true
[[outputs.influxdb_v2]]
  urls = ["{influx}"]
  token = "{token}"
  organization = "{org}"
  bucket = "{bucket}"
"""


def _rows(influx: parts.Influx, bucket: str) -> int:
    """How many readings there are in a bucket."""
    query = urllib.parse.urlencode({"db": bucket, "q": "SELECT count(pm25) FROM reading"})
    request = urllib.request.Request(f"{influx.url}/query?{query}", headers={"Authorization": f"Token {influx.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        series = json.loads(answer.read())["results"][0].get("series")
    return int(series[0]["values"][0][1]) if series else 0


def wait_for_rows(influx: parts.Influx, bucket: str, n: int) -> None:
    """Returns when exactly n are there; asks seldom, for the question costs the database."""
    deadline = time.monotonic() + 180
    while (there := _rows(influx, bucket)) != n:
        assert there < n and time.monotonic() < deadline, f"{there} of {n} readings are in InfluxDB"
        time.sleep(0.3)


@contextmanager
def _telegraf(server: parts.Mosquitto, influx: parts.Influx, bucket: str) -> Iterator[int]:
    """A Telegraf that has subscribed; yields its process's id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "telegraf.conf"
        where = {"broker": f"{server.host}:{server.port}", "influx": influx.url, "token": influx.token}
        config.write_text(_CONFIG.format(**where, org=influx.org, bucket=bucket))
        command = [str(parts.telegraf()), "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: b"telegraf 1 citimeasure" in server.log.read_bytes(), what="Telegraf")
                yield process.pid
            finally:
                process.terminate()


def _broker() -> AbstractContextManager[parts.Mosquitto]:
    """A broker for one run: Telegraf's session outlives it, and would take the next run's messages too."""
    return parts.mosquitto(["log_dest stderr", "log_type subscribe"])


def _rival(influx: parts.Influx, load: Load, bucket: str) -> float:
    with _broker() as server, _telegraf(server, influx, bucket) as process:
        before = cpu_seconds(process)
        run(server, load, acknowledged=False)
        wait_for_rows(influx, bucket, load.total)
        return cpu_seconds(process) - before


def _ours(influx: parts.Influx, load: Load, bucket: str) -> float:
    with _broker() as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        register(folder, load.kits)
        token = Path(temporary) / "token"
        token.write_text(influx.token)
        env = {
            "CITIMEASURE_STORES": "influx",
            "CITIMEASURE_INFLUX_URL": influx.url,
            "CITIMEASURE_INFLUX_BUCKET": bucket,
            "CITIMEASURE_INFLUX_TOKEN_FILE": str(token),
        }
        with Collector(folder, "--broker", server.url, **env) as collector:
            assert collector.process is not None
            before = cpu_seconds(collector.process.pid)
            told = run(server, load, acknowledged=True)
            assert len(told) == load.total, f"{len(told)} of {load.total} readings were acknowledged"
            wait_for_rows(influx, bucket, load.total)
            collector.wait_until_stored()
            return cpu_seconds(collector.process.pid) - before


def measure(rounds: int = ROUNDS) -> list[Bar]:
    """The ratio for messages of one reading and of ten: the best of ours beside the best of Telegraf's."""
    bars = []
    with parts.influxd() as influx:
        for readings, (load, must, aim) in LOADS.items():
            ours, rival = [], []
            for n in range(rounds):
                rival.append(_rival(influx, load, influx.new_bucket(f"rival-{readings}-{n}")))
                ours.append(_ours(influx, load, influx.new_bucket(f"ours-{readings}-{n}")))
            speed, beside = load.total / min(ours), load.total / min(rival)
            note = f"{speed:,.0f} against {beside:,.0f} readings per CPU-second; durable and acknowledged"
            name = f"message to row in InfluxDB, {readings} reading{'s' * (readings > 1)} per message"
            bars.append(Bar(name, speed / beside, must, aim, "higher", "Telegraf 1.37", note))
    return bars


if __name__ == "__main__":
    for bar in measure():
        print(f"{bar.name}: {bar.reached:.2f} (must {bar.must}, aim {bar.aim}); {bar.note}")
