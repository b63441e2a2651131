# SPDX-License-Identifier: EUPL-1.2
"""A whole journey with known secrets, and then a search for them in every byte that was written, sent or logged.

Passwords of kits, right, wrong and rotated, a token, the collector's own password at its broker, InfluxDB's token and a
database's password: none may be in topics, messages, logs, errors, arguments of processes, exports or status pages, nor
in any file but the one that is meant to hold it. The collector and all commands speak as much as they can (`-v`).
"""

import base64
import http.client
import json
import socket
import threading
from pathlib import Path
from urllib.parse import quote

from collector.credentials import COLLECTOR
from collector.ingest import stream
from collector.message import readings_topic
from tests import parts
from tests.collector.httpcity import basic, message
from tests.collector.test_guard import connect, publish, subscribe
from tests.fakes.influx import fake_influx
from tests.journeys.collecting import CITIMEASURE, Collector, citimeasure, wait_until
from tests.soak.chain import waiting

KIT = "kit-secret-1"
WRONG, DATABASE = "a-password-with-a-typo-4711", "the-database's-password-0815"


class Talkative(Collector):
    command = (*CITIMEASURE, "--verbose")


class Searched:
    """All that was seen, by where it was; and which secrets it must not hold, in whatever writing."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}
        self.secrets: dict[str, str] = {}

    def add(self, where: str, data: bytes | str) -> None:
        self.seen[where] = self.seen.get(where, b"") + (data if isinstance(data, bytes) else data.encode())

    def found(self) -> list[tuple[str, str]]:
        forms = {name: self._forms(secret) for name, secret in self.secrets.items()}
        return [
            (name, where)
            for where, data in self.seen.items()
            for name, words in forms.items()
            if any(word in data for word in words)
        ]

    def _forms(self, secret: str) -> set[bytes]:
        """As it is, quoted for an address or JSON, in hexadecimal digits, and as HTTP's basic login carries it."""
        raw = secret.encode()
        logins = {basic(name, secret).removeprefix("Basic ").rstrip("=")[:-2] for name in (KIT, COLLECTOR)}
        words = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex(), *logins}
        return {raw, base64.b64encode(raw).rstrip(b"=")[:-1], *(word.encode() for word in words)}


class Processes(threading.Thread):
    """Notes the arguments of every process of this machine, again and again. Use it in a `with`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ended, self.seen = threading.Event(), set()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(path.read_bytes())
                except OSError:  # it has ended
                    continue

    def __enter__(self) -> "Processes":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


class Listener(threading.Thread):
    """The collector's own login, which may hear most: every byte that it is sent. Use it in a `with`."""

    def __init__(self, port: int, password: str) -> None:
        super().__init__(daemon=True)
        self.heard = b""
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._sock.sendall(connect(COLLECTOR, password, "listener") + subscribe("#", "citimeasure/v1/+/ack"))

    def run(self) -> None:
        try:
            while more := self._sock.recv(1 << 16):
                self.heard += more
        except OSError:
            return

    def __enter__(self) -> "Listener":
        self.start()
        wait_until(lambda: self.heard.startswith(b"\x20\x02\x00\x00\x90"), what="the subscription")
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()


