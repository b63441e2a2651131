# SPDX-License-Identifier: EUPL-1.2
"""Ingest: messages per CPU-second of the collector's process, beside a paho callback that does nothing.

Both subscribe with QoS 1 to the same mosquitto and are fed by the same publisher in a process of its own, in turn.
Run as a script it is one of the three processes: `publish`, `bare` or `ours`.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests import parts
from tests.bench.table import Bar

MESSAGES = 20_000
DEVICES = 1_000
ROUNDS = 3


def device(n: int) -> str:
    return f"kit-{n % DEVICES:05d}"


def publish(host: str, port: int, n: int, rate: float | None) -> None:
    """Publishes n messages of one reading of six quantities, by hand: paho would be the slowest part."""
    import socket
    import struct

    from collector.message import Message, Reading, encode, readings_topic

    def length(size: int) -> bytes:
        return bytes([size]) if size < 128 else bytes([size % 128 | 128, size // 128])

    start = int(time.time()) // 60 * 60 - 86400
    sock = socket.create_connection((host, port))
    hello = b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench"
    sock.sendall(b"\x10" + bytes([len(hello)]) + hello)
    sock.recv(4)
    began = time.monotonic()
    sent = acked = 0
    while sent < n:
        group = min(50, n - sent)
        packets = []
        for i in range(sent, sent + group):
            values = {"pm25": 12.3, "pm10": 18.4, "humidity": 71.0, "temperature": 9.5, "laeq": 52.3, "lafmax": 70.1}
            reading = Reading(seq=i // DEVICES, t=start + 60 * (i // DEVICES), dt=60, q=values)
            topic = readings_topic(device(i)).encode()
            body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", i % 65535 + 1)
            body += encode(Message(v=1, boot=1, readings=[reading], fw="0.1.0"))
            packets.append(b"\x32" + length(len(body)) + body)
        sock.sendall(b"".join(packets))
        sent += group
        while acked < 4 * (sent - 200):  # at most 200 open
            acked += len(sock.recv(65536))
        if rate:
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
    while acked < 4 * n:
        acked += len(sock.recv(65536))
    sock.close()


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


def ours(host: str, port: int, n: int, folder: str) -> None:
    """The collector's link, intake and spool, until n messages are committed; then the judge on all of them."""
    from collector.ingest.intake import Intake
    from collector.ingest.mqtt import Link
    from collector.ingest.spool import Spool
    from collector.judge import rows_of
    from collector.settings import Settings

    settings = Settings(folder=Path(folder), broker=f"mqtt://{host}:{port}")
    spool = Spool(settings.folder, writer=True)
    devices = frozenset(device(i) for i in range(DEVICES))
    stop = threading.Event()
    state = {"n": 0, "cpu": 0.0}

    class Counting(Intake):
        def take(self, topic: str, payload: bytes) -> None:
            if not state["n"] and not self.waiting:
                state["cpu"] = time.process_time()
            super().take(topic, payload)

        def commit(self) -> list[tuple[str, bytes]]:
            state["n"] += self.waiting
            if state["n"] >= n:
                stop.set()
            return super().commit()

    link = Link(settings, Counting(spool, lambda: devices, settings), stop)
    link.on_ready = lambda: print("ready", flush=True)
    link.run()
    position = judged = 0
    while batch := spool.after(position, 500):
        position = batch[-1].id
        judged += sum(1 for one in batch for reading, t in one.readings if rows_of(one.device, reading, t))
    cpu = time.process_time() - state["cpu"]
    spool.close()
    assert judged == n, f"{judged} of {n} readings were taken"
    print(json.dumps(cpu))


def _drain(which: str, server: parts.Mosquitto, n: int) -> float:
    """CPU-seconds that `bare` or `ours` takes for n messages."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.ingest", which, server.host, str(server.port), str(n), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
            assert consumer.stdout is not None and consumer.stdout.readline() == "ready\n"
            publisher = [sys.executable, "-m", "tests.bench.ingest", "publish", server.host, str(server.port), str(n)]
            subprocess.run(publisher, check=True, timeout=120)
            return float(json.loads(consumer.stdout.readline()))


def measure() -> list[Bar]:
    """The ratio of messages per CPU-second, median of pairs."""
    ratios, ours_speed, bare_speed = [], 0.0, 0.0
    with parts.mosquitto() as server:
        for _ in range(ROUNDS):
            a, b = _drain("bare", server, MESSAGES), _drain("ours", server, MESSAGES)
            ratios.append(a / b)
            bare_speed, ours_speed = MESSAGES / a, MESSAGES / b
    note = f"{ours_speed:,.0f} against {bare_speed:,.0f} messages per CPU-second in the last round"
    name = "ingest: decode, judge, spool with fsync, acknowledge"
    return [Bar(name, statistics.median(ratios), 0.3, 0.5, "higher", "a bare paho callback", note)]


def main() -> None:
    which, host, port, n, *rest = sys.argv[1:]
    if which == "publish":
        publish(host, int(port), int(n), float(rest[0]) if rest else None)
    elif which == "bare":
        bare(host, int(port), int(n))
    else:
        ours(host, int(port), int(n), rest[0])


if __name__ == "__main__":
    main()
