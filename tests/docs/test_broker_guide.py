# SPDX-License-Identifier: EUPL-1.2
"""The access rules of the broker guide do what the guide says, on a real mosquitto.

A kit writes its own readings and reads its own acknowledgements, nothing else; the collector's account does its work.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.message import SUBSCRIPTION, ack_topic, readings_topic
from tests import parts

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/use-an-outside-broker.md").read_text()
OWN, OTHER = "kit-a1b2c3", "kit-other-1"
PATIENCE = 10  # [s]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A mosquitto with the guide's access rules and accounts for the collector and two kits."""
    folder = tmp_path_factory.mktemp("broker")
    rules = next(block for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL) if "user collector" in block)
    (folder / "acl").write_text("\n".join(line.strip() for line in rules.splitlines()) + "\n")
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        parts.missing("mosquitto_passwd", "it comes with the package mosquitto.")
    for first, name in enumerate(("collector", OWN, OTHER)):
        create = ["-c"] if first == 0 else []
        subprocess.run([tool, "-b", *create, str(folder / "passwords"), name, f"of-{name}"], check=True)
    for file in ("acl", "passwords"):
        (folder / file).chmod(0o600)
    config = ["allow_anonymous false", f"acl_file {folder / 'acl'}", f"password_file {folder / 'passwords'}"]
    with parts.mosquitto(config) as server:
        yield server


class Client:
    """A client that has connected and remembers what it hears."""

    def __init__(self, broker: parts.Mosquitto, name: str) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._subscribed = False
        self._connected = False
        self._answered: set[int] = set()
        self.thrown_out = 0
        self._paho = paho.Client(CallbackAPIVersion.VERSION2)
        self._paho.username_pw_set(name, f"of-{name}")
        self._paho.on_connect = lambda *_: setattr(self, "_connected", True)
        self._paho.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._paho.on_publish = lambda _c, _u, number, *_: self._answered.add(number)
        self._paho.on_disconnect = self._on_disconnect
        self._paho.reconnect_delay_set(0.1, 0.1)
        self._paho.on_message = lambda _c, _u, message: self.heard.append((message.topic, message.payload))
        self._paho.connect(broker.host, broker.port)
        self._paho.loop_start()
        self.until(lambda: self._connected)

    def _on_disconnect(self, _c, _u, _flags, reason, _p) -> None:
        self.thrown_out += reason.is_failure

    def until(self, there) -> None:
        deadline = time.monotonic() + PATIENCE
        while not there():
            assert time.monotonic() < deadline, "the broker did not answer in time"
            time.sleep(0.01)

    def subscribe(self, topic: str) -> None:
        self._subscribed = False
        self._paho.subscribe(topic, 1)
        self.until(lambda: self._subscribed)

    def publish(self, topic: str, payload: str) -> None:
        """Returns when the broker has answered: with a PUBACK even for what its rules throw away.

        Behind such a PUBACK mosquitto closes the connection; paho connects again and sends what was waiting.
        """
        number = self._paho.publish(topic, payload, 1).mid
        self.until(lambda: number in self._answered)

    def close(self) -> None:
        self._paho.disconnect()
        self._paho.loop_stop()
        self._paho.reinitialise()  # closes the pair of sockets with which paho wakes its thread


@pytest.fixture
def clients(broker):
    opened = [Client(broker, name) for name in ("collector", OWN, OTHER)]
    yield opened
    for client in opened:
        client.close()


@pytest.mark.parametrize("subscription", [SUBSCRIPTION, f"$share/collectors/{SUBSCRIPTION}"])
def test_a_kit_writes_its_own_readings_and_no_others(clients, subscription):
    collector, kit, other = clients
    collector.subscribe(subscription)
    kit.publish(readings_topic(OTHER), "forged")
    kit.publish(ack_topic(OWN), "forged")
    kit.publish(readings_topic(OWN), "mine")
    other.publish(readings_topic(OTHER), "theirs")
    collector.until(lambda: len(collector.heard) >= 2)
    # Each account's messages come in order: what was forged would have been here before "mine".
    assert sorted(collector.heard) == [(readings_topic(OWN), b"mine"), (readings_topic(OTHER), b"theirs")]


def test_a_kit_hears_its_own_acknowledgements_and_no_others(clients):
    collector, kit, other = clients
    kit.subscribe("citimeasure/v1/+/ack")
    kit.subscribe(ack_topic(OWN))
    other.subscribe(ack_topic(OTHER))
    collector.publish(ack_topic(OTHER), "for the other")
    collector.publish(ack_topic(OWN), "for this one")
    kit.until(lambda: kit.heard)
    other.until(lambda: other.heard)
    assert {topic for topic, _ in kit.heard} == {ack_topic(OWN)}
    assert {topic for topic, _ in other.heard} == {ack_topic(OTHER)}


def test_a_kit_says_only_of_itself_that_it_is_there(clients):
    """Nothing listens to the status yet, but mosquitto would throw out a kit that may not write it."""
    _, kit, other = clients
    for client in (kit, other):
        client.publish(f"citimeasure/v1/{OWN}/status", "{}")
    kit.until(lambda: other.thrown_out)
    assert not kit.thrown_out


def test_a_kit_cannot_read_readings(clients):
    collector, kit, _ = clients
    kit.subscribe(SUBSCRIPTION)
    kit.subscribe(ack_topic(OWN))
    kit.publish(readings_topic(OWN), "mine")
    collector.publish(ack_topic(OWN), "heard after it")
    kit.until(lambda: kit.heard)
    assert {topic for topic, _ in kit.heard} == {ack_topic(OWN)}
