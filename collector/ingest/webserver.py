# SPDX-License-Identifier: EUPL-1.2
"""A small HTTP/1.1 server that nobody can hold up: requests in, what a handler answers out, over TLS or plain.

h11 takes requests apart; the sockets, the bounds of time and size, and the number of connections are looked after here.
A connection is counted before its TLS handshake. The way in for readings (http.py) and the page for watchers
(watching.py) are handlers; both run in the one thread of a `WebThread`, which the service starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import h11

from collector.errors import SettingError

log = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_BLOCK = 16_384  # read at once [bytes]
_LEFT = 262_144  # so much of a request that was refused is still read, or its sender may not see the answer [bytes]
_LEFT_S = 1.0  # and so long [s]
_SAY_AGAIN = 10.0  # [s]


@dataclass(frozen=True)
class Bounds:
    """How much one server lets in."""

    connections: int = 800
    per_address: int = 100  # of one address that is not this machine's, where a proxy may stand
    head_bytes: int = 8192
    body_bytes: int = 8192
    hello_s: float = 10.0  # for the TLS handshake
    request_s: float = 15.0  # for a whole request, from its first byte on; and from the connection to the first byte
    idle_s: float = 75.0  # between two requests of a connection
    write_s: float = 15.0  # for a client to take its answer


@dataclass(frozen=True)
class Request:
    """What a client asks. Names of headers are in small letters; what came twice is joined by a comma."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    address: str


@dataclass(frozen=True)
class Response:
    """What it is told. With `last`, the connection ends behind it."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    last: bool = False


Handler = Callable[[Request], Awaitable[Response]]


class _Refused(Exception):
    """A request that gets no further; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Connection:
    """One socket: who is behind it, and since when the server waits for its next request."""

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.socket, self.address = sock, address
        self.waits_since: float | None = time.monotonic()
        self.task: asyncio.Task[None] | None = None
        self.begun = False  # from then on the task looks after the socket


