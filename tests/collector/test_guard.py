# SPDX-License-Identifier: EUPL-1.2
"""The embedded broker under attack: real sockets, packets by hand, and what came through."""

import socket
import struct
import time
from dataclasses import replace

import pytest

from collector.credentials import COLLECTOR
from collector.ingest.broker import EmbeddedBroker, with_login
from collector.ingest.guard import Pace
from collector.ingest.rules import MAX_PACKET
from collector.registry import Registry
from collector.settings import Settings
from tests import parts

KIT, OTHER = "kit-a1b2c3", "kit-other-1"
PREFIX = "citimeasure/v1"
IMPATIENT = replace(Pace(), hello_s=1.0)
REFUSED, SILENT = b"\x20\x02\x00\x05", b""


def text(word):
    raw = word if isinstance(word, bytes) else word.encode()
    return struct.pack("!H", len(raw)) + raw


def packet(first, body):
    size, digits = len(body), bytearray()
    while True:
        size, digit = size >> 7, size & 127
        digits.append(digit | (128 if size else 0))
        if not size:
            return bytes([first, *digits]) + body


def connect(name=None, password=None, client="c", will=None, level=4, protocol="MQTT"):
    flags = 2 | (0x80 if name is not None else 0) | (0x40 if password is not None else 0) | (4 if will else 0)
    body = text(protocol) + bytes([level, flags]) + struct.pack("!H", 60) + text(client)
    for word in (*(will or ()), name, password):
        body += b"" if word is None else text(word)
    return packet(0x10, body)


def publish(topic, payload=b"forged", first=0x32):
    return packet(first, text(topic) + (b"\x00\x07" if first & 6 else b"") + payload)


def subscribe(*filters):
    return packet(0x82, b"\x00\x09" + b"".join(text(one) + b"\x01" for one in filters))


class City:
    def __init__(self, folder, pace=IMPATIENT, look_s=0.0):
        port = parts.free_port()
        self.address = ("127.0.0.1", port)
        settings = Settings(folder=folder, broker_listen=f"127.0.0.1:{port}", broker_anonymous="no")
        self.registry = Registry(settings.registry_url)
        self.password = {}
        for kit in (KIT, OTHER):
            self.registry.add_device("kit-1", kit)
            self.password[kit] = self.registry.identity.set_password(kit)
        settings = with_login(settings)
        self.password[COLLECTOR] = settings.secret("broker_password")

        def accounts():
            time.sleep(look_s)
            return self.registry.identity.accounts()

        self.broker = EmbeddedBroker(settings, accounts, pace)
        self.broker.start()

    def end(self):
        self.broker.stop()
        self.registry.close()

    def raw(self, data):
        sock = socket.create_connection(self.address, timeout=10)
        sock.sendall(data)
        return sock

    def login(self, name, client="c"):
        sock = self.raw(connect(name, self.password[name], client))
        assert hear(sock, 4) == b"\x20\x02\x00\x00"
        return sock


def hear(sock, n):
    """n bytes, or fewer if the connection ends."""
    data = b""
    try:
        while len(data) < n and (more := sock.recv(n - len(data))):
            data += more
    except ConnectionError:
        pass
    return data


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    city = City(tmp_path_factory.mktemp("city"))
    yield city
    city.end()


@pytest.fixture
def collector(city):
    """The collector, subscribed to what it reads."""
    sock = city.login(COLLECTOR)
    sock.sendall(subscribe(f"{PREFIX}/+/readings", f"{PREFIX}/+/status"))
    assert hear(sock, 6)[:1] == b"\x90"
    yield sock
    sock.close()


LOGINS = {
    "nobody gives no name": connect(),
    "a name without a password": connect(KIT),
    "a wrong password": connect(KIT, "wrong"),
    "an empty password": connect(KIT, ""),
    "a password of ten thousand letters": connect(KIT, "x" * 8000),
    "a kit that nobody registered": connect("kit-nobody", "x"),
    "an empty name": connect("", ""),
    "a name with a wildcard": connect("+", "x"),
    "a name with a slash": connect(f"{KIT}/readings", "x"),
    "a name with SQL in it": connect("' OR 1=1 --", "' OR 1=1 --"),
    "the collector's name with a wrong password": connect(COLLECTOR, "wrong"),
    "the collector's name without a password": connect(COLLECTOR),
    "a kit's hash is no password": connect(KIT, "$7$1000$"),
}


