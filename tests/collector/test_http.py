# SPDX-License-Identifier: EUPL-1.2
"""Readings by HTTPS, against a whole collector: what is taken, what is refused, and in which words."""

import base64
import json
import re
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parsed

from collector.errors import SettingError
from collector.ingest.http import _login, tls_of
from collector.settings import Settings
from tests import parts
from tests.collector.httpcity import City, basic, message
from tests.journeys.collecting import wait_until


@pytest.fixture(scope="module")
def broker():
    with parts.mosquitto() as server:
        yield server


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch):
    """Over TLS a client of these tests waits for the end of the connection, and the server a little for the client."""
    monkeypatch.setattr("collector.ingest.webserver._LEFT_S", 0.05)


@pytest.fixture
def open_city(tmp_path, broker):
    cities = []

    def open_(**settings):
        cities.append(City(tmp_path, broker.url, **settings))
        return cities[-1]

    yield open_
    for city in cities:
        city.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory, broker):
    town = City(tmp_path_factory.mktemp("town"), broker.url)
    yield town
    town.close()


@pytest.fixture
def city(town):
    """The module's own city, with kits that have sent nothing yet."""
    town.new_kits()
    return town


def test_the_response_is_the_acknowledgement_and_what_it_names_is_in_the_spool(city):
    answer = city.post(message(1, 2, 3))
    assert answer.status == 200 and answer.body == {"boot": 17, "seq": [[1, 3]]}
    assert city.stored() == [1, 2, 3]
    again = city.post(message(1, 2, 3))
    assert again.status == 200 and again.body["seq"] == [[1, 3]]
    assert city.stored() == [1, 2, 3]


def test_a_connection_is_kept_and_may_pipeline(city):
    client = city.client()
    for seq in range(1, 6):
        assert city.post(message(seq), client=client).body["seq"] == [[seq, seq]]
    client.close()
    head = f"POST /v1/readings HTTP/1.1\r\nHost: c\r\nAuthorization: {basic(city.kit, city.password[city.kit])}\r\n"
    one, two = message(6), message(7)
    data = f"{head}Content-Length: {len(one)}\r\n\r\n".encode() + one
    data += f"{head}Connection: close\r\nContent-Length: {len(two)}\r\n\r\n".encode() + two
    assert city.raw(data).count(b"HTTP/1.1 200") == 2
    assert city.stored() == [1, 2, 3, 4, 5, 6, 7]


def test_a_body_may_come_in_chunks_and_wait_for_the_word_to_go_on(city):
    body = message(1)
    head = f"POST /v1/readings HTTP/1.1\r\nHost: c\r\nAuthorization: {basic(city.kit, city.password[city.kit])}\r\n"
    chunked = f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n".encode()
    said = city.raw(chunked + b"5\r\n" + body[:5] + b"\r\n%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n")
    assert b"HTTP/1.1 200" in said and city.stored() == [1]


def test_what_is_refused_is_named_as_over_mqtt_and_kept_apart(city):
    late = message(1, t=4_000_000_000)
    assert city.post(late).body == {"boot": 17, "rejected": {"1": "clock"}}
    for body, reason in ((b"no JSON", "json"), (b"", "json"), (b"[]", "json"), (b'{"v":2}', "version")):
        answer = city.post(body)
        assert answer.status == 400 and answer.body == {"error": reason}
    answer = city.post(json.dumps({**json.loads(message(2)), "device": city.other}).encode())
    assert answer.status == 200 and answer.body == {"boot": 17, "rejected": {"2": "device"}}
    assert city.stored() == [] and city.stored(city.other) == []


@pytest.mark.parametrize("size", [8193, 1_000_000, 10**12])
def test_a_body_that_is_too_large_is_not_read(city, size):
    said = city.raw(
        f"POST /v1/readings HTTP/1.1\r\nHost: c\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * min(size, 9000)
    )
    assert said.startswith(b"HTTP/1.1 413") and b'"size"' in said
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    said = city.raw(b"POST /v1/readings HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n" + 3 * chunk)
    assert said.startswith(b"HTTP/1.1 413")
    assert city.post(b" " * (8192 - len(message(1))) + message(1)).status == 200