class WebServer:
    """Listens on one address, which is had when the constructor returns; SettingError if it cannot be had."""

    def __init__(
        self,
        name: str,
        address: tuple[str, int],
        handler: Handler,
        tls: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
        say_error: Callable[[int], Response] | None = None,
    ) -> None:
        self.name, self.bounds = name, bounds or Bounds()
        self._handler, self._tls = handler, tls
        self._say_error = say_error or (lambda status: Response(status, b"%d\n" % status, "text/plain"))
        self._connections: set[_Connection] = set()
        self._said = 0.0
        host, port = address
        try:
            self._socket = socket.create_server(
                (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=256
            )
        except OSError as error:
            raise SettingError(
                f"The collector cannot listen on {host}:{port} for {name}: {error.strerror}.",
                f"Another program may be listening there. Choose another address with the setting {name}_listen.",
            ) from error
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    async def run(self) -> None:
        """Takes connections until cancelled, and then ends them."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    sock, peer = await loop.sock_accept(self._socket)
                except OSError as error:  # the client went again, or there are too many open files
                    self._say("%s: a connection could not be taken: %s", self.name, error)
                    await asyncio.sleep(0.05)
                    continue
                connection = _Connection(sock, str(peer[0]))
                if not self._has_room(connection):
                    sock.close()
                    continue
                self._connections.add(connection)
                connection.task = loop.create_task(self._serve(connection))
                connection.task.add_done_callback(partial(self._forget, connection))
        finally:
            self._socket.close()
            for one in self._connections:
                if one.task is not None:
                    one.task.cancel()

    def _forget(self, connection: _Connection, _: asyncio.Task[None]) -> None:
        self._connections.discard(connection)
        if not connection.begun:  # it was ended before its turn came
            connection.socket.close()

    def _has_room(self, connection: _Connection) -> bool:
        """Whether one more may come in; if all places are taken, the one that is idle for longest goes."""
        if connection.address not in _LOOPBACK:
            here = sum(one.address == connection.address for one in self._connections)
            if here >= self.bounds.per_address:
                self._say("%s: too many connections; one from %s is refused", self.name, connection.address)
                return False
        if len(self._connections) < self.bounds.connections:
            return True
        idle = [one for one in self._connections if one.waits_since is not None]
        if not idle:
            self._say("%s: too many connections; one from %s is refused", self.name, connection.address)
            return False
        longest = min(idle, key=lambda one: one.waits_since or 0.0)
        longest.waits_since = None
        if longest.task is not None:
            longest.task.cancel()
        return True

    def _say(self, text: str, *words: object) -> None:
        """A warning; of those that a stranger can cause, one in a while is enough."""
        now = time.monotonic()
        if now - self._said >= _SAY_AGAIN:
            self._said = now
            log.warning(text, *words)

    async def _serve(self, connection: _Connection) -> None:
        """One connection's life. Whatever a client does ends here, and no worse than with its connection."""
        connection.begun = True
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(_BLOCK)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport: asyncio.Transport | None = None
        try:
            timeout = self.bounds.hello_s if self._tls else None
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection.socket, ssl=self._tls, ssl_handshake_timeout=timeout
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            await _Exchange(self, connection, reader, writer).run()
            async with asyncio.timeout(_LEFT_S):
                writer.close()
                await writer.wait_closed()
        except OSError as error:  # a TimeoutError and an ssl.SSLError are among these
            log.debug("%s: a connection ended: %s", self.name, type(error).__name__)
        finally:
            if transport is not None:
                transport.abort()

    async def answer(self, request: Request) -> Response:
        """What the handler says; an error of its own becomes one sentence in the log, not the client's business."""
        try:
            return await self._handler(request)
        except Exception:
            log.exception("%s: a request could not be answered; please report this", self.name)
            return self.refusal(500)

    def refusal(self, status: int) -> Response:
        """The answer to what cannot be a request, or is too long or too slow: the connection ends with it."""
        made = self._say_error(status)
        return Response(made.status, made.body, made.type, made.headers, last=True)


class _Exchange:
    """Requests and responses on one connection."""

    def __init__(
        self, server: WebServer, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._connection = server, connection
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=server.bounds.head_bytes)
        self._method = b""

    async def run(self) -> None:
        """Answers until one side wants no more."""
        patience = self._server.bounds.request_s
        while True:
            try:
                request = await self._request(patience)
                if request is None:
                    return
                response = await self._server.answer(request)
            except _Refused as error:
                response = self._server.refusal(error.status)
            except TimeoutError:
                response = self._server.refusal(408)
            except h11.RemoteProtocolError as error:
                response = self._server.refusal(error.error_status_hint)
            await self._respond(response)
            if self._http.their_state in (h11.SEND_BODY, h11.ERROR):
                await self._linger()
            if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()
            patience = self._server.bounds.idle_s

    async def _request(self, patience: float) -> Request | None:
        """The next request, or None if the client goes, or says nothing for so long [s]."""
        connection, bounds = self._connection, self._server.bounds
        connection.waits_since = time.monotonic()
        if not self._http.trailing_data[0]:
            try:
                async with asyncio.timeout(patience):
                    first = await self._reader.read(_BLOCK)
            except TimeoutError:
                return None
            self._http.receive_data(first)
            if not first:
                return None
        async with asyncio.timeout(bounds.request_s):
            head = await self._event()
            if not isinstance(head, h11.Request):
                return None
            self._method = head.method
            if self._method == b"CONNECT":
                raise _Refused(405)
            headers = _joined(head)
            length = headers.get("content-length", "0")
            if not length.isdecimal() or len(length) > 9 or int(length) > bounds.body_bytes:
                raise _Refused(413)
            if self._http.they_are_waiting_for_100_continue:
                await self._send(h11.InformationalResponse(status_code=100, headers=[]))
            body = b""
            while isinstance(more := await self._event(), h11.Data):
                body += more.data
                if len(body) > bounds.body_bytes:
                    raise _Refused(413)
        if isinstance(more, h11.ConnectionClosed):
            return None
        connection.waits_since = None
        path = head.target.decode("latin-1").partition("?")[0]
        return Request(self._method.decode("latin-1"), path, headers, body, connection.address)

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event  # type: ignore[return-value]
            self._http.receive_data(await self._reader.read(_BLOCK))

    async def _respond(self, response: Response) -> None:
        headers = {"content-type": response.type, "content-length": str(len(response.body)), **response.headers}
        if response.last:
            headers["connection"] = "close"
        await self._send(
            h11.Response(status_code=response.status, headers=[*headers.items()]),
            h11.Data(data=b"" if self._method == b"HEAD" else response.body),
            h11.EndOfMessage(),
        )

    async def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        async with asyncio.timeout(self._server.bounds.write_s):
            self._writer.write(data)
            await self._writer.drain()

    async def _linger(self) -> None:
        """Reads a little more before the end: closing on unread bytes would take the answer from the client."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_LEFT_S):
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                left = _LEFT
                while left > 0 and (more := await self._reader.read(_BLOCK)):
                    left -= len(more)


def _joined(head: h11.Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw in head.headers:
        name, value = raw_name.decode("latin-1"), raw.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class WebThread(threading.Thread):
    """The thread in which the servers run until `end`. What makes it end before that is kept in `failed`."""

    def __init__(self) -> None:
        super().__init__(name="web", daemon=True)
        self.failed: BaseException | None = None
        self.loop = asyncio.new_event_loop()
        self._work: list[Callable[[], Awaitable[None]]] = []
        self._end = asyncio.Event()

    def add(self, work: Callable[[], Awaitable[None]]) -> None:
        """Something that runs beside the rest until the end: a server's `run`, say. Before `start`."""
        self._work.append(work)

    def run(self) -> None:
        """The thread's life."""
        try:
            self.loop.run_until_complete(self._run_all())
        except BaseException as error:  # noqa: BLE001 - shown and raised by the service
            self.failed = error
        finally:
            self.loop.close()

    async def _run_all(self) -> None:
        end = asyncio.ensure_future(self._end.wait())
        tasks = [end, *(asyncio.ensure_future(work()) for work in self._work)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            task.result()

    def end(self) -> None:
        """Ends the servers and their connections; returns when the thread has ended."""
        if self.is_alive():
            self.loop.call_soon_threadsafe(self._end.set)
            self.join(timeout=30)
