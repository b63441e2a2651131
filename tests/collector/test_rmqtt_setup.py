# SPDX-License-Identifier: EUPL-1.2
"""The set-up for a cluster of RMQTT that `citimeasure broker` writes: three real nodes run on it, and are attacked.

What mosquitto must withstand, the cluster must too: the same tests, with the attacker, the victim and the collector at
different nodes. Then what only a cluster has: logins asked for by HTTP, and last wills.
"""

import socket

import paho.mqtt.client as paho
import pytest

from collector.registry import Registry
from collector.settings import Settings
from tests.collector.test_broker_setup import (  # noqa: F401 - tests of the other broker, run here on this one
    KIT,
    OTHER,
    Broker,
    clean,
    test_a_kit_and_the_collector_talk_and_a_kit_hears_its_own_acknowledgement_only,
    test_a_kit_cannot_listen_to_others,
    test_a_kit_cannot_write_where_it_has_no_business,
    test_a_message_that_is_too_large_ends_its_connection_and_reaches_nobody,
    test_collectors_of_a_group_hear_kits,
    test_only_the_own_root_is_trusted_and_without_tls_nobody_is_heard,
    test_two_collectors_and_a_command_do_not_throw_each_other_off,
    test_who_has_no_password_stays_outside,
)
from tests.collector.test_cli import citimeasure, fails
from tests.journeys.collecting import wait_until
from tests.parts.cluster import Cluster

pytestmark = pytest.mark.xdist_group("cluster")


class ClusterBroker(Broker):
    """Kits come to the second node, unless a test says otherwise; the collector is at the first."""

    def __init__(self, cluster, passwords):
        self.cluster, self.certs, self.folder = cluster, cluster.certs, cluster.folder
        self.passwords = {**passwords, "collector": (cluster.setup / "collector.password").read_text().strip()}
        self.kits_port, self.port = cluster.kits_ports[1], cluster.collector_ports[0]

    def client(self, name, password=None, port=None, client_id=None, **how):
        given = client_id or (name if name in (KIT, OTHER) else "x")
        port = port or (self.port if name == "collector" else self.kits_port)
        return super().client(name, password, port, given, tls=port in self.cluster.kits_ports, **how)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    (folder / "data").mkdir()
    passwords = {}
    with Registry(Settings(folder=folder / "data").registry_url) as registry:
        for kit in (KIT, OTHER):
            registry.add_device("kit-1", kit)
            passwords[kit] = registry.identity.set_password(kit)
    with Cluster(folder, folder / "data") as cluster:
        yield ClusterBroker(cluster, passwords)


def test_a_kit_is_heard_through_every_node(broker):
    listener = broker.client("collector", client_id="everywhere")
    listener[0].subscribe("citimeasure/v1/+/readings", 1)
    wait_until(lambda: listener[1]["granted"], 20, "the subscription")
    for port in broker.cluster.kits_ports:
        kit = broker.client(KIT, port=port)
        kit[0].publish(f"citimeasure/v1/{KIT}/readings", str(port).encode(), 1)
        heard = (f"citimeasure/v1/{KIT}/readings", str(port).encode())
        wait_until(lambda heard=heard: heard in listener[1]["messages"], 20, "the message")
        clean(kit)
    clean(listener)


def test_nobody_comes_with_the_client_id_of_another(broker):
    kit = broker.client(KIT)
    for name, client_id in ((OTHER, KIT), (OTHER, "x"), (OTHER, "collector")):
        thief = broker.client(name, client_id=client_id)
        assert thief[1]["gone"].is_set() or thief[1]["code"].is_failure
        clean(thief)
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"still here", 1)
    assert kit[1]["acked"].wait(20) and not kit[1]["gone"].is_set()
    clean(kit)


@pytest.mark.parametrize(
    ("topic", "retain"),
    [
        (f"citimeasure/v1/{OTHER}/readings", False),
        (f"citimeasure/v1/{OTHER}/ack", False),
        (f"citimeasure/v1/{OTHER}/command", True),
    ],
)
def test_a_last_will_has_no_more_rights_than_its_kit(broker, topic, retain):
    victim, listener = broker.client(OTHER, port=broker.cluster.kits_ports[2]), broker.client("collector")
    for name in ("ack", "command"):
        victim[1]["granted"] = None
        victim[0].subscribe(f"citimeasure/v1/{OTHER}/{name}", 1)
        wait_until(lambda: victim[1]["granted"], 20, "the subscription")
    listener[0].subscribe([("citimeasure/v1/+/readings", 1), ("citimeasure/v1/+/status", 1)])
    wait_until(lambda: listener[1]["granted"], 20, "the subscription")
    for will in (topic, f"citimeasure/v1/{KIT}/status"):
        kit = broker.client(KIT, will=(will, b"attack" if will == topic else b"my end", 1, retain))
        assert not kit[1]["code"].is_failure
        kit[0].socket().shutdown(socket.SHUT_RDWR)
        kit[0].loop_stop()
    # The good will comes after the bad one was, or was not, published.
    wait_until(lambda: b"my end" in [payload for _, payload in listener[1]["messages"]], 20, "the kit's own will")
    kit = broker.client(KIT)
    kit[0].publish(f"citimeasure/v1/{KIT}/status", b"", 1, retain=True)
    assert kit[1]["acked"].wait(20)
    for one in (victim, listener):
        assert not [payload for _, payload in one[1]["messages"] if payload == b"attack"]
    clean(kit, victim, listener)


