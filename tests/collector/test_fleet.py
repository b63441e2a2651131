# SPDX-License-Identifier: EUPL-1.2
"""What kits say of themselves, and orders to them, over a real broker."""

import json

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import BrokerError
from collector.fleet import Fleet, Status, order, parse_status
from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.journeys.collecting import citimeasure, wait_until

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["state", "version", "x"]), inner),
    max_leaves=6,
)
FIELDS = ["online", "fw", "uptime", "queued", "update"]


@given(
    st.one_of(
        st.binary(max_size=40), st.dictionaries(st.sampled_from(FIELDS), anything).map(lambda d: json.dumps(d).encode())
    )
)
def test_a_status_of_any_kind_is_read_or_left(payload):
    status = parse_status(payload)
    if status is not None:
        assert isinstance(status.online, bool)
        assert all(text.isprintable() or not text for text in (status.fw, status.update, status.version, status.reason))


def test_a_status_is_read():
    told = {"online": True, "fw": "0.2.0", "uptime": 5, "queued": 0}
    told["update"] = {"state": "rolled back", "version": "0.3.0", "reason": "\x1b[31mhung", "fallbacks": 2}
    assert parse_status(json.dumps(told).encode()) == Status(True, "0.2.0", 5, 0, "rolled back", "0.3.0", "[31mhung", 2)
    assert parse_status(b"[" * 100000) is None


@pytest.fixture
def street(tmp_path, mosquitto):
    """Two registered kits, of which one has told something, and one that nobody knows."""
    with Registry(Settings(folder=tmp_path).registry_url) as registry:
        registry.add_device("kit-1", "kit-silent")
        registry.add_device("kit-1", "kit-failed")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    told = {
        "online": False,
        "fw": "0.1.0",
        "update": {"state": "refused", "version": "0.2.0", "reason": "bad_signature", "fallbacks": 0},
    }
    for device in ("kit-failed", "kit-unknown"):
        said = told if device == "kit-failed" else {"online": True, "fw": "0.1.0", "update": None}
        client.publish(f"citimeasure/v1/{device}/status", json.dumps(said), 1, True).wait_for_publish(10)
    client.publish("citimeasure/v1/kit-broken/status", b"\xff", 1, True).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    return ("--folder", tmp_path, "--broker", mosquitto.url)


def test_the_status_of_a_fleet(street):
    rows = json.loads(citimeasure("fleet", "status", *street, "-o", "json").stdout)
    assert [(row["device"], row["online"], row["version"], row["update"]) for row in rows] == [
        ("kit-failed", False, "0.1.0", "refused"),
        ("kit-silent", None, None, None),
        ("kit-unknown", True, "0.1.0", None),
    ]
    failed = citimeasure("fleet", "status", "--failed", *street, "-o", "csv").stdout.splitlines()
    assert failed[1:] == [
        "kit-failed,false,,0.1.0,refused,0.2.0,0,bad_signature,the release is not signed with a key of this kit,"
    ]
    assert "kit-silent" in citimeasure("fleet", "status", *street).stdout


def test_an_order_stays_until_it_is_taken_back(mosquitto):
    settings = Settings(broker=mosquitto.url)
    seen = []
    with Fleet(settings) as fleet:
        for payload in (order("0.2.0", "http://x/", 10, 1767225600), b""):
            fleet.publish({"kit-aaa": payload, "kit-bbb": payload})
            watcher = paho.Client(paho.CallbackAPIVersion.VERSION2)
            watcher.on_message = lambda _c, _d, message: seen.append((message.topic, message.retain))
            granted = []
            watcher.on_subscribe = lambda *_, granted=granted: granted.append(1)
            watcher.connect(mosquitto.host, mosquitto.port)
            watcher.subscribe([("citimeasure/v1/+/command", 1), ("end", 1)])
            wait_until(lambda watcher=watcher, granted=granted: watcher.loop(0.1) == 0 and granted)
            # What is retained comes first; when our own message comes back there is no more.
            watcher.publish("end", qos=1)
            wait_until(lambda watcher=watcher: watcher.loop(0.1) == 0 and ("end", False) in seen)
            seen.remove(("end", False))
            watcher.disconnect()
    assert sorted(seen) == [("citimeasure/v1/kit-aaa/command", True), ("citimeasure/v1/kit-bbb/command", True)]


def test_a_broker_that_is_not_there():
    settings = Settings(broker=f"mqtt://127.0.0.1:{parts.free_port()}")
    with pytest.raises(BrokerError, match="No broker answers"), Fleet(settings):
        pass
