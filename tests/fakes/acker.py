# SPDX-License-Identifier: EUPL-1.2
"""A small collector that only acknowledges: over a real broker, with faults that can be asked for.

It reads messages of version 1, remembers which readings it took, and answers as the collector does, except that it
loses some acknowledgements, sends others twice, and refuses every so many-th reading. Tests of the fleet run it as a
thread; `python -m tests.fakes.acker URL` runs it as a process of its own, to measure beside.
"""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collector.message import SUBSCRIPTION, Ack, Reason, ack_topic, decode, device_of, ranges
from collector.settings import parse_broker


class Acker:
    """Takes readings at a broker. `lose` and `twice` are shares of acknowledgements, `refuse_every` a number of seq."""

    def __init__(self, url: str, *, lose: float = 0, twice: float = 0, refuse_every: int = 0, seed: int = 0) -> None:
        self.taken: dict[tuple[str, int, int], object] = {}  # (device, boot, seq): the reading
        self.refused: set[tuple[str, int, int]] = set()
        self.counts: Counter[str] = Counter()
        self.firmware: set[str] = set()
        self._lose, self._twice, self._refuse_every = lose, twice, refuse_every
        self._random = random.Random(seed)
        self._ready = threading.Event()
        host, port, _ = parse_broker(url)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(SUBSCRIPTION, qos=1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.connect(host, port)

    def __enter__(self) -> Acker:
        self._client.loop_start()
        if not self._ready.wait(10):
            raise RuntimeError("the broker does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def run(self) -> None:
        """Takes readings until the process ends."""
        self._client.loop_forever()

    def _on_message(self, client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        device = device_of(message.topic)
        assert device is not None
        found = decode(device, bytes(message.payload))
        assert found.boot is not None and not found.refused, found
        self.counts["messages"] += 1
        self.counts["readings"] += len(found.readings)
        self.firmware.add(found.fw)
        safe, rejected = [], {}
        for one in found.readings:
            key = device, found.boot, one.seq
            if self._refuse_every and one.seq % self._refuse_every == 0:
                self.refused.add(key)
                rejected[str(one.seq)] = Reason.CLOCK
                continue
            self.counts["duplicates"] += key in self.taken
            self.taken[key] = one
            safe.append(one.seq)
        if self._random.random() < self._lose:
            self.counts["lost"] += 1
            return
        ack = msgspec.json.encode(Ack(boot=found.boot, seq=ranges(safe), rejected=rejected))
        for _ in range(2 if self._random.random() < self._twice else 1):
            client.publish(ack_topic(device), ack, qos=0)


if __name__ == "__main__":
    Acker(sys.argv[1]).run()
