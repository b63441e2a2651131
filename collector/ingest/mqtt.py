# SPDX-License-Identifier: EUPL-1.2
"""The collector's link to a broker: the loop that drives the intake, over one connection after the other.

One thread reads the socket, commits and publishes acknowledgements; nothing waits in a queue that a crash could
empty after it was acknowledged. Sessions are clean: what a broker drops, the kits send again. What comes by another
way waits at the door and is taken in the same loop, which goes on while the broker is away.
"""

from __future__ import annotations

import logging
import random
import secrets
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from collector.certificates import warning
from collector.errors import BrokerError, NetworkError, SettingError
from collector.ingest.connection import Address, Connection, Refused
from collector.ingest.door import Door
from collector.ingest.intake import Intake
from collector.ingest.meters import Meters
from collector.message import SUBSCRIPTION
from collector.settings import Settings, parse_address, parse_broker

log = logging.getLogger(__name__)

CLIENT_ID_FILE = "client-id"
_LONGEST_WAIT = 60.0  # between two tries to connect [s]
_IDLE = 0.5  # how long a look at the socket may take when nothing is to be committed [s]
_BESIDE = 0.05  # how often it is looked whether a new connection is open [s]
_NOTICES = 500  # retained messages that are published at once
_UNSENT = 1 << 20  # with more that the broker does not take, nothing more is read [bytes]


