# SPDX-License-Identifier: EUPL-1.2
"""The answers to a cluster's logins: who may enter, with which rights, and what no answer is given to."""

import http.client
import json
import threading
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.credentials import hash_password
from collector.errors import NetworkError
from collector.ingest.logins import PATH, Logins, Server
from collector.registry import Account
from tests.collector.test_cli import fails

KIT = "kit-aaaaaa"
ACCOUNTS = {KIT: Account(KIT, (hash_password("new"), hash_password("old")))}


def logins(accounts=lambda: ACCOUNTS):
    return Logins(accounts, "secret", valid=60, clock=lambda: 1000.5)


def topics(answer, action):
    return {one["topic"] for one in answer["acl"] if one["action"] == action and one["permission"] == "allow"}


def test_a_kit_gets_its_own_topics_without_a_wildcard_and_until_when():
    answer = logins().judge(KIT, KIT, "new")
    assert (answer["result"], answer["superuser"], answer["expire_at"]) == ("allow", False, 1060)
    assert topics(answer, "publish") == {f"eq citimeasure/v1/{KIT}/{name}" for name in ("readings", "status")}
    assert topics(answer, "subscribe") == {f"eq citimeasure/v1/{KIT}/{name}" for name in ("ack", "command", "health")}


def test_a_password_in_its_time_of_grace_still_holds():
    assert logins().judge(KIT, KIT, "old")["result"] == "allow"


def test_the_collector_may_write_what_kits_read_under_any_client_id():
    answer = logins().judge("collector", "citimeasure-1", "secret")
    assert topics(answer, "publish") == {f"citimeasure/v1/+/{name}" for name in ("ack", "command", "health")}
    assert topics(answer, "subscribe") == {"citimeasure/v1/+/readings", "citimeasure/v1/+/status"}


@pytest.mark.parametrize(
    ("name", "client_id", "password"),
    [
        (KIT, KIT, "wrong"),
        (KIT, KIT, ""),
        (KIT, "kit-bbbbbb", "new"),
        (KIT, "collector", "new"),
        ("kit-bbbbbb", "kit-bbbbbb", "new"),
        ("collector", "collector", "wrong"),
        ("collector", "collector", ""),
        ("", "", ""),
        (KIT, KIT, "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")),
    ],
)
def test_everybody_else_is_refused_and_told_nothing(name, client_id, password):
    assert logins().judge(name, client_id, password) == {"result": "deny"}


@given(st.text(), st.text(), st.text())
def test_no_text_enters_by_chance_or_ends_the_service(name, client_id, password):
    assert logins().judge(name, client_id, password) == {"result": "deny"}


def test_while_the_registry_is_away_the_passwords_of_before_hold(caplog):
    here = [True]

    def accounts():
        if not here[0]:
            raise NetworkError("The registry's database does not answer.")
        return ACCOUNTS

    judge = logins(accounts)
    here[0] = False
    for _ in range(3):
        judge.refresh()
    assert judge.judge(KIT, KIT, "new")["result"] == "allow"
    assert len(caplog.records) == 1 and "Passwords are those of before" in caplog.text


@pytest.fixture
def server():
    server, stop = Server("127.0.0.1", 0, logins()), threading.Event()
    thread = threading.Thread(target=server.run, args=(stop,))
    thread.start()
    yield server.server_address[1]
    stop.set()
    thread.join()


def asked(port, body, path=PATH, method="POST", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, json.loads(text) if status == 200 else None


GOOD = urlencode({"username": KIT, "clientid": KIT, "password": "new"})


def test_a_node_asks_by_http(server):
    assert asked(server, GOOD)[1]["result"] == "allow"
    assert asked(server, GOOD.replace("new", "wrong")) == (200, {"result": "deny"})


@pytest.mark.parametrize(
    ("body", "path", "method", "headers", "status"),
    [
        ("", PATH, "POST", {}, 400),
        (GOOD + "x" * 5000, PATH, "POST", {}, 400),
        ("username=" + KIT, PATH, "POST", {}, 400),
        (b"\xff\xfe=1", PATH, "POST", {}, 400),
        (GOOD, "/other", "POST", {}, 400),
        (GOOD, PATH, "POST", {"Content-Length": "-1"}, 400),
        (GOOD, PATH, "POST", {"Content-Length": "\u00b2"}, 400),  # a digit to Python, but not to HTTP
        (None, PATH, "GET", {}, 501),
    ],
)
def test_what_is_no_question_gets_no_yes_and_the_next_is_answered(server, body, path, method, headers, status):
    assert asked(server, body, path, method, **headers) == (status, None)
    assert asked(server, GOOD)[1]["result"] == "allow"


def test_without_the_collectors_password_it_does_not_start(tmp_path):
    fails(3, "no password at the broker", "broker", "logins", "--folder", tmp_path)
    (tmp_path / "secret").write_text("x")
    fails(
        3, "Nobody can listen", "broker", "logins", "--folder", tmp_path, "--listen", "192.0.2.1:1",
        CITIMEASURE_BROKER_PASSWORD_FILE=str(tmp_path / "secret"),
    )  # fmt: skip
