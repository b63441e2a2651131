# SPDX-License-Identifier: EUPL-1.2
"""The set-up for mosquitto that `citimeasure broker` writes: a real mosquitto runs on it, and is attacked."""

import contextlib
import socket
import ssl
import subprocess
import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector import certificates
from collector.certificates import make, warning
from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.collector.test_cli import citimeasure, fails
from tests.journeys.collecting import wait_until

KIT, OTHER = "kit-aaaaaa", "kit-bbbbbb"


class Broker:
    """The folder, the passwords of two kits and the collector, and a mosquitto that runs on the set-up."""

    def __init__(self, folder):
        self.folder = folder
        self.certs = folder / "certs"
        citimeasure("broker", "certs", "--out", self.certs, "--name", "localhost", "--name", "127.0.0.1")
        (folder / "data").mkdir()
        with Registry(Settings(folder=folder / "data").registry_url) as registry:
            self.passwords = {}
            for kit in (KIT, OTHER):
                registry.add_device("kit-1", kit)
                self.passwords[kit] = registry.identity.set_password(kit)
        self.kits_port, self.port = parts.free_port(), parts.free_port()
        self.pid_file = folder / "pid"
        self.write()
        self.passwords["collector"] = (folder / "mosquitto/collector.password").read_text().strip()

    def write(self, *more, ok=True):
        return citimeasure(
            "broker", "config", "mosquitto", "--folder", self.folder / "data", "--out", self.folder / "mosquitto",
            "--certificate", self.certs / "server.crt", "--key", self.certs / "server.key",
            "--kits-port", self.kits_port, "--collector-port", self.port, *more, ok=ok,
        )  # fmt: skip

    def client(
        self, name, password=None, port=None, client_id="x", root="root.crt", protocol=paho.MQTTv311, will=None,
        keepalive=60, tls=None,
    ):  # fmt: skip
        """(client, what it was told): connected, or refused."""
        told = {"code": None, "messages": [], "granted": None, "gone": threading.Event(), "acked": threading.Event()}
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=protocol)
        if name is not None:
            client.username_pw_set(name, self.passwords.get(name) if password is None else password)
        port = port or (self.port if name == "collector" else self.kits_port)
        if port == self.kits_port if tls is None else tls:
            client.tls_set(ca_certs=str(self.certs / root))
        if will is not None:
            client.will_set(*will)
        client.on_connect = lambda c, u, flags, code, p: told.update(code=code)
        client.on_message = lambda c, u, message: told["messages"].append((message.topic, message.payload))
        client.on_subscribe = lambda c, u, mid, codes, p: told.update(granted=codes)
        client.on_disconnect = lambda *_: told["gone"].set()
        client.on_publish = lambda *_: told["acked"].set()
        client.connect("127.0.0.1", port, keepalive)
        client.loop_start()
        wait_until(lambda: told["code"] is not None or told["gone"].is_set(), 20, "the broker's answer")
        return client, told


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    made = Broker(tmp_path_factory.mktemp("broker"))
    config = made.folder / "mosquitto/mosquitto.conf"
    options = [f"include_dir {made.folder / 'more'}", f"pid_file {made.pid_file}"]
    (made.folder / "more").mkdir()
    # What only the test needs: to run as whoever runs the tests, and a file with the process's number.
    text = config.read_text() + "\n".join(["user root", options[1]]) + "\n"
    own = made.folder / "own.conf"
    own.write_text(text)
    with parts.mosquitto_with(own, made.port) as server:
        made.server = server
        yield made


def clean(*clients):
    for client, _ in clients:
        client.disconnect()
        client.loop_stop()


def enters(broker, name, password=None):
    """Whether a kit is let in."""
    client, told = broker.client(name, password)
    welcome = told["code"] is not None and not told["code"].is_failure and not told["gone"].is_set()
    clean((client, told))
    return welcome


def heard_by_collector(broker, attack):
    """What the collector hears of an attack by a kit, and the kit's books."""
    listener = broker.client("collector", client_id="listener")
    listener[0].subscribe([(f"citimeasure/v1/+/{name}", 1) for name in ("readings", "status")])
    wait_until(lambda: listener[1]["granted"], 20, "the subscription")
    kit = broker.client(KIT)
    attack(kit[0])
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"the end", 1)
    wait_until(
        lambda: any(payload == b"the end" for _, payload in listener[1]["messages"]), 20, "the kit's own message"
    )
    clean(listener, kit)
    return [one for one in listener[1]["messages"] if one[1] != b"the end"]


