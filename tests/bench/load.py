# SPDX-License-Identifier: EUPL-1.2
"""Load for benches, a process of its own: kits' messages at a broker, and the count of what is acknowledged.

Speaks MQTT by hand, in blocks, so that it costs the machine little beside what is measured. Prints one line of JSON
when every message has its PUBACK and, if acknowledgements are awaited, every reading its own: the milliseconds from
sending to acknowledgement in order of size, or an empty list.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from collector.ingest import stream
from collector.message import Message, Reading, encode, readings_topic
from tests import parts

OPEN = 200  # messages without a PUBACK, at most
VALUES = {"pm25": 12.3, "pm10": 18.4, "humidity": 71.0, "temperature": 9.5, "laeq": 52.3, "lafmax": 70.1}


@dataclass(frozen=True)
class Load:
    """What is sent: `messages` of `readings` each, from `kits` in turn, as from message number `first`."""

    messages: int
    kits: int = 1_000
    readings: int = 1
    rate: float = 0.0  # messages per second; 0: as fast as the broker takes them
    first: int = 0
    start: int = 0  # the time before the first reading [s since 1970]; 0: thirty days ago

    @property
    def total(self) -> int:
        """How many readings that are."""
        return self.messages * self.readings


class Address(NamedTuple):
    """Where a broker listens."""

    host: str
    port: int


def device(n: int) -> str:
    """The kit of a message."""
    return f"kit-{n:05d}"


def run(server: parts.Server | Address, load: Load, *, acknowledged: bool) -> list[float]:
    """Sends a load in a process of its own; returns the sorted latencies [ms] if acknowledgements are awaited."""
    timeout = 300 + (load.messages / load.rate if load.rate else 0)
    command = [sys.executable, "-m", "tests.bench.load", server.host, str(server.port), str(load.messages)]
    command += [f"--kits={load.kits}", f"--readings={load.readings}", f"--rate={load.rate}", f"--first={load.first}"]
    command.append(f"--start={load.start}")
    done = subprocess.run(
        [*command, *(["--acknowledged"] if acknowledged else [])], check=True, timeout=timeout, stdout=subprocess.PIPE
    )
    return [float(one) for one in json.loads(done.stdout)]


def _packets(load: Load, start: int, which: range) -> bytes:
    """PUBLISH packets with QoS 1 of some messages."""
    made = []
    for i in which:
        kit, turn = i % load.kits, i // load.kits
        seqs = range(turn * load.readings, (turn + 1) * load.readings)
        readings = [Reading(seq=seq, t=start + 60 * seq, dt=60, q=VALUES) for seq in seqs]
        topic = readings_topic(device(kit)).encode()
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", i % 65535 + 1)
        body += encode(Message(v=1, boot=1, readings=readings, fw="0.1.0"))
        size = len(body)
        made.append(b"\x32" + (bytes([size]) if size < 128 else bytes([size % 128 | 128, size // 128])) + body)
    return b"".join(made)


class _Acknowledged:
    """What the collector has said of the readings of a load, each once."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._sent: dict[tuple[str, int], float] = {}
        self.latencies: list[float] = []

    def send(self, which: range) -> None:
        now = time.monotonic()
        for i in which:
            first = i // self._load.kits * self._load.readings
            for seq in range(first, first + self._load.readings):
                self._sent[device(i % self._load.kits), seq] = now

    def take(self, messages: Iterable[tuple[str, bytes]]) -> None:
        now = time.monotonic()
        for topic, payload in messages:
            kit = topic.split("/")[2]
            for low, high in json.loads(payload)["seq"]:
                for seq in range(low, high + 1):
                    self.latencies.append(1000 * (now - self._sent.pop((kit, seq))))


def send(host: str, port: int, load: Load, *, acknowledged: bool) -> list[float]:
    """Sends a load and waits for what is awaited."""
    start = load.start or int(time.time()) // 60 * 60 - 30 * 86400
    sock = socket.create_connection((host, port))
    sock.sendall(stream.connect("bench", 60) + (stream.subscribe("citimeasure/v1/+/ack", 0) if acknowledged else b""))
    reader, told = stream.Reader(), _Acknowledged(load)
    ready = selectors.DefaultSelector()
    ready.register(sock, selectors.EVENT_READ)
    until = load.first + load.messages
    sent, pubacked, began = load.first, load.first, time.monotonic()
    while pubacked < until or (acknowledged and len(told.latencies) < load.total):
        now = time.monotonic()
        allowed = min(until, pubacked + OPEN, load.first + int((now - began) * load.rate) + 1 if load.rate else until)
        if sent < allowed:
            which = range(sent, min(allowed, sent + 50))
            block = _packets(load, start, which)
            if acknowledged:
                told.send(which)
            sock.sendall(block)
            sent = which.stop
        if ready.select(0 if sent < allowed else 0.001 if load.rate else 1):
            received = reader.feed(sock.recv(1 << 18))
            pubacked += sum(first == 0x40 for first, _ in received.answers)
            told.take(received.messages)
    sock.close()
    return sorted(told.latencies)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("messages", type=int)
    parser.add_argument("--kits", type=int, default=1_000)
    parser.add_argument("--readings", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--acknowledged", action="store_true")
    args = parser.parse_args()
    load = Load(args.messages, args.kits, args.readings, args.rate, args.first, args.start)
    print(json.dumps([round(one, 2) for one in send(args.host, args.port, load, acknowledged=args.acknowledged)]))


if __name__ == "__main__":
    main()
