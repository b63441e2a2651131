# SPDX-License-Identifier: EUPL-1.2
"""Something that speaks HTTP where InfluxDB should be: it answers writes as it is told, and keeps what it took.

For answers that a healthy InfluxDB does not give on demand: busy, away for long, wrong from top to bottom.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# The lines of a request come in; a status, InfluxDB's words, and headers go out. 204 keeps the lines.
Answer = tuple[int, str, dict[str, str]]


class FakeInflux(http.server.ThreadingHTTPServer):
    """`answer` may be changed at any time."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[list[str]], Answer] = lambda lines: (204, "", {})
        self.lines: dict[str, str] = {}  # what stands behind the last blank and before the first: the key
        self.requests = 0
        self.tokens: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FakeInflux

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().splitlines()
        self.server.requests += 1
        self.server.tokens.append(self.headers["Authorization"].removeprefix("Token "))
        status, words, headers = self.server.answer(lines)
        if status == 204:
            for line in lines:
                tags, fields, t = line.rsplit(" ", 2)
                self.server.lines[f"{tags} {t}"] = fields
        body = json.dumps({"message": words}).encode() if words else b""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def fake_influx() -> Iterator[FakeInflux]:
    """Runs one."""
    with FakeInflux() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