def test_a_kit_and_the_collector_talk_and_a_kit_hears_its_own_acknowledgement_only(broker):
    kit, collector = broker.client(KIT), broker.client("collector")
    assert not kit[1]["code"].is_failure and not collector[1]["code"].is_failure
    for topic in (f"citimeasure/v1/{KIT}/ack", f"citimeasure/v1/{OTHER}/ack"):
        kit[1]["granted"] = None
        kit[0].subscribe(topic, 1)
        wait_until(lambda: kit[1]["granted"], 20, "the subscription")
    for name in (OTHER, KIT):
        collector[0].publish(f"citimeasure/v1/{name}/ack", name.encode(), 1)
    wait_until(lambda: kit[1]["messages"], 20, "the acknowledgement")
    assert kit[1]["messages"] == [(f"citimeasure/v1/{KIT}/ack", KIT.encode())]
    clean(kit, collector)


FOREIGN = [
    f"citimeasure/v1/{OTHER}/readings", f"citimeasure/v1/{OTHER}/status", f"citimeasure/v1/{KIT}/ack",
    f"citimeasure/v1/{KIT}/command", f"citimeasure/v1/{OTHER}/command", f"citimeasure/v1/{KIT}/health",
    f"citimeasure/v1/{KIT}/readings/more", f"citimeasure/v2/{KIT}/readings", "citimeasure/v1/readings", "anything",
    f"citimeasure/v1/{KIT.upper()}/readings", "citimeasure/v1//readings",
]  # fmt: skip


@pytest.mark.parametrize("topic", FOREIGN)
def test_a_kit_cannot_write_where_it_has_no_business(broker, topic):
    assert heard_by_collector(broker, lambda kit: kit.publish(topic, b"attack", 1)) == []


@pytest.mark.parametrize(
    "topic", ["citimeasure/v1/+/readings", "citimeasure/v1/+/ack", "#", "$share/g/citimeasure/v1/+/readings"]
)
def test_a_kit_cannot_listen_to_others(broker, topic):
    spy, kit, collector = broker.client(KIT), broker.client(OTHER), broker.client("collector")
    spy[0].subscribe(topic, 1)
    wait_until(lambda: spy[1]["granted"] or spy[1]["gone"].is_set(), 20, "an answer")
    kit[0].publish(f"citimeasure/v1/{OTHER}/readings", b"private", 1)
    collector[0].publish(f"citimeasure/v1/{OTHER}/ack", b"private", 1)
    for one in (kit, collector):
        assert one[1]["acked"].wait(20)
    assert not [payload for _, payload in spy[1]["messages"] if payload == b"private"]
    clean(spy, kit, collector)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (KIT, "wrong"),
        (KIT, ""),
        (OTHER.upper(), None),
        ("collector", "wrong"),
        ("root", "root"),
        (None, None),
        ("", ""),
    ],
)
def test_who_has_no_password_stays_outside(broker, name, password):
    client, told = broker.client(name, password, port=broker.kits_port)
    assert told["gone"].is_set() or told["code"].is_failure
    clean((client, told))


def test_nobody_throws_a_kit_off_by_its_client_id(broker):
    kit = broker.client(KIT, client_id=KIT)
    thief = broker.client(OTHER, client_id=KIT)
    assert not thief[1]["code"].is_failure
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"still here", 1)
    assert kit[1]["acked"].wait(20) and not kit[1]["gone"].is_set()
    clean(kit, thief)


def test_collectors_of_a_group_hear_kits(broker):
    member, kit = broker.client("collector", client_id="member"), broker.client(KIT)
    member[0].subscribe("$share/collectors/citimeasure/v1/+/readings", 1)
    wait_until(lambda: member[1]["granted"], 20, "the subscription")
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"for the group", 1)
    wait_until(lambda: member[1]["messages"], 20, "the message")
    assert member[1]["messages"] == [(f"citimeasure/v1/{KIT}/readings", b"for the group")]
    clean(member, kit)


def test_two_collectors_and_a_command_do_not_throw_each_other_off(broker):
    clients = [broker.client("collector", client_id=f"c{n}") for n in range(3)]
    for client, told in clients:
        client.publish(f"citimeasure/v1/{KIT}/health", b"{}", 1)
        assert told["acked"].wait(20) and not told["gone"].is_set()
    clean(*clients)


def test_a_message_that_is_too_large_ends_its_connection_and_reaches_nobody(broker):
    listener, kit = broker.client("collector", client_id="large"), broker.client(KIT)
    listener[0].subscribe("citimeasure/v1/+/readings", 1)
    wait_until(lambda: listener[1]["granted"], 20, "the subscription")
    kit[0].publish(f"citimeasure/v1/{KIT}/readings", b"x" * 9000, 1)
    assert kit[1]["gone"].wait(20)
    assert not listener[1]["messages"]
    clean(listener, kit)


def test_only_the_own_root_is_trusted_and_without_tls_nobody_is_heard(broker, tmp_path):
    make(tmp_path, ["localhost"])
    for root, trusted in ((broker.certs / "root.crt", True), (tmp_path / "root.crt", False)):
        context = ssl.create_default_context(cafile=str(root))
        with socket.create_connection(("127.0.0.1", broker.kits_port), timeout=20) as plain:
            try:
                context.wrap_socket(plain, server_hostname="localhost").close()
                assert trusted
            except ssl.SSLCertVerificationError:
                assert not trusted
    with socket.create_connection(("127.0.0.1", broker.kits_port), timeout=20) as plain:
        plain.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x")
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(4)[:1] != b"\x20", "a greeting without TLS was answered"


