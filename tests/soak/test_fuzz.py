# SPDX-License-Identifier: EUPL-1.2
"""A million altered inputs for everything that reads what strangers write: nothing but the decoder's own refusals.

Messages, alone and through the intake into a spool; topics; MQTT packets of both directions; whole HTTP requests to a
running collector; settings. `make soak` sends a million, other runs a fiftieth of that. Beside it each decoder has
property tests of its own, which shrink what they find.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from contextlib import suppress
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path

import pytest

from collector.errors import SettingError
from collector.fleet import parse_status
from collector.ingest import packets, stream
from collector.message import Reason, decode, device_of, readings_topic
from collector.settings import PREFIX, Settings, load
from tests.collector.httpcity import City, basic, message
from tests.collector.test_guard import connect, publish, subscribe
from tests.collector.test_intake import DEVICE, VECTORS, Bench
from tests.soak.altered_inputs import Altered
from tests.soak.chain import SOAK

TOTAL = 1_000_000 if SOAK else 20_000
SEED = 20_260_101
pytestmark = pytest.mark.timeout(3600 if SOAK else 300)


def some(good, share: float):
    """A share of all the inputs."""
    return islice(Altered(good, SEED), round(TOTAL * share))


def vectors() -> list[bytes]:
    """The messages that the firmware's tests read too."""
    told = [json.loads(path.read_text()) for path in sorted(VECTORS.glob("*.json"))]
    return [one["raw"].encode() if "raw" in one else json.dumps(one["payload"]).encode() for one in told]


def test_messages_are_taken_or_refused_with_a_reason():
    taken = 0
    for payload in some(vectors(), 0.3):
        decoded = decode(DEVICE, payload)
        assert decoded.readings or decoded.refused, payload
        assert all(one.reason in Reason and one.detail.isprintable() for one in decoded.refused), payload
        for reading in decoded.readings:
            taken += 1
            assert 0 <= reading.seq <= 2**53 and (reading.t is None) != (reading.age is None), payload
            assert all(value is None or math.isfinite(value) for value in reading.q.values()), payload
            assert all(re.fullmatch("[a-z][a-z0-9_]{0,31}", name) for name in reading.q), payload
    assert taken > TOTAL / 1000, "hardly anything was nearly right"


def test_messages_and_topics_pass_the_intake_and_none_of_them_ends_it(tmp_path):
    bench = Bench(tmp_path, limit_messages=0, limit_bytes=0, limit_readings=0, quarantine_messages=500)
    payloads, topics = iter(some(vectors(), 0.15)), Altered([readings_topic(DEVICE).encode()], SEED)
    while group := list(islice(payloads, 500)):
        for n, payload in enumerate(group):
            odd = next(topics).decode(errors="surrogateescape" if n % 20 else "replace") if n % 10 == 0 else None
            bench.intake.take(odd if odd is not None and odd.isprintable() else readings_topic(DEVICE), payload)
        for topic, ack in bench.intake.commit():
            told = json.loads(ack)
            assert device_of(topic.replace("/ack", "/readings")), topic
            assert set(told) <= {"boot", "seq", "rejected", "noted", "error", "now"}, told
    assert bench.spool.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert bench.stored() and len(bench.spool.quarantined(limit=10_000)) <= 2 * 601
    bench.spool.close()


def test_topics_name_a_device_or_nobody():
    good = [
        readings_topic(DEVICE).encode(),
        b"citimeasure/v1/kit-other-1/status",
        b"$share/g/citimeasure/v1/+/readings",
    ]
    named = 0
    for raw in some(good, 0.2):
        device = device_of(raw.decode(errors="surrogateescape"))
        named += device is not None
        assert device is None or raw == f"citimeasure/v1/{device}/readings".encode()
        assert device is None or re.fullmatch("[a-z0-9-]{6,32}", device)
    assert named


