# SPDX-License-Identifier: EUPL-1.2
"""Kits send over HTTPS while the collector is killed: what a response named is in the spool."""

import base64
import contextlib
import http.client
import json
import random
import socket
import ssl
import threading

from collector import certificates
from collector.ingest.spool import Spool
from collector.message import Message, Reading, encode
from collector.registry import Registry
from tests import parts
from tests.journeys.collecting import Collector, wait_until

KITS = [f"kit-{n:06}" for n in range(4)]
START = 1_767_261_600
KILLS = 4


class Sender(threading.Thread):
    """A kit that sends its readings in order, again and again until each is acknowledged."""

    def __init__(self, kit, password, port, tls, end):
        super().__init__(name=kit)
        self.kit, self.port, self.tls, self.end = kit, port, tls, end
        self.login = "Basic " + base64.b64encode(f"{kit}:{password}".encode()).decode()
        self.acknowledged = set()
        self.statuses = set()

    def run(self):
        seq = 0
        while not self.end.is_set():
            client = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.tls)
            with contextlib.suppress(OSError, http.client.HTTPException):
                while not self.end.is_set():
                    reading = Reading(seq=seq, dt=60, q={"pm25": 5.0}, t=START + 60 * seq)
                    body = encode(Message(v=1, boot=1, readings=[reading]))
                    client.request("POST", "/v1/readings", body, {"Authorization": self.login})
                    response = client.getresponse()
                    told = json.loads(response.read())
                    self.statuses.add(response.status)
                    if response.status == 200:
                        self.acknowledged |= {n for low, high in told["seq"] for n in range(low, high + 1)}
                        seq += seq in self.acknowledged
            client.close()
            self.end.wait(0.05)


def half_a_request(port, tls):
    """A connection on which the collector waits for the rest of a request."""
    sock = tls.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="127.0.0.1")
    sock.sendall(b"POST /v1/readings HTTP/1.1\r\nHost: c\r\nContent-Length: 100\r\n\r\n{")
    return sock


def test_what_was_acknowledged_by_https_survives_kill_9(tmp_path):
    root, _, certificate, key = certificates.make(tmp_path / "certs", ["127.0.0.1"])
    tls = ssl.create_default_context(cafile=str(root))
    folder = tmp_path / "data"
    folder.mkdir()
    passwords = {}
    with Registry(f"sqlite:///{folder / 'registry.sqlite'}") as registry:
        for kit in KITS:
            registry.add_device("kit-1", kit)
            passwords[kit] = registry.identity.set_password(kit)
    port = parts.free_port()
    settings = {
        "CITIMEASURE_BROKER_LISTEN": f"127.0.0.1:{parts.free_port()}",
        "CITIMEASURE_HTTP_LISTEN": f"127.0.0.1:{port}",
        "CITIMEASURE_HTTP_CERTIFICATE": str(certificate),
        "CITIMEASURE_HTTP_KEY": str(key),
        "CITIMEASURE_FREE_MB": "0",
    }
    end = threading.Event()
    senders = [Sender(kit, passwords[kit], port, tls, end) for kit in KITS]
    with Collector(folder, **settings) as collector:
        for one in senders:
            one.start()
        try:
            for _ in range(KILLS):
                before = [len(one.acknowledged) for one in senders]
                wait_until(
                    lambda before=before: all(
                        len(one.acknowledged) > n + 3 for one, n in zip(senders, before, strict=True)
                    ),
                    what="the next acknowledgements",
                )
                with half_a_request(port, tls):
                    end.wait(random.uniform(0, 0.1))
                    collector.kill()
                collector.start()
        finally:
            end.set()
            for one in senders:
                one.join(timeout=60)
        assert collector.stop() == 0
        log = collector.log.read_text()
    spool = Spool(folder)
    kept = {(one.device, r.seq) for one in spool.after(0, 100_000) for r, _ in one.readings}
    twice = sum(len(one.readings) for one in spool.after(0, 100_000)) - len(kept)
    spool.close()
    assert {(one.kit, seq) for one in senders for seq in one.acknowledged} <= kept
    assert twice == 0
    assert {status for one in senders for status in one.statuses} <= {200, 503}
    assert not any(password in log for password in passwords.values())