def test_a_kit_that_is_locked_out_is_refused_as_soon_as_mosquitto_reads_again(broker):
    assert "0 of 5 files" in broker.write().stderr
    with Registry(Settings(folder=broker.folder / "data").registry_url) as registry:
        registry.add_device("kit-1", "kit-cccccc")
        broker.passwords["kit-cccccc"] = registry.identity.set_password("kit-cccccc")
    assert "passwords is not what it should be" in broker.write("--check", ok=False).stderr
    wait_until(broker.pid_file.exists, 20, "the file with the process's number")
    assert "1 of 5 files" in broker.write("--reload", broker.pid_file).stderr
    let_in = broker.client("kit-cccccc")
    assert not let_in[1]["code"].is_failure
    citimeasure("device", "revoke", "kit-cccccc", "--folder", broker.folder / "data")
    broker.write("--reload", broker.pid_file)
    wait_until(lambda: not enters(broker, "kit-cccccc"), 20, "the refusal")
    clean(let_in)


def test_an_old_password_ends_as_soon_as_mosquitto_reads_again_and_the_new_one_holds(broker):
    with Registry(Settings(folder=broker.folder / "data").registry_url) as registry:
        registry.add_device("kit-1", "kit-dddddd")
        old, new = (registry.identity.set_password("kit-dddddd") for _ in range(2))
    wait_until(broker.pid_file.exists, 20, "the file with the process's number")
    broker.write("--reload", broker.pid_file)
    wait_until(lambda: enters(broker, "kit-dddddd", new), 20, "that the new password holds")
    assert not enters(broker, "kit-dddddd", old)
    with Registry(Settings(folder=broker.folder / "data").registry_url) as registry:
        newest = registry.identity.set_password("kit-dddddd")
    assert enters(broker, "kit-dddddd", new), "mosquitto reads its files when it is told to"
    staying = broker.client("kit-dddddd", new)
    broker.write("--reload", broker.pid_file)
    assert staying[1]["gone"].wait(20), "who came in with the old password is let go"
    clean(staying)
    assert not enters(broker, "kit-dddddd", new)
    assert enters(broker, "kit-dddddd", newest)


def test_files_are_for_their_owner_and_hold_no_password_of_a_kit(broker):
    for path in (broker.folder / "mosquitto").iterdir():
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
            assert broker.passwords[KIT] not in path.read_text()
    assert (broker.certs / "root.key").stat().st_mode & 0o077 == 0
    assert (broker.certs / "server.key").stat().st_mode & 0o077 == 0


def test_a_new_certificate_keeps_the_root(tmp_path):
    first = make(tmp_path, ["localhost", "192.0.2.1"])
    root, server = (tmp_path / "root.crt").read_bytes(), (tmp_path / "server.crt").read_bytes()
    again = make(tmp_path, ["localhost"])
    assert len(first) == 4 and len(again) == 2
    assert (tmp_path / "root.crt").read_bytes() == root and (tmp_path / "server.crt").read_bytes() != server
    assert certificates.check(tmp_path / "server.crt", tmp_path / "server.key") == pytest.approx(397, abs=1)
    shown = subprocess.run(
        ["openssl", "verify", "-CAfile", tmp_path / "root.crt", tmp_path / "server.crt"], capture_output=True
    )
    assert shown.returncode == 0
    (tmp_path / "root.key").unlink()
    fails(3, "root.key is missing", "broker", "certs", "--out", tmp_path, "--name", "localhost")


def test_what_cannot_be_a_certificate_is_refused(tmp_path):
    fails(3, "is no host name", "broker", "certs", "--out", tmp_path, "--name", "a b")
    fails(3, "is no host name", "broker", "certs", "--out", tmp_path, "--name", "x,DNS:other.example")
    make(tmp_path / "one", ["localhost"])
    make(tmp_path / "two", ["localhost"])
    (tmp_path / "data").mkdir()
    Registry(Settings(folder=tmp_path / "data").registry_url).close()
    pair = ("--certificate", tmp_path / "one/server.crt", "--key", tmp_path / "two/server.key")
    command = ("broker", "config", "mosquitto", "--folder", tmp_path / "data", "--out", tmp_path / "m")
    fails(3, "are no certificate with its key", *command, *pair)


def test_the_end_of_a_certificate_is_warned_of_in_time():
    end = "Nov 23 12:00:00 2026 GMT"
    noon = ssl.cert_time_to_seconds(end)
    assert warning(end, "mqtt.city.example", noon - 31 * 86400) == ""
    assert "mqtt.city.example is good for 30 days only" in warning(end, "mqtt.city.example", noon - 30 * 86400)