@pytest.mark.parametrize("hello", LOGINS.values(), ids=LOGINS)
def test_a_login_that_is_refused(city, hello):
    with city.raw(hello) as sock:
        assert hear(sock, 5) == REFUSED


def test_the_password_of_one_kit_is_not_another_kits(city):
    with city.raw(connect(OTHER, city.password[KIT])) as sock:
        assert hear(sock, 5) == REFUSED


NO_CONNECTS = {
    "MQTT 5": (connect(KIT, "x", level=5), b"\x20\x02\x00\x01"),
    "MQTT 3.1": (connect(KIT, "x", level=3, protocol="MQIsdp"), b"\x20\x02\x00\x01"),
    "a message before the CONNECT": (publish(f"{PREFIX}/{KIT}/readings"), SILENT),
    "a subscription before the CONNECT": (subscribe("#"), SILENT),
    "HTTP": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", SILENT),
    "a CONNECT of 200 MB": (b"\x10\xff\xff\xff\x5f" + b"x" * 100, SILENT),
    "a length that never ends": (b"\x10\xff\xff\xff\xff\xff\xff", SILENT),
    "half a CONNECT and then silence": (connect(KIT, "x")[:9], SILENT),
    "silence": (b"", SILENT),
    "a CONNECT that is longer than it says": (packet(0x10, connect(KIT, "x")[2:] + b"junk"), SILENT),
    "a name that is not UTF-8": (connect(b"\xff\xfe", "x"), SILENT),
    "a name with a null character": (connect("kit\0", "x"), SILENT),
    "the reserved flag": (b"\x10\x0c" + text("MQTT") + b"\x04\x03\x00\x3c" + b"\x00\x00", SILENT),
}


@pytest.mark.parametrize("data, answer", NO_CONNECTS.values(), ids=NO_CONNECTS)
def test_what_is_no_login_ends(city, data, answer):
    with city.raw(data) as sock:
        assert hear(sock, 5) == answer


FOREIGN = {
    "another kit's readings": f"{PREFIX}/{OTHER}/readings",
    "another kit's status": f"{PREFIX}/{OTHER}/status",
    "its own acknowledgement": f"{PREFIX}/{KIT}/ack",
    "another kit's acknowledgement": f"{PREFIX}/{OTHER}/ack",
    "its own order": f"{PREFIX}/{KIT}/command",
    "another kit's order": f"{PREFIX}/{OTHER}/command",
    "its own health": f"{PREFIX}/{KIT}/health",
    "a topic below its own": f"{PREFIX}/{KIT}/readings/more",
    "its own with another case": f"{PREFIX}/{KIT.upper()}/readings",
    "a leading slash": f"/{PREFIX}/{KIT}/readings",
    "the broker's own topics": "$SYS/broker/uptime",
    "a wildcard": f"{PREFIX}/+/readings",
    "anything else": "elsewhere",
    "an empty topic": "",
}


