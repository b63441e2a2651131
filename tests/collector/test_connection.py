# SPDX-License-Identifier: EUPL-1.2
"""The connection to a broker: with a real mosquitto, with TLS, and with servers that misbehave."""

import select
import socket
import ssl
import threading
import time

import pytest
import trustme

from collector.ingest import connection as module
from collector.ingest import stream
from collector.ingest.connection import Address, Connection, Refused
from collector.ingest.mqtt import address_of
from collector.ingest.stream import MalformedPacket
from collector.settings import Settings
from tests import parts

TOPIC = "speed/test"


def take(connection, n):
    """The next n messages."""
    got, deadline = [], time.monotonic() + 20
    while len(got) < n and time.monotonic() < deadline:
        connection.flush()
        select.select([connection.socket], [connection.socket] if connection.unsent else [], [], 0.2)
        got += connection.receive()
    return got


def test_messages_go_out_and_come_back_whole_through_a_real_broker(mosquitto):
    connection = Connection(Address(mosquitto.host, mosquitto.port), TOPIC)
    sent = [(TOPIC, str(n).encode() * (1 + n % 50)) for n in range(3000)]
    connection.publish(sent)
    assert take(connection, len(sent)) == sent
    connection.close()


def test_a_private_root_is_trusted_and_another_is_not(tmp_path):
    root = trustme.CA()
    certificate = root.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "certificate")
    files = [f"keyfile {tmp_path}/key", f"certfile {tmp_path}/certificate"]
    with parts.mosquitto(files) as server:
        good, bad = ssl.create_default_context(), ssl.create_default_context()
        root.configure_trust(good)
        connection = Connection(Address(server.host, server.port, good), TOPIC)
        sent = [(TOPIC, bytes([n % 256]) * 700) for n in range(500)]
        connection.publish(sent)
        assert take(connection, len(sent)) == sent
        connection.close()
        with pytest.raises(ssl.SSLError):
            Connection(Address(server.host, server.port, bad), TOPIC)


class Puppet:
    """A broker for one connection, that answers what it is told and then stays open."""

    def __init__(self, answers):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = Address("127.0.0.1", self.listener.getsockname()[1])
        self.got, self.peer = [], None
        self.thread = threading.Thread(target=self._serve, args=(answers,))
        self.thread.start()

    def _serve(self, answers):
        self.peer, _ = self.listener.accept()
        for answer in answers:
            self.got.append(self.peer.recv(4096))
            self.peer.sendall(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(20)
        if self.peer:
            self.peer.close()
        self.listener.close()


WELCOME = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01"]


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ([b"\x20\x02\x00\x04"], Refused, "password"),
        ([b"\x20\x02\x00\x05"], Refused, "not authorized"),
        ([b"\x20\x02\x00\x63"], Refused, "code is 99"),
        ([b"\x20\x02\x00\x03"], ConnectionError, "not available"),
        ([WELCOME[0], b"\x90\x03\x00\x01\x80"], Refused, "may not subscribe"),
        ([b"HTTP/1.1 400 Bad Request\r\n" + bytes(90)], MalformedPacket, "not MQTT"),
        ([b"\xd0\x00"], MalformedPacket, "not MQTT"),
    ],
)
def test_a_broker_that_says_no_is_quoted(answers, error, words):
    with Puppet(answers) as broker, pytest.raises(error, match=words):
        Connection(broker.address, TOPIC)


def test_a_password_is_not_shown():
    assert "secret-1" not in repr(Address("h", 1, None, "me", "secret-1"))


def test_messages_that_come_before_the_subscription_is_answered_are_kept():
    early = stream.publish([(TOPIC, b"early")])
    with Puppet([WELCOME[0], early + WELCOME[1]]) as broker:
        connection = Connection(broker.address, TOPIC)
        assert connection.receive() == [(TOPIC, b"early")]
        connection.close()


def test_a_silent_broker_is_asked_and_given_up_if_it_does_not_answer(monkeypatch):
    with Puppet(WELCOME) as broker:
        connection = Connection(broker.address, TOPIC)
        broker.thread.join(20)
        began = time.monotonic()
        connection.tend()
        for after in (16, 30):
            monkeypatch.setattr(module.time, "monotonic", lambda after=after: began + after)
            connection.tend()
        assert broker.peer.recv(10) == stream.PINGREQ
        monkeypatch.setattr(module.time, "monotonic", lambda: began + 33)
        with pytest.raises(ConnectionError, match="silent for 33 s"):
            connection.tend()
        connection.close()


def test_an_answer_that_waits_to_be_read_is_not_taken_for_silence(monkeypatch):
    with Puppet(WELCOME) as broker:
        connection = Connection(broker.address, TOPIC)
        broker.thread.join(20)
        began = time.monotonic()
        for after in (16, 50):  # a commit took long in between
            monkeypatch.setattr(module.time, "monotonic", lambda after=after: began + after)
            if after == 50:
                broker.peer.sendall(b"\xd0\x00")
                select.select([connection.socket], [], [], 20)
            connection.tend()
        assert connection.receive() == []
        connection.tend()
        connection.close()


def test_a_broker_that_takes_nothing_more_is_given_up_though_it_said_something(monkeypatch):
    with Puppet(WELCOME) as broker:
        connection = Connection(broker.address, TOPIC)
        broker.thread.join(20)
        connection.publish([(TOPIC, bytes(100_000))] * 200)
        broker.peer.sendall(b"\xd0\x00")
        select.select([connection.socket], [], [], 20)
        began = time.monotonic()
        for after, ends in ((16, False), (40, False), (80, True)):
            monkeypatch.setattr(module.time, "monotonic", lambda after=after: began + after)
            if ends:
                with pytest.raises(ConnectionError):
                    connection.tend()
            else:
                connection.tend()
        connection.close()


def test_what_the_broker_does_not_take_waits_and_goes_when_it_does():
    with Puppet(WELCOME) as broker:
        connection = Connection(broker.address, TOPIC)
        broker.thread.join(20)
        wanted = stream.publish([(TOPIC, bytes(100_000))] * 100)
        connection.publish([(TOPIC, bytes(100_000))] * 100)
        assert connection.unsent
        got = bytearray()
        broker.peer.settimeout(20)
        while len(got) < len(wanted):
            got += broker.peer.recv(1 << 20)
            connection.flush()
        assert got == wanted and not connection.unsent
        connection.close()


def test_a_closed_connection_and_an_answer_nobody_asked_for_end_it():
    for answer, error in ((b"", ConnectionError), (b"\x90\x03\x00\x01\x01", MalformedPacket)):
        with Puppet(WELCOME) as broker:
            connection = Connection(broker.address, TOPIC)
            broker.thread.join(20)
            broker.peer.sendall(answer)
            if not answer:
                broker.peer.shutdown(socket.SHUT_RDWR)
            select.select([connection.socket], [], [], 20)
            with pytest.raises(error):
                connection.receive()
            connection.close()


def test_a_collector_comes_back_under_its_own_name_and_no_other_has_it(tmp_path):
    names = []
    for folder in ("first", "first", "second"):
        (tmp_path / folder).mkdir(exist_ok=True)
        settings = Settings(folder=tmp_path / folder, broker="mqtt://127.0.0.1:1")
        names.append(address_of(settings).client_id)
    assert names[0] == names[1] != names[2] and all(names)


def test_without_room_for_its_name_a_collector_starts_all_the_same(tmp_path):
    (tmp_path / "client-id").mkdir()
    settings = Settings(folder=tmp_path, broker="mqtt://127.0.0.1:1")
    assert address_of(settings).client_id == ""