def test_mqtt_packets_are_read_or_refused():
    topic = readings_topic(DEVICE)
    good = [
        connect(DEVICE, "password", will=(topic, "x")),
        publish(topic),
        subscribe(topic, topic),
        publish(topic, first=0x30),
    ]
    status = b'{"online":true,"fw":"0.2.0","uptime":5,"queued":0,"update":{"state":"trial","version":"1","reason":""}}'
    parsers = (
        packets.parse_connect,
        lambda body: packets.parse_publish(body[0] & 15 if body else 0, body),
        packets.parse_subscribe,
        packets.parse_unsubscribe,
        parse_status,
    )
    reader, ended = stream.Reader(), 0
    for n, packet in enumerate(some([*good, *good, status], 0.15)):
        for parse in parsers:
            with suppress(packets.Malformed):
                parse(packet[2:] if n % 2 else packet)
        try:
            reader.feed(packet)
        except stream.MalformedPacket:
            reader, ended = stream.Reader(), ended + 1
    assert ended


def test_settings_are_read_or_refused_in_a_sentence(tmp_path):
    known = {
        name: list(value) if isinstance(value, tuple) else str(value) if isinstance(value, Path) else value
        for name, value in asdict(Settings()).items()
    }
    lines = [f"{name} = {json.dumps(value)}\n".encode() for name, value in known.items()]
    path, kinds, loaded = tmp_path / "citimeasure.toml", {one.name: type(one.default) for one in fields(Settings)}, 0
    for n, text in enumerate(some([b"".join(lines), *3 * lines], 0.1)):
        path.write_bytes(text)
        name, _, value = text.decode(errors="replace").replace("\0", "").partition(" = ")
        variable = {PREFIX + name.upper(): value.strip().strip('"')} if n % 3 == 0 else {}
        with suppress(SettingError):
            settings, _ = load({}, variable, config=path)
            loaded += 1
            for name, kind in kinds.items():
                assert isinstance(getattr(settings, name), kind), (name, text)
            assert "\0" not in "".join(map(str, asdict(settings).values())) and settings.quarantine_days <= 10**9
    assert loaded > TOTAL / 1000


REQUEST = "POST /v1/readings HTTP/1.1\r\nHost: c\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n"


async def _ask(port: int, inputs, head: str, answers: list[bytes]) -> None:
    """Sends bodies over one connection while the server keeps it, and whole requests over one each."""
    reader = writer = None
    for n, data in enumerate(inputs):
        whole = n % 4 == 3
        if whole or writer is None:
            if writer is not None:
                writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if whole:
                writer.write(data)
                writer.write_eof()
            else:
                body = data.partition(b"\r\n\r\n")[2][:8192]
                writer.write(head.format(len(body)).encode() + body)
            async with asyncio.timeout(60):
                if whole:
                    said = await reader.read()
                else:
                    said = await reader.readuntil(b"\r\n\r\n")
                    size = re.search(rb"content-length: (\d+)", said.lower())
                    await reader.readexactly(int(size[1]))
            answers.append(said[:12])
            if not whole and b"connection: close" not in said.lower():
                continue
        writer.close()
        writer = None
    if writer is not None:
        writer.close()


def test_http_requests_are_answered_and_never_with_a_failure(tmp_path, mosquitto, caplog, monkeypatch):
    monkeypatch.setattr("collector.ingest.webserver._LEFT_S", 0.02)
    city = City(
        tmp_path, mosquitto.url, tls=False, limit_messages=0, limit_bytes=0, limit_readings=0, commit_ms=5,
        quarantine_messages=500,
    )  # fmt: skip
    try:
        login = REQUEST.replace("{}", basic(city.kit, city.password[city.kit]), 1)
        good = [login.format(len(body)).encode() + body for body in (*vectors()[-6:], message(1, 2))]
        inputs, answers = some(good, 0.1), []

        async def all_of_them() -> None:
            await asyncio.gather(*(_ask(city.port, inputs, login, answers) for _ in range(40)))

        asyncio.run(all_of_them())
        kinds = {one[9:12] for one in answers}
        assert b"200" in kinds and b"400" in kinds and len(answers) > TOTAL / 20
        assert not {one for one in kinds if one[:1] == b"5"} - {b"503"}, kinds
        assert city.post(message(9)).status == 200
    finally:
        city.close()
    assert not [one for one in caplog.records if one.levelname in ("ERROR", "CRITICAL")]