def test_other_paths_methods_and_encodings_are_refused_in_words(city):
    client = city.client()
    assert client.ask("GET", "/").status == 404
    assert client.ask("GET", "/v1/readings").headers["allow"] == "POST"
    assert client.ask("HEAD", "/v1/readings").status == 405
    assert city.post(b"\x1f\x8b", **{"Content-Encoding": "gzip"}).status == 415
    assert city.post(message(1), client=client).status == 200
    client.close()


def test_nobody_comes_in_without_the_right_password_or_learns_who_is_registered(city):
    told = set()
    for kit, password in (
        (city.kit, "wrong"),
        ("kit-unknown", "wrong"),
        (city.other, city.password[city.kit]),
        (city.kit, ""),
    ):
        answer = city.post(message(1), Authorization=basic(kit, password))
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith("Basic")
        told.add((answer.raw, tuple(sorted(answer.headers))))
    wrong = ("", "Basic", "Basic !!!", "Basic a2l0", "Bearer x", basic("collector", "x"), basic("../../etc", "x"))
    for header in wrong:
        answer = city.post(message(1), Authorization=header)
        assert answer.status == 401
        told.add((answer.raw, tuple(sorted(answer.headers))))
    assert len(told) == 1
    assert city.stored() == []


def test_a_password_that_was_used_ends_when_it_is_rotated_or_the_kit_is_locked_out(city):
    first = city.password[city.kit]
    assert city.post(message(1)).status == 200
    second = city.registry.identity.set_password(city.kit)
    wait_until(lambda: city.post(message(1), password=first).status == 401, what="the end of the old password")
    assert city.post(message(2), password=second).status == 200
    city.registry.identity.revoke(city.kit)
    wait_until(lambda: city.post(message(2), password=second).status == 401, what="the locking out")
    assert city.stored() == [1, 2]
    assert city.post(message(1), kit=city.other).status == 200


def test_a_kit_that_was_registered_a_moment_ago_is_let_in(city):
    city.registry.add_device("kit-1", "kit-new-1")
    city.password["kit-new-1"] = city.registry.identity.set_password("kit-new-1")
    assert city.post(message(1), kit="kit-new-1").status == 200
    assert city.stored("kit-new-1") == [1]


def test_a_flood_of_one_kit_is_told_to_wait_and_others_are_not(open_city):
    city = open_city(limit_messages=2, limit_burst=1)
    answers = [city.post(message(seq)) for seq in range(1, 6)]
    assert [one.status for one in answers] == [200, 200, 429, 429, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60 and answers[2].body["error"] == "held"
    assert city.post(message(1), kit=city.other).status == 200
    assert city.stored() == [1, 2]


def test_a_full_disk_means_later_and_nothing_is_acknowledged(open_city):
    city = open_city(free_mb=10**9)
    answer = city.post(message(1))
    assert answer.status == 503 and 20 <= int(answer.headers["retry-after"]) <= 40
    assert city.stored() == []
    health = city.watch("/health")
    assert health.status == 503 and health.body["checks"]["disk"]["good"] is False


def test_many_kits_at_once_share_commits(city):
    told = []

    def send(kit, first):
        client = city.client()
        told.extend(city.post(message(seq), kit=kit, client=client).body["seq"] for seq in range(first, first + 20))
        client.close()

    threads = [
        threading.Thread(target=send, args=(kit, first)) for kit in (city.kit, city.other) for first in (0, 20, 40, 60)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(told) == 160 and all(told)
    assert city.stored() == city.stored(city.other) == list(range(80))


BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {},
        optional={
            "v": st.sampled_from([1, 2, "1", None]),
            "boot": st.integers() | st.text(max_size=3),
            "device": st.text(max_size=8),
            "readings": st.lists(
                st.fixed_dictionaries(
                    {"seq": st.integers(-5, 5) | st.none()},
                    optional={
                        "t": st.integers() | st.floats(),
                        "age": st.integers(),
                        "dt": st.integers(-1, 90_000),
                        "q": st.dictionaries(st.sampled_from(["pm25", "x", "", "é"]), st.floats() | st.none()),
                    },
                ),
                max_size=4,
            ),
        },
    ).map(lambda value: json.dumps(value).encode()),
)


