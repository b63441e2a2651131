# SPDX-License-Identifier: EUPL-1.2
"""The kit's page and its set-up by phone, over real HTTP: what it shows, what it takes, and what it never tells."""

import contextlib
import html.parser
import http.client
import json
import re
import socket
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import parts
from tests.firmware import board

ADDRESS = "192.168.4.1"
SECRETS = ("very-secret", "also-secret", "kept-secret")
PAGE = (board.DEVICE / "kit/net/page.html").read_text()
FORM = {
    "network": "Café", "wifi_password": "long enough", "host": "example.org", "port": 8883, "tls": True,
    "device": "kit-new-one", "mqtt_password": "", "grid": "100m", "led": [5, 20],
}  # fmt: skip


@contextlib.contextmanager
def page(folder, mode="page"):
    """A kit that serves its page; yields a function that asks it: (code, text, headers)."""
    (folder / "cfg").mkdir()
    port = parts.free_port()
    command = board.start_command("run_page", folder, port, mode, heap="96k")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=board.environment(),
    ) as kit:  # fmt: skip
        said = []
        for line in kit.stdout:
            said.append(line)
            if line == "ready\n":
                break
        assert said[-1:] == ["ready\n"], "".join(said)

        def ask(path, method="GET", body=None, host=ADDRESS):
            line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            line.request(method, path, body, {"Host": host})
            answer = line.getresponse()
            text = answer.read().decode()
            line.close()
            assert not any(secret in text for secret in SECRETS)
            return answer.status, text, answer.headers

        ask.port = port
        try:
            yield ask
        finally:
            kit.communicate("x", timeout=30)


def test_it_shows_what_is_measured_and_where_it_goes(tmp_path):
    with page(tmp_path) as ask:
        code, text, headers = ask("/")
        assert code == 200 and text == PAGE and headers["Content-Type"].startswith("text/html")
        code, text, _ = ask("/measures")
        now = json.loads(text)
        assert code == 200 and now["device"] == "kit-abc123" and now["to"] == "collector.example"
        assert now["values"]["temperature"] == "20.0" and now["sensors"] == ["SHT4x"]
        assert now["state"] == "broker_away" and now["waiting"] >= 1 and now["acked_s"] is None
        assert ask("/setup")[0] == 404 and ask("/cfg/secret.json")[0] == 404
        assert ask("/setup", "POST", json.dumps(FORM))[0] == 403


def test_a_phone_sets_the_kit_up(tmp_path):
    with page(tmp_path, "portal") as ask:
        # What phones ask to see whether this is the internet leads them to the page.
        for path, host in (("/generate_204", "connectivitycheck.example"), ("/hotspot-detect.html", "captive.example")):
            code, _, headers = ask(path, host=host)
            assert code == 302 and headers["Location"] == f"http://{ADDRESS}/"
        asked = json.loads(ask("/setup")[1])
        assert asked["networks"] == [["Home", -61, True], ["Café", -70, False]]
        assert asked["settings"]["host"] == "collector.example" and "wifi_password" not in asked["settings"]
        before = json.loads((tmp_path / "cfg/config.json").read_text())
        code, words, _ = ask("/setup", "POST", json.dumps({**FORM, "grid": "exactly"}))
        assert code == 400 and "grid" in words
        assert json.loads((tmp_path / "cfg/config.json").read_text()) == before
        assert ask("/setup", "POST", json.dumps(FORM), host="evil.example")[0] == 403
        assert ask("/setup", "POST", json.dumps(FORM))[0] == 200
    saved = json.loads((tmp_path / "cfg/config.json").read_text())
    secret = json.loads((tmp_path / "cfg/secret.json").read_text())
    assert {name: saved[name] for name in FORM if name in saved} == {
        name: value for name, value in FORM.items() if "password" not in name
    }
    # An empty field leaves the password as it was.
    assert secret == {"wifi_password": "long enough", "mqtt_password": "also-secret", "setup_password": "kept-secret"}


def test_requests_of_any_kind_do_not_harm_it(tmp_path):
    with page(tmp_path, "portal") as ask:

        @settings(max_examples=40)
        @given(
            st.one_of(
                st.binary(max_size=600),
                st.builds(
                    lambda path, body: (
                        b"POST /setup HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Length: %d\r\n\r\n%s%s"
                        % (len(body), body, path)
                    ),
                    st.binary(max_size=4),
                    st.binary(max_size=3000),
                ),
                st.just(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200),
                st.just(b"GET /" + b"a" * 5000),
            )
        )
        def throw(data):
            with socket.create_connection(("127.0.0.1", ask.port), timeout=20) as line, contextlib.suppress(OSError):
                line.sendall(data)
                line.shutdown(socket.SHUT_WR)
                while line.recv(4096):
                    pass

        throw()
        # Some who say nothing do not keep others away for long.
        with contextlib.ExitStack() as idle:
            for _ in range(2):
                idle.enter_context(socket.create_connection(("127.0.0.1", ask.port)))
        assert ask("/measures")[0] == 200
    assert json.loads((tmp_path / "cfg/config.json").read_text())["device"] == "kit-abc123"


DNS = """
import json, sys
from kit.net.portal import dns_answer
for line in sys.stdin:
    answer = dns_answer(bytes.fromhex(line.strip()[1:]), "192.168.4.1")
    print(json.dumps(answer and answer.hex()))
"""


def dns(questions):
    feed = "".join(f"x{one.hex()}\n" for one in questions)
    return [json.loads(line) for line in board.run(DNS, feed=feed, heap="1m").splitlines()]


def test_every_name_leads_to_the_kit():
    name = b"\x07captive\x07example\x00"
    question = b"\xab\xcd\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x01\x00\x01"
    answer = bytes.fromhex(dns([question])[0])
    assert answer[:2] == b"\xab\xcd" and answer[2] & 0x80 and answer[6:8] == b"\x00\x01"
    assert answer[12 : 12 + len(name) + 4] == question[12:]
    assert answer[-4:] == bytes([192, 168, 4, 1])


@settings(max_examples=3)
@given(st.lists(st.binary(max_size=80), min_size=100, max_size=300))
def test_questions_of_any_kind_are_answered_or_left(questions):
    for question, answer in zip(questions, dns(questions), strict=True):
        assert answer is None or bytes.fromhex(answer)[:2] == question[:2]


class Resources(html.parser.HTMLParser):
    """Every address that a page names."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href", "action")]


def test_the_page_needs_nothing_from_outside():
    reader = Resources()
    reader.feed(PAGE)
    assert reader.found == [] and "//" not in PAGE.split("<body>")[1].replace("https://", "").split("<script>")[0]
    assert not re.search(r"https?://|@import|url\(", PAGE)
    assert len(PAGE.encode()) < 14_000


@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_state_has_a_sentence(language):
    code = (board.DEVICE / "kit/core/state.py").read_text()
    words = set(re.findall(r'^    "(\w+)",', code, re.MULTILINE))
    start = PAGE.index(f"{language}:{{" if language == "nl" else "T={en:{")
    sentences = PAGE[start : PAGE.index("w:", PAGE.index("s:{", start))]
    assert len(words) >= 15
    for word in [*words, "ok"]:
        assert re.search(rf'\b{word}:"[^"]{{12,}}"', sentences), word


def test_both_languages_say_the_same_things():
    english, dutch = PAGE.split("nl:{")[0], PAGE.split("nl:{")[1].split("const U")[0]
    keys = [set(re.findall(r"\b(\w+):\"", text.split("T={en:{")[-1])) for text in (english, dutch)]
    assert keys[0] == keys[1] and len(keys[0]) > 50