class Link:
    """Connects, receives and acknowledges until told to stop."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        stop: threading.Event,
        door: Door | None = None,
        meters: Meters | None = None,
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._stop = stop
        self._door = door or Door()
        self._meters = meters or Meters()
        self._due = self._next_look = 0.0
        self.address = address_of(settings)
        group = settings.broker_group
        self._subscription = f"$share/{group}/{SUBSCRIPTION}" if group else SUBSCRIPTION
        self._registry_away = False
        self._next_day = 0.0
        self.turned = time.monotonic()  # when the loop last came round, within a second
        self.on_ready: Callable[[], None] = lambda: None
        self._notices: deque[tuple[str, bytes]] = deque()
        self.connections = 0  # so many were opened since the start

    def run(self) -> None:
        """Returns when stopped. The first connection must succeed (BrokerError); later ones are tried for ever."""
        try:
            self._run()
        finally:
            self._door.close()

    def _run(self) -> None:
        connection: Connection | None = self._connect()
        wait = 1.0
        while connection is not None:
            started = time.monotonic()
            try:
                self._serve(connection)
                connection.publish(self._commit())
                return
            except OSError as error:
                if connection.brought or time.monotonic() - started > _LONGEST_WAIT:
                    wait = 1.0  # the pauses grow while brokers fail at once, not from one good connection to the next
                log.warning("broker %s: connection lost (%s); trying again", self.address, error)
                self._meters.away_since = time.monotonic()
                self._commit()  # what came before the loss is still worth keeping
            finally:
                connection.close()
            connection, wait = self._reconnect(wait)

    def _connect(self) -> Connection:
        try:
            return self._open()
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"No broker answers at {self.address}: {error}.",
                "Start it, correct the setting broker, or use the embedded one: --broker embedded.",
            ) from error

    def _open(self) -> Connection:
        try:
            connection = Connection(self.address, self._subscription)
        except Refused as error:
            raise BrokerError(
                f"The broker at {self.address} refused the collector: {error}.",
                "Check the settings broker_username and broker_password_file.",
            ) from error
        log.info("broker %s: connected; readings are taken", self.address)
        self._meters.away_since = None
        self.connections += 1
        self._look_at_certificate(connection)
        self.on_ready()
        return connection

    def _reconnect(self, wait: float) -> tuple[Connection | None, float]:
        """Tries until it works, or None when the service stops; and how long to wait before the next first try."""
        while not self._stop.is_set():
            self._serve_door(until=time.monotonic() + random.uniform(wait / 2, wait))
            if self._stop.is_set():
                break
            wait = min(wait * 2, _LONGEST_WAIT)
            try:
                return self._open_beside(), wait
            except BrokerError as error:
                log.error("broker: ALARM: %s Trying again within %.0f s. %s", error, wait, error.hint)
            except OSError as error:
                log.warning("broker %s: %s; trying again within %.0f s", self.address, error, wait)
        return None, wait

    def _open_beside(self) -> Connection:
        """Opens a connection in a thread, since an address that does not answer takes long to say so."""
        with ThreadPoolExecutor(1, "connecting") as pool:
            opening = pool.submit(self._open)
            while not opening.done() and not self._stop.is_set():
                self._serve_door(until=time.monotonic() + _BESIDE)
            return opening.result()

    def _serve(self, connection: Connection) -> None:
        """One connection's life; OSError when it ends before the service does."""
        intake = self._intake
        next_tending = 0.0
        while not self._stop.is_set():
            # While the broker does not take what it is sent, nothing is read either: the rest waits in the socket.
            wanted = [connection.socket] if len(connection.unsent) < _UNSENT else []
            unsent = [connection.socket] if connection.unsent else []
            readable, writable, _ = select.select([*wanted, self._door.bell], unsent, [], self._patience())
            if writable:
                connection.flush()
            if connection.socket in readable:
                self._begin()
                messages = connection.receive()
                self._meters.came("mqtt", messages, intake.take_all(messages))
                connection.flush()
            if self._door.bell in readable:
                self._let_in()
            if self._is_due():
                # QoS 0: an acknowledgement that is lost is asked for again by sending the reading again.
                connection.publish(self._commit())
            now = time.monotonic()
            if now >= next_tending:
                next_tending = now + 1
                connection.tend()
                self._publish_notices(connection)
                if now >= self._next_day:
                    self._look_at_certificate(connection)
            self._look()

    def _serve_door(self, until: float) -> None:
        """The same without a broker, for a while: what comes by other ways is taken."""
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self._door.bell], [], [], min(left, self._patience()))
            if readable:
                self._let_in()
            if self._is_due():
                self._commit()
            self._look()

    def _patience(self) -> float:
        """How long a look at the sockets may take [s]."""
        return max(0.0, self._due - time.monotonic()) if self._intake.waiting else _IDLE

    def _begin(self) -> None:
        """A group begins with its first message, and waits for others for so long."""
        if not self._intake.waiting:
            self._due = time.monotonic() + self._settings.commit_ms / 1000

    def _let_in(self) -> None:
        self._begin()
        self._meters.came("http", *self._door.let_in(self._intake))

    def _is_due(self) -> bool:
        waiting = self._intake.waiting
        return bool(waiting) and (time.monotonic() >= self._due or waiting >= self._settings.commit_rows)

    def _commit(self) -> list[tuple[str, bytes]]:
        """Commits; who came through the door hears of it at once, and for the others the answers are returned."""
        began, size = time.monotonic(), self._intake.waiting
        acks = self._intake.commit()
        self._meters.committed(size, time.monotonic() - began, taken=bool(acks))
        self._door.answer(acks)
        return acks

    def _look(self) -> None:
        """Looks for new devices, once a second."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + 1
            self.turned = now
            self._refresh()

    def notice(self, topic: str, payload: bytes) -> None:
        """Leaves a retained message at the broker within a second or two. Any thread may call it."""
        self._notices.append((topic, payload))

    def _publish_notices(self, connection: Connection) -> None:
        some: list[tuple[str, bytes]] = []
        while self._notices and len(some) < _NOTICES:
            some.append(self._notices.popleft())
        if some:
            connection.publish(some, retain=True)

    def _look_at_certificate(self, connection: Connection) -> None:
        """Warns while there is time: at each connection, and once a day on one that lasts."""
        self._next_day = time.monotonic() + 86_400
        end = connection.certificate_end
        self._meters.broker_certificate = end
        if end and (soon := warning(end, f"the broker {self.address}")):
            log.warning("certificate: %s", soon)

    def _refresh(self) -> None:
        """Looks for new devices; a registry that is away for a while stops nobody who is known."""
        try:
            self._intake.refresh()
        except NetworkError as error:
            if not self._registry_away:
                log.warning("registry: %s New devices are not seen until it is back.", error)
            self._registry_away = True
        else:
            self._registry_away = False


def address_of(settings: Settings, client_id: str | None = None) -> Address:
    """Where the settings say that the broker is, with the collector's name there, or another."""
    if settings.broker == "embedded":
        (host, port), tls = parse_address(settings.broker_listen), False
    else:
        host, port, tls = parse_broker(settings.broker)
    username = settings.broker_username
    password = settings.secret("broker_password") if username else ""
    trust = _trust(settings.broker_root) if tls else None
    name = _client_id(settings.folder) if client_id is None else client_id
    return Address(host, port, trust, username, password, name)


def _client_id(folder: Path) -> str:
    """The folder's own name at brokers, made once.

    A collector that comes back takes its own place again. Under a new name each time it would leave the old one in the
    shared subscription of a cluster's node that crashed, and that would be sent its share of the messages for ever.
    """
    path = folder / CLIENT_ID_FILE
    try:
        if not path.exists():
            path.write_text(f"citimeasure-{secrets.token_hex(6)}\n")
        return path.read_text().strip()
    except OSError as error:
        log.warning("%s cannot be kept (%s); the name at the broker is another at each start", path, error.strerror)
        return ""


def _trust(root: str) -> ssl.SSLContext:
    """What says whether a broker is the one it claims to be: a root certificate's file, or the system's list."""
    try:
        return ssl.create_default_context(cafile=root or None)
    except OSError as error:  # an ssl.SSLError is one
        raise SettingError(
            f"The root certificate {root} of the setting broker_root cannot be read: {error}.",
            "Name a file with a root certificate in PEM, or leave it empty for the system's list.",
        ) from error