@pytest.mark.parametrize("topic", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("first", [0x30, 0x31, 0x32, 0x33], ids=["QoS 0", "QoS 0 retained", "QoS 1", "QoS 1 retained"])
def test_a_kit_cannot_write(city, collector, topic, first):
    with city.login(KIT) as kit, city.login(OTHER) as other:
        other.sendall(subscribe(f"{PREFIX}/{OTHER}/ack", f"{PREFIX}/{OTHER}/command"))
        hear(other, 6)
        kit.sendall(publish(topic, first=first) + publish(f"{PREFIX}/{KIT}/readings", b"mine"))
        told = hear(collector, len(publish(f"{PREFIX}/{KIT}/readings", b"mine")))
        assert told.endswith(b"mine") and b"forged" not in told
        other.sendall(b"\xc0\x00")  # a ping: what was forged would be heard before its answer
        assert hear(other, 2) == b"\xd0\x00"


UNREADABLE = [
    "#",
    "+/#",
    f"{PREFIX}/+/readings",
    f"{PREFIX}/+/ack",
    f"{PREFIX}/{OTHER}/ack",
    f"{PREFIX}/{OTHER}/command",
    f"{PREFIX}/{KIT}/#",
    f"{PREFIX}/{KIT}/readings",
    "$SYS/#",
    f"$share/g/{PREFIX}/+/readings",
]


@pytest.mark.parametrize("topic", UNREADABLE)
def test_a_kit_cannot_read(city, topic):
    with city.login(KIT) as kit:
        kit.sendall(subscribe(topic))
        assert hear(kit, 5) == b"\x90\x03\x00\x09\x80"


BREACHES = {
    "a message that is too large": publish(f"{PREFIX}/{KIT}/readings", b"x" * MAX_PACKET),
    "a message of 200 MB that never comes": b"\x32\xff\xff\xff\x5f",
    "QoS 2": publish(f"{PREFIX}/{KIT}/readings", first=0x34),
    "QoS 3": publish(f"{PREFIX}/{KIT}/readings", first=0x36),
    "a second CONNECT": connect(KIT, "x"),
    "a packet only brokers send": b"\x20\x02\x00\x00",
    "a reserved packet": b"\xf0\x00",
    "a ping with a body": b"\xc0\x03abc",
    "a subscription to nothing": packet(0x82, b"\x00\x01"),
    "a topic longer than its packet": packet(0x32, b"\xff\xff" + b"x" * 20),
}


@pytest.mark.parametrize("data", BREACHES.values(), ids=BREACHES)
def test_a_breach_of_the_protocol_ends_the_connection(city, data):
    with city.login(KIT) as kit:
        kit.sendall(data)
        assert hear(kit, 1) == b""


def test_a_last_will_for_another_kit_is_refused(city):
    will = (f"{PREFIX}/{OTHER}/status", "forged")
    with city.raw(connect(KIT, city.password[KIT], will=will)) as sock:
        assert hear(sock, 5) == REFUSED


def test_a_refused_login_does_not_throw_off_the_kit_whose_id_it_takes(city):
    with city.login(KIT) as kit:
        with city.raw(connect(KIT, "wrong", client=KIT)) as thief:
            assert hear(thief, 5) == REFUSED
        with city.login(OTHER, client=KIT):
            kit.sendall(b"\xc0\x00")
            assert hear(kit, 2) == b"\xd0\x00"


def test_a_crowd_that_says_nothing_keeps_nobody_out(city):
    crowd = [city.raw(b"") for _ in range(150)]
    with city.login(KIT):
        pass
    for sock in crowd:
        sock.close()


def test_strangers_whose_login_is_looked_at_again_go_before_a_kit_that_has_not_said_all(tmp_path):
    city = City(tmp_path, replace(Pace(), waiting=5), look_s=0.5)
    with city.login(KIT):
        pass
    hello = connect(OTHER, city.password[OTHER])
    slow = city.raw(hello[:3])
    strangers = []
    for n in range(20):
        strangers.append(city.raw(connect(f"kit-nobody-{n}", "guessed")))
        time.sleep(0.05)  # each has said who it is, and waits for the second look
    slow.sendall(hello[3:])
    assert hear(slow, 4) == b"\x20\x02\x00\x00"
    for sock in (slow, *strangers):
        sock.close()
    city.end()


def test_a_kit_that_is_locked_out_is_let_go_at_once_and_comes_back_with_a_new_password(city):
    city.registry.add_device("kit-1", "kit-leaves")
    city.password["kit-leaves"] = city.registry.identity.set_password("kit-leaves")
    with city.login("kit-leaves") as kit:
        began = time.monotonic()
        city.registry.identity.revoke("kit-leaves")
        assert hear(kit, 1) == b"" and time.monotonic() - began < 10
    with city.raw(connect("kit-leaves", city.password["kit-leaves"])) as sock:
        assert hear(sock, 5) == REFUSED
    city.password["kit-leaves"] = city.registry.identity.set_password("kit-leaves")
    city.login("kit-leaves").close()


def test_an_old_password_ends_within_seconds_and_the_new_one_holds_at_once(city):
    city.registry.add_device("kit-1", "kit-turns")
    old = city.password["kit-turns"] = city.registry.identity.set_password("kit-turns")
    with city.login("kit-turns") as kit:
        began = time.monotonic()
        city.password["kit-turns"] = city.registry.identity.set_password("kit-turns")
        assert hear(kit, 1) == b"" and time.monotonic() - began < 10
    city.login("kit-turns").close()
    with city.raw(connect("kit-turns", old)) as sock:
        assert hear(sock, 5) == REFUSED
