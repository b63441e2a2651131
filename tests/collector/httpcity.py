# SPDX-License-Identifier: EUPL-1.2
"""A whole collector with its way in by HTTPS, in this process, and a client that can do what no library would."""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import socket
import ssl
import threading
import time
from pathlib import Path

from collector import certificates
from collector.ingest.spool import Spool
from collector.message import Message, Reading, encode
from collector.registry import Registry
from collector.service import serve
from collector.settings import Settings
from tests import parts

YESTERDAY = int(time.time()) - 86_400


def message(*seqs, boot=17, t=None):
    """A message's bytes; each reading has a time of its own, by its number, unless one is given."""
    readings = [Reading(seq=seq, dt=60, q={"pm25": 5.0}, t=t or YESTERDAY + 60 * seq) for seq in seqs]
    return encode(Message(v=1, boot=boot, readings=readings, fw="1"))


def basic(name, password):
    """An Authorization header's value."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Answer:
    """A response: status, headers with small names, and the body, decoded if it is JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.raw = response.read()
        typed = self.headers.get("content-type") == "application/json"
        self.body = json.loads(self.raw) if self.raw and typed else None


class Client:
    """One connection, kept alive."""

    def __init__(self, port, tls=None, host="127.0.0.1"):
        self.http = (
            http.client.HTTPSConnection(host, port, timeout=30, context=tls)
            if tls
            else http.client.HTTPConnection(host, port, timeout=30)
        )

    def ask(self, method, path, body=None, **headers):
        self.http.request(method, path, body, headers)
        return Answer(self.http.getresponse())

    def close(self):
        self.http.close()


class City:
    """A collector with two kits, on a real broker; `settings` come over the defaults."""

    def __init__(self, folder: Path, broker: str, *, tls: bool = True, **settings):
        self.folder = folder / "data"
        self.folder.mkdir(exist_ok=True)
        self.port, self.watch_port = parts.free_port(), parts.free_port()
        self.tls = None
        if tls:
            root, _, server, key = certificates.make(folder / "certs", ["127.0.0.1"])
            self.tls = ssl.create_default_context(cafile=str(root))
            settings |= {"http_certificate": str(server), "http_key": str(key)}
        self.settings = Settings(
            folder=self.folder,
            broker=broker,
            http_listen=f"127.0.0.1:{self.port}",
            watch_listen=f"127.0.0.1:{self.watch_port}",
            **{"free_mb": 0, **settings},
        )
        self.registry = Registry(self.settings.registry_url)
        self.password = {}
        self.new_kits()
        self.stop = threading.Event()
        self.failed = None
        ready = threading.Event()

        def run():
            try:
                serve(self.settings, self.stop, lambda _: ready.set())
            except BaseException as error:  # noqa: BLE001 - the test shows it
                self.failed = error
                ready.set()

        self._thread = threading.Thread(target=run, name="city")
        self._thread.start()
        assert ready.wait(60) and self.failed is None, self.failed

    def new_kits(self):
        """Two kits that have sent nothing yet."""
        self.kit, self.other = (f"kit-{secrets.token_hex(4)}" for _ in range(2))
        for kit in (self.kit, self.other):
            self.registry.add_device("kit-1", kit)
            self.password[kit] = self.registry.identity.set_password(kit)

    def close(self):
        """Ends it; fails if it had ended before or did with an error."""
        alive = self._thread.is_alive()
        self.stop.set()
        self._thread.join(timeout=60)
        self.registry.close()
        assert alive and self.failed is None, self.failed

    def client(self):
        return Client(self.port, self.tls)

    def post(self, body, kit=None, client=None, password=None, **headers):
        """Sends one message as a kit does."""
        kit = kit or self.kit
        headers.setdefault("Authorization", basic(kit, password or self.password[kit]))
        one = client or self.client()
        try:
            return one.ask("POST", "/v1/readings", body, **headers)
        finally:
            if client is None:
                one.close()

    def watch(self, path):
        client = Client(self.watch_port)
        try:
            return client.ask("GET", path)
        finally:
            client.close()

    def raw(self, data, half_close=False):
        """Sends bytes as they are, and returns all that comes back."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        if self.tls:
            sock = self.tls.wrap_socket(sock, server_hostname="127.0.0.1")
        with sock:
            said = b""
            try:
                sock.sendall(data)
                if half_close and not self.tls:
                    sock.shutdown(socket.SHUT_WR)
                while more := sock.recv(65536):
                    said += more
            except ConnectionError:
                pass
            return said

    def stored(self, kit=None):
        """The numbers of the kit's readings in the spool."""
        spool = Spool(self.folder)
        try:
            return sorted(
                r.seq for one in spool.after(0, 100_000) if one.device == (kit or self.kit) for r, _ in one.readings
            )
        finally:
            spool.close()