def test_whatever_the_body_holds_it_is_answered_and_never_with_a_failure(open_city, caplog):
    city = open_city(tls=False, limit_messages=0, limit_readings=0, commit_ms=1)
    client = city.client()

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(BODIES)
    def send(body):
        answer = city.post(body, client=client)
        assert answer.status in (200, 400) and answer.body
        assert answer.status == 200 or set(answer.body) == {"error"}

    send()
    assert city.post(message(1), client=client).status == 200
    client.close()
    assert not [one for one in caplog.records if one.levelname in ("ERROR", "CRITICAL")]


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(header=st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80), inside=st.binary(max_size=60))
def test_whatever_the_authorization_says_it_names_a_kit_or_nobody(header, inside):
    for value in (header, "Basic " + header, "Basic " + base64.b64encode(inside).decode()):
        login = _login(value)
        assert login is None or re.fullmatch("[a-z0-9-]{6,32}", login[0])


def test_metrics_and_health_tell_how_it_goes_and_nothing_of_anybody(open_city, caplog):
    city = open_city(limit_messages=3, limit_burst=1)
    city.post(message(1, 2))
    city.post(message(3, t=4_000_000_000))
    city.post(b"{")
    city.post(message(5))
    city.post(message(4), password="wrong-word")
    wait_until(lambda: 'store_waiting_messages{store="sqlite"} 0.0' in city.watch("/metrics").raw.decode(), 20)
    answer = city.watch("/metrics")
    text = answer.raw.decode()
    numbers = {f"{one.name}{json.dumps(one.labels)}": one.value for f in parsed(text) for one in f.samples}
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert numbers["citimeasure_readings_taken_total{}"] == 2
    assert numbers['citimeasure_readings_refused_total{"reason": "clock"}'] == 1
    assert numbers['citimeasure_readings_refused_total{"reason": "json"}'] == 1
    assert numbers['citimeasure_messages_total{"way": "http"}'] == 4
    assert numbers['citimeasure_messages_held_total{"way": "http"}'] == 1
    assert numbers['citimeasure_http_responses_total{"status": "401"}'] == 1
    assert numbers["citimeasure_commit_seconds_count{}"] == 3
    assert numbers["citimeasure_quarantine_entries{}"] == 2
    assert numbers["citimeasure_broker_connected{}"] == 1
    assert numbers['citimeasure_store_state{"state": "working", "store": "sqlite"}'] == 1
    assert 390 < numbers['citimeasure_certificate_days{"of": "http"}'] < 398
    health = city.watch("/health")
    assert health.status == 200 and health.body["status"] == "good"
    assert set(health.body["checks"]) == {"broker", "disk", "spool", "store sqlite", "certificate http"}
    shown = text + health.raw.decode() + caplog.text
    for secret in (city.kit, city.other, "wrong-word", "kit-1", *city.password.values(), str(city.folder)):
        assert secret not in text + health.raw.decode()
    assert not any(password in shown for password in city.password.values())


def test_readings_are_taken_while_the_broker_is_away_and_health_says_so(tmp_path):
    with parts.mosquitto() as server:
        city = City(tmp_path, server.url)
        try:
            assert city.post(message(1)).status == 200
            server.kill()
            wait_until(lambda: b"broker_connected 0.0" in city.watch("/metrics").raw, what="the loss of the broker")
            for seq in range(2, 8):
                assert city.post(message(seq)).status == 200
            assert "away" in city.watch("/health").body["checks"]["broker"]["text"]
            server.start()
            wait_until(lambda: b"broker_connected 1.0" in city.watch("/metrics").raw, what="the broker's return")
            assert city.stored() == list(range(1, 8))
        finally:
            city.close()


@pytest.mark.parametrize("path", ["/", "/metrics/x", "/v1/readings", "//metrics"])
def test_who_watches_sees_no_other_page(city, path):
    assert city.watch(path).status == 404


def test_passwords_do_not_go_in_plain_over_a_network_unless_that_is_said():
    with pytest.raises(SettingError, match="unencrypted"):
        tls_of(Settings(http_listen="0.0.0.0:8443"))
    assert tls_of(Settings(http_listen="0.0.0.0:8443", http_plain="yes")) is None
    assert tls_of(Settings(http_listen="127.0.0.1:8080")) is None
    with pytest.raises(SettingError, match="no certificate"):
        tls_of(Settings(http_listen="0.0.0.0:8443", http_certificate=__file__))
