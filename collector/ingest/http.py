# SPDX-License-Identifier: EUPL-1.2
"""`POST /v1/readings`: the way in for kits that cannot speak MQTT, over HTTPS.

The same message as over MQTT is the body, a kit's id and password are HTTP Basic, and the acknowledgement is the
response, after the same commit. docs/reference/http.md says what each status means. The service puts it together.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import math
import random
import re
import ssl
from collections import Counter
from pathlib import Path

import msgspec

from collector.errors import SettingError
from collector.ingest.broker import LOOPBACK
from collector.ingest.door import Answer, Door, Visitor
from collector.ingest.passwords import Logins, Passwords
from collector.ingest.webserver import Bounds, Request, Response, WebServer, WebThread
from collector.message import MAX_BYTES
from collector.settings import Settings, parse_address

log = logging.getLogger(__name__)

PATH = "/v1/readings"
_DEVICE = re.compile("[a-z0-9-]{6,32}")
_LATER = (20, 40)  # when to come again while nothing is taken [s]; not all at the same moment
_PATIENCE = 60.0  # for a commit [s]; a disk that takes longer does not work
_TEND = 60.0  # how often the certificate's file is looked at [s]

# What is said of a request that is not taken: a word for programs, a sentence for people.
REFUSALS = {
    400: ("request", "This is no HTTP/1.1 request that can be read."),
    401: ("unauthorized", "The id and the password of a registered kit are needed, as HTTP Basic."),
    404: ("path", f"Readings go to {PATH}."),
    405: ("method", "Readings are sent with POST."),
    408: ("slow", "The request took too long. Send it again."),
    413: ("size", f"A message has at most {MAX_BYTES} bytes. Send fewer readings at once."),
    415: ("encoding", "The body is plain JSON, not compressed."),
    429: ("held", "This kit sends more than the limits allow. Keep the readings and send them later."),
    431: ("head", "The head of the request is too long."),
    500: ("failed", "The collector made a mistake. Keep the readings and send them later."),
    501: ("transfer", "This transfer encoding is not known."),
    503: ("later", "Nothing can be taken now. Keep the readings and send them later."),
}


def refusal(status: int, **headers: str) -> Response:
    """The response to what is not taken."""
    code, detail = REFUSALS.get(status, REFUSALS[400])
    return Response(status, msgspec.json.encode({"error": code, "detail": detail}), headers=headers)


class Readings:
    """The handler of requests. It runs in the loop of the servers' thread."""

    def __init__(self, door: Door, passwords: Passwords, loop: asyncio.AbstractEventLoop) -> None:
        self._door, self._passwords, self._loop = door, passwords, loop
        self.answered: Counter[int] = Counter()  # responses by status
        door.tell = self._tell

    async def handle(self, request: Request) -> Response:
        """Answers one request."""
        response = await self._respond(request)
        self.answered[response.status] += 1
        return response

    def refuse(self, status: int) -> Response:
        """The answer to what was no request, too slow or too long."""
        self.answered[status] += 1
        return refusal(status)

    async def _respond(self, request: Request) -> Response:
        if request.path != PATH:
            return refusal(404)
        if request.method != "POST":
            return refusal(405, allow="POST")
        login = _login(request.headers.get("authorization", ""))
        if login is None or not await self._passwords.check(*login):
            made = refusal(401, **{"www-authenticate": 'Basic realm="citimeasure", charset="UTF-8"'})
            return Response(made.status, made.body, headers=made.headers, last=True)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            return refusal(415)
        heard: asyncio.Future[Answer] = self._loop.create_future()
        if not self._door.knock(login[0], request.body, lambda answer: _set(heard, answer)):
            return _later()
        try:
            answer = await asyncio.wait_for(heard, _PATIENCE)
        except TimeoutError:
            return _later()
        if answer.wait:
            return refusal(429, **{"retry-after": str(math.ceil(answer.wait))})
        if answer.ack is None:
            return _later()
        return Response(400 if answer.ack.error else 200, msgspec.json.encode(answer.ack))

    def _tell(self, answers: list[tuple[Visitor, Answer]]) -> None:
        """Takes answers over from the thread that commits; once the loop is closed nobody waits for them."""
        try:
            self._loop.call_soon_threadsafe(_give_out, answers)
        except RuntimeError:
            return


def _give_out(answers: list[tuple[Visitor, Answer]]) -> None:
    for visitor, answer in answers:
        visitor.hear(answer)


def _set(heard: asyncio.Future[Answer], answer: Answer) -> None:
    if not heard.done():  # the client may have gone
        heard.set_result(answer)


def _later() -> Response:
    return refusal(503, **{"retry-after": str(random.randint(*_LATER))})


def _login(header: str) -> tuple[str, str] | None:
    """Id and password of an Authorization header (RFC 7617); None if it holds none."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        device, colon, password = base64.b64decode(coded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):  # a UnicodeDecodeError is a ValueError
        return None
    return (device, password) if colon and _DEVICE.fullmatch(device) else None


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """What the server shows of itself; None if it may speak plainly. SettingError if neither is right."""
    if not settings.http_certificate:
        host, _ = parse_address(settings.http_listen)
        if host not in LOOPBACK and settings.http_plain != "yes":
            raise SettingError(
                f"On {settings.http_listen} passwords would pass the network unencrypted: http_certificate is empty.",
                "Name a certificate and its key (`citimeasure broker certs` makes them), or listen on 127.0.0.1 behind"
                ' a proxy that speaks TLS. Where the network is your own and closed, http_plain = "yes" allows it.',
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.http_certificate, settings.http_key or None, password=lambda: b"")
    except OSError as error:
        raise SettingError(
            f"{settings.http_certificate} and {settings.http_key} are no certificate with its key: {error}.",
            "Name files in PEM, without passphrase, in the settings http_certificate and http_key.",
        ) from error
    return context


def open_door(settings: Settings, door: Door, logins: Logins, thread: WebThread) -> Readings:
    """Lets readings in by HTTP: everything that runs in the servers' thread is added to it."""
    passwords = Passwords(logins)
    readings = Readings(door, passwords, thread.loop)
    tls = tls_of(settings)
    bounds = Bounds(body_bytes=MAX_BYTES)
    server = WebServer("http", parse_address(settings.http_listen), readings.handle, tls, bounds, readings.refuse)
    thread.add(server.run)
    thread.add(passwords.watch)
    if tls is not None:
        thread.add(lambda: _renew(settings, tls))
    return readings


async def _renew(settings: Settings, tls: ssl.SSLContext) -> None:
    """Shows a new certificate to who connects, once its files are new."""

    def stamp() -> list[float]:
        return [Path(name).stat().st_mtime for name in (settings.http_certificate, settings.http_key) if name]

    shown = stamp()
    while True:
        await asyncio.sleep(_TEND)
        try:
            if (found := stamp()) != shown:
                tls.load_cert_chain(settings.http_certificate, settings.http_key or None, password=lambda: b"")
                shown = found
        except OSError as error:
            log.warning("http: the certificate's files cannot be read, the one of before is shown: %s", error)
