# SPDX-License-Identifier: EUPL-1.2
"""The kit's MQTT client against a real mosquitto, and against a server that does not keep to the protocol."""

import contextlib
import json
import socket
import subprocess
import threading

import paho.mqtt.client as paho
import pytest

from collector.registry import Registry
from collector.settings import Settings
from collector.store.sqlite import SqliteStore
from tests.firmware import board
from tests.journeys.collecting import Collector, wait_until

CLIENT = """
import asyncio, sys
from kit.net.mqtt import Client, MQTTError
async def main():
    got, acked = [], []
    open_ = lambda: asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    client = Client(open_, "kit-a", lambda topic, payload: got.append((topic, payload)), *sys.argv[2:4], keepalive=4)
    client.on_puback = acked.append
    await client.connect("t/status", "gone")
    reader = asyncio.create_task(client.run())
    await client.subscribe("t/in")
    await asyncio.sleep_ms(300)
    pid = await client.publish("t/out", [b"x" * 400, b"", b"x" * 600], 1)
    await client.publish("t/in", b"hello", 1)
    await asyncio.sleep_ms(1000)
    print(got == [(b"t/in", b"hello")], pid in acked and len(acked) == 2)
    await asyncio.sleep(6)  # longer than the keep-alive
    print(reader.done())
    reader.cancel()
async def guarded():
    try:
        await main()
    except MQTTError as error:
        print("MQTTError", error)
asyncio.run(guarded())
"""


@pytest.fixture
def watcher(mosquitto):
    """What others see of the kit: a list of (topic, payload)."""
    seen = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_message = lambda _c, _d, message: seen.append((message.topic, message.payload))
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.connect(mosquitto.host, mosquitto.port)
    client.subscribe("t/#", qos=1)
    client.loop_start()
    assert ready.wait(10)
    yield seen
    client.disconnect()
    client.loop_stop()


def test_it_talks_to_a_real_broker(mosquitto, watcher):
    assert board.run(CLIENT, mosquitto.port).split() == ["True", "True", "False"]
    assert ("t/out", b"x" * 1000) in watcher and ("t/in", b"hello") in watcher


def test_the_last_will_is_said_when_the_kit_is_gone(mosquitto, watcher):
    board.run(CLIENT, mosquitto.port)
    wait_until(lambda: ("t/status", b"gone") in watcher, 20, "the last will")


def serve_once(*answers):
    """A server that gives one client the answers, one for each thing it says; returns the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        # The kit may hang up without ceremony: that is what the test is about.
        with server, server.accept()[0] as line, contextlib.suppress(OSError):
            for answer in answers:
                line.recv(4096)
                line.sendall(answer)
            line.settimeout(10)
            while line.recv(4096):
                pass

    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()[1]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((b"\x20\x02\x00\x05",), "refused with code 5"),
        ((b"\x30\x02\x00\x00",), "no CONNACK"),
        ((b"\x20\xff\xff\xff\x7f",), "packet of"),
        ((b"\x20\xff\xff\xff\xff\x7f",), "malformed length"),
    ],
)
def test_a_broker_that_greets_wrongly_is_left(answers, words):
    assert words in board.run(CLIENT, serve_once(*answers))


GREETED = """
import asyncio, sys
from kit.net.mqtt import Client
async def main():
    open_ = lambda: asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    client = Client(open_, "kit-a", lambda *_: None, keepalive=2)
    await client.connect("t", "gone")
    await client.subscribe("t/in")
    try:
        await asyncio.wait_for(client.run(), 15)
    except OSError as error:
        print(error)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x90\x03\x00\x01\x80", "subscription refused"),
        (b"\x90\x03\x00\x09\x01", "subscription refused"),
        (b"\x30\x01\x00", "malformed PUBLISH"),
        (b"\x36\x05\x00\x01t\x00\x01", "malformed PUBLISH"),
        (b"\x31\x04\x00\x09ab", "malformed PUBLISH"),
        (b"\xf0\x00", "packet 0xf0"),
        (b"\x30\xff\xff\xff\x7f", "packet of"),
        (b"", "closed"),  # silence: a line that is dead, though nobody said so
    ],
)
def test_what_does_not_fit_the_protocol_ends_the_connection(answer, words):
    assert words in board.run(GREETED, serve_once(b"\x20\x02\x00\x00", answer))


def test_a_topic_that_is_not_needed_may_be_refused():
    """Brokers that were set up for an older firmware do not let kits read their commands."""
    code = GREETED.replace('"t/in"', '"t/in", needed=False')
    # What ends the connection is the packet behind the refusal.
    refusal = b"\x90\x03\x00\x01\x80\xf0\x00"
    assert "packet 0xf0" in board.run(code, serve_once(b"\x20\x02\x00\x00", refusal))


FLOODS = """
import asyncio, sys, time
from kit.net.mqtt import Client
async def main():
    open_ = lambda: asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    client = Client(open_, "kit-a", lambda *_: None, keepalive=3)
    await client.connect("t", "gone")
    try:
        for _ in range(100000):
            await client.publish("t/out", bytes(4000), 1)
    except (OSError, asyncio.TimeoutError) as error:
        print("gave up", repr(error))
asyncio.run(main())
"""


def test_a_line_that_takes_nothing_any_more_is_left():
    """The broker's side of a half-open connection: it neither reads nor answers nor closes."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            line = server.accept()[0]
            held.append(line)
            line.recv(4096)
            line.sendall(b"\x20\x02\x00\x00")

        threading.Thread(target=serve, daemon=True).start()
        assert "gave up" in board.run(FLOODS, server.getsockname()[1], timeout=60)
    for line in held:
        line.close()


@pytest.mark.timeout(200)
def test_a_kit_a_real_broker_and_the_real_collector_through_kills(tmp_path, mosquitto):
    """Every reading of a kit is stored once, though broker and collector are killed while it sends."""
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_device("kit-1", "kit-real")
    command = board.start_command(
        "run_kit", "kit-real", mosquitto.host, mosquitto.port, tmp_path / "flash", 1200, 60, 2400, heap="256k"
    )
    with (
        Collector(folder, "--broker", mosquitto.url) as collector,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=board.environment()
        ) as kit,
    ):
        try:

            def first_stored():
                assert kit.poll() is None, kit.communicate()[0]
                return stored(folder) >= 10

            wait_until(first_stored, 60, "a first stored reading")
            collector.kill()
            collector.start()
            before = stored(folder)
            mosquitto.restart()
            wait_until(lambda: stored(folder) > before + 5, 90, "storing after the broker's kill")
            out, _ = kit.communicate(timeout=120)
        finally:
            kit.kill()
        assert "Traceback" not in out, out
        books = json.loads(out.splitlines()[-1])
        collector.wait_until_stored()
        assert collector.stop() == 0
    assert books["held"] == books["dropped"] == books["rejected"] == books["bad_acks"] == 0
    assert books["made"] >= 100 and books["connects"] >= 2
    assert stored(folder) == books["made"] == books["acked"]


def stored(folder):
    store = SqliteStore(folder)
    try:
        # A hurried interval may miss one of the sensors.
        return len({int(t) for name in ("temperature", "pm25") for t in store.read("kit-real", name, 0, 2**40).t})
    finally:
        store.close()
