# SPDX-License-Identifier: EUPL-1.2
"""The log: every event has a name, a line is JSON, and no secret is ever in it."""

import ast
import json
import logging
from pathlib import Path

import pytest

from collector import logs
from collector.logs import EVENTS, Lines, event_of
from collector.registry import Registry
from tests import parts
from tests.collector.httpcity import Client, basic, message
from tests.journeys.collecting import Collector, citimeasure, wait_until

SOURCES = sorted((Path(logs.__file__).parent).rglob("*.py"))
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SAYING = {"say", "_say"}


def constants(node):
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def logged(tree):
    """The texts of calls of the logger, and of the functions that hand one a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_logger = isinstance(node.func.value, ast.Name) and node.func.value.id == "log"
            if (of_logger and node.func.attr in LEVELS) or node.func.attr in SAYING:
                text = node.args[1 if node.func.attr == "log" else 0]
                yield from constants(text)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "text":
            yield from (one for one in constants(node.value) if one.startswith("store %s: "))


def test_every_text_that_is_logged_is_an_event_and_every_event_is_logged():
    found = {text for path in SOURCES for text in logged(ast.parse(path.read_text()))}
    assert found == set(EVENTS)


@pytest.mark.parametrize(("text", "event"), EVENTS.items())
def test_an_event_names_each_of_its_words_once(text, event):
    _, *fields = event.split()
    assert len(set(fields)) == len(fields) == text.count("%")
    assert not {"time", "level", "event", "text", "trace", "logger"} & set(fields)


def record(text, *words, **more):
    return logging.LogRecord("collector.x", logging.WARNING, "x.py", 1, text, words, more.get("exc_info"))


def test_a_line_is_one_json_object_with_the_event_s_fields():
    line = Lines().format(record("broker %s: connection lost (%s); trying again", "h:1", OSError("gone\nfor good")))
    told = json.loads(line)
    assert "\n" not in line and told["time"].endswith("Z")
    del told["time"]
    text = "broker h:1: connection lost (gone\nfor good); trying again"
    assert told == {
        "level": "warning",
        "event": "broker_lost",
        "text": text,
        "broker": "h:1",
        "error": "gone\nfor good",
    }


def test_numbers_stay_numbers_and_what_libraries_say_has_its_logger_s_name():
    assert event_of(record("disk: %d MB free again; readings are taken", 7)) == ("disk_free", {"free_mb": 7})
    assert event_of(record("100 %s", "x")) == ("other", {"logger": "collector.x"})
    try:
        raise ValueError("é")
    except ValueError as error:
        line = Lines().format(record("boom", exc_info=(ValueError, error, error.__traceback__)))
    assert "ValueError: é" in json.loads(line)["trace"] and "\n" not in line


def test_a_service_s_log_is_json_from_its_first_to_its_last_line_and_holds_no_secret(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(f"sqlite:///{folder / 'registry.sqlite'}") as registry:
        registry.add_device("kit-1", "kit-a1b2c3")
        secrets = [registry.identity.set_password("kit-a1b2c3"), registry.identity.new_token("kit-a1b2c3", 60)]
    port = parts.free_port()
    settings = {
        "CITIMEASURE_BROKER_LISTEN": f"127.0.0.1:{parts.free_port()}",
        "CITIMEASURE_HTTP_LISTEN": f"127.0.0.1:{port}",
        "CITIMEASURE_STORES": "influx,sqlite",
        "CITIMEASURE_INFLUX_URL": f"http://127.0.0.1:{parts.free_port()}",
        "CITIMEASURE_INFLUX_TOKEN": "a-token-that-nobody-should-see",
        "CITIMEASURE_FREE_MB": "0",
    }
    with Collector(folder, "--log", "json", **settings) as collector:
        client = Client(port)
        for password in (secrets[0], "a-wrong-password"):
            client.ask("POST", "/v1/readings", message(1), Authorization=basic("kit-a1b2c3", password))
        client.close()
        wait_until(lambda: b"store_away" in collector.log.read_bytes(), what="the alarm for the store")
        assert collector.stop() == 0
    secrets += ["a-token-that-nobody-should-see", "a-wrong-password", (folder / "broker-password").read_text().strip()]
    text = collector.log.read_text()
    told = [json.loads(line) for line in text.splitlines()]
    events = [one["event"] for one in told]
    assert {"broker_connected", "collecting", "store_away"} <= set(events) and events[-1] == "stopping"
    assert not [secret for secret in secrets if secret in text or basic("kit-a1b2c3", secret)[6:] in text]


def test_an_error_that_ends_the_service_is_in_the_log_too(tmp_path):
    taken = f"127.0.0.1:{parts.free_port()}"
    done = citimeasure(
        "run", "--folder", tmp_path, "--log", "json", "--broker", f"mqtt://{taken}", "--listen", taken, ok=False
    )
    assert done.returncode == 6
    told = json.loads(done.stderr.splitlines()[-1])
    assert told["event"] == "failed" and told["hint"].startswith("Start it")