@pytest.mark.parametrize(
    "topic",
    [
        "$SYS/#",
        "$share/collectors/citimeasure/v1/+/readings",
        "$limit/1/citimeasure/v1/+/readings",
        "$exclusive/citimeasure/v1/+/readings",
        f"citimeasure/v1/{OTHER}/ack/#",
    ],
)
def test_no_word_of_the_broker_opens_what_is_closed(broker, topic):
    test_a_kit_cannot_listen_to_others(broker, topic)


@pytest.fixture
def short_logins(broker):
    """Logins that end after three seconds, for one test: kits of the others stay in."""
    logins = broker.cluster.logins
    logins.kill()
    logins.command += ["--valid", "3"]
    logins.start()
    yield
    logins.kill()
    del logins.command[-2:]
    logins.start()


@pytest.mark.usefixtures("short_logins")
def test_a_kit_that_is_locked_out_is_let_go_when_its_login_ends_and_stays_outside(broker):
    with Registry(Settings(folder=broker.folder / "data").registry_url) as registry:
        registry.add_device("kit-1", "kit-cccccc")
        broker.passwords["kit-cccccc"] = registry.identity.set_password("kit-cccccc")

    def enters():
        client, told = broker.client("kit-cccccc", client_id="kit-cccccc", keepalive=1)
        if not told["gone"].is_set() and not told["code"].is_failure:
            return client, told
        clean((client, told))
        return None

    clients = []
    wait_until(lambda: clients.append(enters()) or clients[-1], 30, "that the new kit is known")
    citimeasure("device", "revoke", "kit-cccccc", "--folder", broker.folder / "data")
    assert clients[-1][1]["gone"].wait(60), "a login that has ended still holds"
    clean(clients[-1])
    wait_until(lambda: enters() is None, 30, "the refusal")


def test_without_the_answers_to_logins_nobody_enters_and_who_is_in_stays(broker):
    kit = broker.client(KIT)
    broker.cluster.logins.kill()
    try:
        other = broker.client(OTHER)
        assert other[1]["gone"].is_set() or other[1]["code"].is_failure
        clean(other)
        kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"still here", 1)
        assert kit[1]["acked"].wait(20) and not kit[1]["gone"].is_set()
    finally:
        broker.cluster.logins.start()
    clean(kit)


def test_files_are_for_their_owner_and_are_written_again_only_if_they_must(broker):
    assert "0 of 20 files" in broker.cluster.write()
    broker.cluster.write("--check")
    for path in broker.cluster.setup.rglob("*"):
        if path.is_file() and path.name != "log":
            assert path.stat().st_mode & 0o077 == 0, path
            assert not any(secret in path.read_text() for name, secret in broker.passwords.items() if name == KIT)
    (broker.cluster.setup / "node-2/rmqtt.toml").write_text("changed")
    assert "node-2/rmqtt.toml is not what it should be" in broker.cluster.write("--check", ok=False)
    assert "1 of 20 files" in broker.cluster.write()


def test_what_cannot_be_a_cluster_is_refused(broker, tmp_path):
    certs = broker.cluster.certs
    command = ("broker", "config", "rmqtt", "--out", tmp_path, "--certificate", certs / "server.crt",
               "--key", certs / "server.key")  # fmt: skip
    for nodes, why in (
        (("10.0.0.1", "10.0.0.2"), "2 nodes are no cluster"),
        (("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"), "4 nodes are no cluster"),
        (("10.0.0.1", "10.0.0.2", "mqtt.city.example"), "is no address"),
        (("10.0.0.1", "10.0.0.2", "9.9.9.9"), "of the open internet"),
    ):
        fails(3, why, *command, *(word for node in nodes for word in ("--node", node)))
    assert not list(tmp_path.iterdir())


def test_mqtt_5_has_no_more_rights(broker):
    kit = broker.client(KIT, protocol=paho.MQTTv5)
    listener = broker.client("collector", client_id="five")
    listener[0].subscribe("citimeasure/v1/+/readings", 1)
    wait_until(lambda: listener[1]["granted"], 20, "the subscription")
    kit[0].publish(f"citimeasure/v1/{OTHER}/readings", b"attack", 1)
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"mine", 1)
    wait_until(lambda: listener[1]["messages"], 20, "the kit's own message")
    clean(kit, listener)
    assert listener[1]["messages"] == [(f"citimeasure/v1/{KIT}/readings", b"mine")]