def test_no_secret_is_in_topics_logs_errors_arguments_exports_or_status_pages(tmp_path):
    folder, search = tmp_path / "data", Searched()
    (password_file, token_file, influx_file) = files = [tmp_path / name for name in ("kit", "token", "influx")]
    influx_file.write_text("the-token-of-influxdb-1234\n")

    def tell(*args, ok=True, **env):
        done = citimeasure("--verbose", *args, "--folder", folder, ok=ok, **env)
        search.add(f"citimeasure {args[0]} {args[1]}: output", done.stdout)
        search.add(f"citimeasure {args[0]} {args[1]}: errors", done.stderr)

    with Processes() as processes, fake_influx() as influx:
        tell("device", "add", "--id", KIT, "--password-file", password_file)
        tell("device", "token", KIT, "--token-file", token_file)
        ports = [parts.free_port() for _ in range(3)]
        env = {
            "CITIMEASURE_BROKER_LISTEN": f"127.0.0.1:{ports[0]}", "CITIMEASURE_BROKER_ANONYMOUS": "no",
            "CITIMEASURE_HTTP_LISTEN": f"127.0.0.1:{ports[1]}", "CITIMEASURE_WATCH_LISTEN": f"127.0.0.1:{ports[2]}",
            "CITIMEASURE_STORES": "sqlite,influx", "CITIMEASURE_INFLUX_URL": influx.url,
            "CITIMEASURE_INFLUX_TOKEN_FILE": str(influx_file),
        }  # fmt: skip
        secrets = search.secrets
        secrets |= {"the token": token_file.read_text().strip(), "InfluxDB's token": influx_file.read_text().strip()}
        secrets |= {"the password": password_file.read_text().strip(), "a wrong one": WRONG, "the database's": DATABASE}
        influx.answer = lambda lines: (401, "unauthorized access", {})
        with Talkative(folder, **env) as collector:
            secrets["the collector's password"] = (folder / "broker-password").read_text().strip()

            def post(body, password, name=KIT):
                client = http.client.HTTPConnection("127.0.0.1", ports[1], timeout=30)
                client.request("POST", "/v1/readings", body, {"Authorization": basic(name, password)})
                answer = client.getresponse()
                search.add("an answer by HTTP", f"{answer.headers}".encode() + answer.read())
                client.close()
                return answer.status

            def login(password, *more):
                with socket.create_connection(("127.0.0.1", ports[0]), timeout=30) as sock:
                    sock.sendall(connect(KIT, password, KIT) + b"".join(more) + b"\xc0\x00")
                    reader, answers = stream.Reader(), []
                    while not any(kind == 0xD0 for kind, _ in answers) and (data := sock.recv(4096)):
                        search.add("an answer by MQTT", data)
                        answers += reader.feed(data).answers
                    return answers

            with Listener(ports[0], secrets["the collector's password"]) as listener:
                right = secrets["the password"]
                assert post(message(1, 2), right) == 200
                assert post(message(3), WRONG) == post(message(3), right, "kit-nobody") == 401
                assert post(b"{", right) == 400
                mine = publish(readings_topic(KIT), message(3))
                login(right, mine, publish("citimeasure/v1/kit-other-1/readings"), subscribe("#"))
                assert login(WRONG)[0] == (0x20, b"\x00\x05")
                wait_until(lambda: b'"seq":[[3,3]]' in listener.heard, what="the acknowledgement")
                wait_until(lambda: "ALARM" in collector.log.read_text(), what="the alarm for InfluxDB's token")
                tell("sink", "status", **env)
                influx.answer = lambda lines: (204, "", {})
                tell("device", "rotate", KIT, "--password-file", password_file, **env)
                secrets["the new password"] = password_file.read_text().strip()
                wait_until(lambda: post(message(4), right) == 401, what="the end of the old password")
                assert post(message(4), secrets["the new password"]) == 200
                refused = (0x20, b"\x00\x05")
                wait_until(lambda: login(right)[0] == refused, what="its end at the broker, too")
                wait_until(lambda: not waiting(folder, "influx"), 120, "storing")
                for path in ("/metrics", "/health"):
                    client = http.client.HTTPConnection("127.0.0.1", ports[2], timeout=30)
                    client.request("GET", path)
                    search.add(path, client.getresponse().read())
                    client.close()
                database = {"CITIMEASURE_REGISTRY": f"postgresql+psycopg://me:{DATABASE}@127.0.0.1:1/x"}
                wrong = {"CITIMEASURE_INFLUX_TOKEN": WRONG, "CITIMEASURE_BROKER_PASSWORD": WRONG}
                tell("doctor", "--settings", "--output", "json", **(env | database | wrong))
                tell("device", "show", KIT, **env)
                tell("device", "revoke", KIT, **env)
                export = tmp_path / "export.csv"
                tell("export", export, "--last", "2d", "--every", "minute", **(env | {"CITIMEASURE_STORES": "sqlite"}))
                tell("doctor", "--output", "json", ok=False, **(env | database))
                tell("device", "list", ok=False, CITIMEASURE_BROKER=f"mqtt://me:{DATABASE}@127.0.0.1")
                wrong["CITIMEASURE_BROKER_USERNAME"] = COLLECTOR
                tell("fleet", "status", ok=False, **(env | wrong))
            search.add("what the broker passed on", listener.heard)
            assert collector.stop() == 0
        search.add("what InfluxDB was sent", "\n".join(f"{key} {value}" for key, value in influx.lines.items()))
    search.add("arguments of processes", b"\n".join(processes.seen))
    kept = {"broker-password", *(path.name for path in files)}
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name not in kept:
            search.add(f"the file {path.name}", path.read_bytes())
        elif path.is_file():
            assert path.stat().st_mode & 0o077 == 0 or path == influx_file, path
    assert len(secrets) == 7 and min(map(len, secrets.values())) > 10
    assert KIT.encode() in search.seen["arguments of processes"] and len(search.seen) > 25, sorted(search.seen)
    assert b"me:(secret)@127.0.0.1" in search.seen["citimeasure doctor --settings: output"]
    assert b"write_refused" in search.seen["the file data.log"]
    assert search.found() == []
    search.add("a test of the search", f"... {basic(KIT, WRONG)} ...")
    assert search.found() == [("a wrong one", "a test of the search")]
