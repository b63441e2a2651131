# SPDX-License-Identifier: EUPL-1.2
"""Who may log in at a cluster's brokers, and do what there: the answer to a node that asks by HTTP.

A node of RMQTT hands over each client's id, name and password; it gets a yes or no, and with the yes the client's
rights, from the same table and the same registry as everywhere. `citimeasure broker logins` runs one beside each node,
on the machine's own address, so no password crosses a network in the clear.
"""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from collector.credentials import COLLECTOR, verify_password
from collector.errors import NetworkError, SettingError
from collector.ingest.rules import COLLECTOR_READS, COLLECTOR_WRITES, PREFIX, kit_reads, kit_writes
from collector.registry import Account

log = logging.getLogger(__name__)

PATH = "/login"
VALID = 6 * 3600  # so long a login holds; then the client must log in again, with a password that is still good [s]
_EVERY = 5.0  # the registry is read again after this long [s]
_LARGEST = 4096  # a question is shorter [bytes]
_PATIENCE = 60.0  # with a node that says nothing more [s]


class Logins:
    """Judges logins. `accounts` reads which kits may log in now; `clock` gives seconds since 1970."""

    def __init__(
        self,
        accounts: Callable[[], Mapping[str, Account]],
        collector_password: str,
        *,
        valid: int = VALID,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._load, self._collector_password = accounts, collector_password
        self._valid, self._clock = valid, clock
        self._away = False
        self._accounts = accounts()

    def refresh(self) -> None:
        """Reads the registry again; while it is away, those of before may log in."""
        try:
            self._accounts = self._load()
        except NetworkError as error:
            if not self._away:
                log.warning("registry: %s Passwords are those of before.", error)
            self._away = True
        else:
            self._away = False

    def judge(self, name: str, client_id: str, password: str) -> dict[str, Any]:
        """The node's answer, in the words of its plugin auth-http. A kit's client id is its own name, or it could
        end the connection of another.
        """
        if name == COLLECTOR:
            good = hmac.compare_digest(password.encode(), self._collector_password.encode())
            reads = [f"{PREFIX}/+/{topic}" for topic in COLLECTOR_READS]
            writes = [f"{PREFIX}/+/{topic}" for topic in COLLECTOR_WRITES]
        else:
            account = self._accounts.get(name)
            good = (
                client_id == name and account is not None and any(verify_password(password, h) for h in account.hashes)
            )
            reads = [f"eq {topic}" for topic in sorted(kit_reads(name))]
            writes = [f"eq {topic}" for topic in sorted(kit_writes(name))]
        if not good or (name != COLLECTOR and client_id == COLLECTOR):
            return {"result": "deny"}
        rights = [("subscribe", topic) for topic in reads] + [("publish", topic) for topic in writes]
        return {
            "result": "allow",
            "superuser": False,
            "expire_at": int(self._clock()) + self._valid,
            "acl": [{"permission": "allow", "action": action, "topic": topic} for action, topic in rights],
        }


class _Handler(BaseHTTPRequestHandler):
    """One connection of a node, with one question after the other."""

    protocol_version = "HTTP/1.1"
    timeout = _PATIENCE
    server: Server

    def do_POST(self) -> None:
        size = self.headers.get("Content-Length", "")
        if self.path != PATH or not size.isascii() or not size.isdigit() or int(size) > _LARGEST:
            self.close_connection = True
            self.send_error(400)
            return
        try:
            asked = parse_qs(self.rfile.read(int(size)).decode(), keep_blank_values=True, strict_parsing=True)
            name, client_id, password = (asked[key][0] for key in ("username", "clientid", "password"))
        except (ValueError, KeyError):
            self.send_error(400)
            return
        body = json.dumps(self.server.logins.judge(name, client_id, password)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: names and passwords of strangers belong in no log."""


class Server(ThreadingHTTPServer):
    """Answers until `run` is stopped. Port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, host: str, port: int, logins: Logins) -> None:
        self.logins = logins
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise SettingError(f"Nobody can listen on {host}:{port}: {error.strerror}.", "Choose --listen.") from error

    def run(self, stop: threading.Event) -> None:
        """Answers, and reads the registry again and again, until `stop` is set."""
        threading.Thread(target=self.serve_forever, name="logins", daemon=True).start()
        while not stop.wait(_EVERY):
            self.logins.refresh()
        self.shutdown()
        self.server_close()
