# SPDX-License-Identifier: EUPL-1.2
"""A web server on 127.0.0.1 that gives the files of a folder, with TLS or without, well or in one of many bad ways.

Tests change `fault`, `certificate` and `location` (of redirects) while it runs; `asked` are the requests that came:
(file, first byte, status).
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Web(ThreadingHTTPServer):
    """Faults: "silent" (no handshake), "hang" (no answer), "302" and other numbers, "no length", "long" and "short" (a
    wrong length), "cut" (the line dies in the middle), "no ranges", "other ranges" (not the ones that were asked for).
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.folder, self.fault, self.location = folder, "", "/elsewhere"
        self.certificate: ssl.SSLContext | None = None
        self.asked: list[tuple[str, int, int]] = []
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """Of its folder."""
        scheme, host = ("https", "localhost") if self.certificate else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.server_address[1]}/"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shakes hands in the request's own thread, so that one who hangs holds nobody else up."""
        if self.fault == "silent":
            self.stopping.wait(60)
            return
        with contextlib.suppress(OSError):  # a kit that does not trust us hangs up
            if self.certificate:
                request = self.certificate.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A line that broke is what many tests are about."""


class _Answer(BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        fault, path = self.server.fault, self.server.folder / self.path.split("?")[0].lstrip("/")
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        if fault == "hang":
            self.server.stopping.wait(60)
            return
        if fault.isdigit() or not path.is_file():
            self._head(int(fault or 404), start, {"Content-Length": 0, "Location": self.server.location})
            return
        body = path.read_bytes()
        head: dict[str, object] = {}
        status = 200
        if start > len(body):
            self._head(416, start, {"Content-Length": 0})
            return
        if start and fault != "no ranges":
            status = 206
            first = start + (fault == "other ranges")
            head["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
            body = body[first:]
        length = len(body) + {"long": 100, "short": -100}.get(fault, 0)
        if fault != "no length":
            head["Content-Length"] = max(length, 0)
        self._head(status, start, head)
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body[:length])

    def _head(self, status: int, start: int, head: dict[str, object]) -> None:
        self.server.asked.append((Path(self.path).name, start, status))
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, str(value))
        self.end_headers()


@contextmanager
def web(folder: Path) -> Iterator[Web]:
    """Runs one."""
    with Web(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()
