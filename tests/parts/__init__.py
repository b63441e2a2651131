# SPDX-License-Identifier: EUPL-1.2
"""The real parts that tests run against: brokers, databases, MicroPython, data.

Each helper gives the part, or skips the test with a word on how to get it. With CITIMEASURE_REQUIRE_ALL=1, as in CI,
a missing part is a failure instead.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]


def missing(what: str, how: str) -> NoReturn:
    """Skips, or fails where everything is required."""
    text = f"{what} is not here: {how}"
    if os.environ.get("CITIMEASURE_REQUIRE_ALL") == "1":
        pytest.fail(text)
    pytest.skip(text)


def cache() -> Path:
    """Where built parts are kept; the same rule as in lib.sh."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("CITIMEASURE_CACHE") or f"{home}/citimeasure")


def _part(name: str, executable: str) -> Path:
    ready = sorted(cache().glob(f"{name}-*/ready"))
    if not ready:
        missing(name, "`make parts` builds or fetches it, once.")
    return ready[-1].parent / executable


def micropython() -> Path:
    """The real MicroPython, 32 bits."""
    return _part("micropython", "micropython")


def xtensa_objdump() -> Path:
    """A disassembler for Xtensa processors."""
    return _part("xtensa", "root/usr/bin/xtensa-lx106-elf-objdump")


def influxd_binary() -> Path:
    """The real InfluxDB server."""
    return _part("influxd", "influxd")


def telegraf() -> Path:
    """The real Telegraf, which benches are measured against."""
    return _part("telegraf", "telegraf")


def improv_sdk() -> tuple[str, Path]:
    """The program node, 20 or newer, and the folder of the browsers' Improv SDK."""
    node = shutil.which("node")
    if node is None:
        missing("node", "install the package nodejs.")
    return node, _part("improv-sdk", "")


def data(name: str) -> Path:
    """A file of real co-location data."""
    folder = Path(os.environ.get("CITIMEASURE_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / name).exists():
        missing(f"the data file {name}", "name the folder that holds it in CITIMEASURE_DATA.")
    return folder / name


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Returns when 127.0.0.1:port accepts; fails if the process ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")


class Server:
    """A process that can be killed and started again with the same files and port."""

    def __init__(self, command: Sequence[str], port: int, log: Path, **options: object) -> None:
        self.command, self.port, self.log, self.options = list(command), port, log, options
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def host(self) -> str:
        return "127.0.0.1"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, **self.options)  # type: ignore[call-overload]
        wait_for_port(self.port, self.process)

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Ends it and waits for that."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)
            self.process = None

    def restart(self) -> None:
        """kill -9 and start."""
        self.kill()
        self.start()


class Mosquitto(Server):
    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"


def mosquitto_binary() -> str:
    """Where mosquitto is, or a skip."""
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        missing("mosquitto", "install the package mosquitto.")
    return binary


@contextmanager
def mosquitto(config: Sequence[str] = (), port: int | None = None) -> Iterator[Mosquitto]:
    """A real mosquitto on 127.0.0.1; `config` lines come behind the defaults."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="mosquitto-") as folder:
        lines = [f"listener {port} 127.0.0.1", "max_inflight_messages 0", "max_queued_messages 0", "persistence false"]
        if not any(line.startswith("allow_anonymous") for line in config):
            lines.append("allow_anonymous true")
        if os.geteuid() == 0:
            lines.append("user root")
        path = Path(folder) / "mosquitto.conf"
        path.write_text("\n".join([*lines, *config]) + "\n")
        with mosquitto_with(path, port) as server:
            yield server


@contextmanager
def mosquitto_with(config: Path, port: int) -> Iterator[Mosquitto]:
    """A real mosquitto with a configuration of its own, which listens on a port among others."""
    server = Mosquitto([mosquitto_binary(), "-c", str(config)], port, config.parent / "log")
    try:
        yield server
    finally:
        server.kill(signal.SIGTERM)


class Influx(Server):
    org = "citimeasure"
    bucket = "citimeasure"
    token = "test-token-of-the-throw-away-server"

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        super().start()
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _post(self, path: str, body: dict[str, object], **headers: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())  # type: ignore[no-any-return]

    def new_bucket(self, name: str) -> str:
        """An empty bucket of a name."""
        self._post("/api/v2/buckets", {"orgID": self.org_id, "name": name}, Authorization=f"Token {self.token}")
        return name

    def set_up(self) -> None:
        body: dict[str, object] = {"username": "test", "password": "test-password", "token": self.token}
        made = self._post("/api/v2/setup", {**body, "org": self.org, "bucket": self.bucket})
        self.org_id = str(made["org"]["id"])


@contextmanager
def influxd(port: int | None = None, *, options: Sequence[str] = ()) -> Iterator[Influx]:
    """A real InfluxDB 2 on 127.0.0.1 with an organisation, a bucket and a token; its files are beside its log."""
    binary = influxd_binary()
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="influxd-") as folder:
        command = [
            str(binary),
            f"--bolt-path={folder}/b.bolt",
            f"--engine-path={folder}/engine",
            f"--sqlite-path={folder}/s.sqlite",
            f"--http-bind-address=127.0.0.1:{port}",
            "--reporting-disabled",
            "--log-level=error",
            *options,
        ]
        server = Influx(command, port, Path(folder) / "log")
        try:
            server.set_up()
            yield server
        finally:
            server.kill(signal.SIGTERM)


class Postgres(Server):
    def start(self) -> None:
        """It listens before it answers: "the database system is starting up"."""
        super().start()
        ready = [
            str(Path(self.command[0]).parent / "pg_isready"),
            "-q",
            "-h",
            self.host,
            "-p",
            str(self.port),
            "-t",
            "1",
        ]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not answer on port {self.port}; its words are in {self.log}")
            time.sleep(0.05)


@contextmanager
def postgres() -> Iterator[str]:
    """A throw-away PostgreSQL on 127.0.0.1; yields its SQLAlchemy URL."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, folders[::-1]), os.environ.get("PATH", "")]))
    if found is None:
        missing("PostgreSQL", "install the package postgresql.")
    binaries = Path(found).resolve().parent
    port = free_port()
    options: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        home = Path(folder)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = pwd.getpwnam("nobody")
            os.chown(home, user.pw_uid, user.pw_gid)
            options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        cluster = home / "cluster"
        initdb = [
            str(binaries / "initdb"),
            "-D",
            str(cluster),
            "-U",
            "citimeasure",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(initdb, check=True, capture_output=True, cwd=home, **options)  # type: ignore[call-overload]
        command = [str(binaries / "postgres"), "-D", str(cluster), "-p", str(port), "-k", folder, "-F"]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50"]
        server = Postgres(command, port, home / "log", cwd=home, **options)
        try:
            yield f"postgresql+psycopg://citimeasure@127.0.0.1:{port}/postgres"
        finally:
            server.kill(signal.SIGINT)
