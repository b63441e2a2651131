# SPDX-License-Identifier: EUPL-1.2
"""The collector's own connection to a broker: paho on MQTT 3.1.1, and the loop that drives the intake.

One thread reads the socket, commits and publishes acknowledgements; nothing waits in a queue that a crash could
empty after it was acknowledged. Sessions are clean: what a broker drops, the kits send again.
"""

from __future__ import annotations

import logging
import random
import secrets
import select
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from collector.errors import BrokerError, NetworkError
from collector.ingest.intake import Intake
from collector.message import SUBSCRIPTION
from collector.settings import Settings, parse_address, parse_broker

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0  # between two tries to connect [s]
_IDLE = 0.5  # how long a look at the socket may take when nothing is to be committed [s]


class Link:
    """Connects, receives and acknowledges until told to stop."""

    def __init__(self, settings: Settings, intake: Intake, stop: threading.Event) -> None:
        self._settings = settings
        self._intake = intake
        self._stop = stop
        if settings.broker == "embedded":
            (self._host, self._port), self._tls = parse_address(settings.broker_listen), False
        else:
            self._host, self._port, self._tls = parse_broker(settings.broker)
        self._refused: str | None = None
        self._due = 0.0
        self._registry_away = False
        self.on_ready: Callable[[], None] = lambda: None
        self._client = self._new_client()

    def _new_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"citimeasure-{secrets.token_hex(6)}",
            clean_session=True,
            protocol=paho.MQTTv311,
        )
        if self._settings.broker_username:
            client.username_pw_set(self._settings.broker_username, self._settings.secret("broker_password"))
        if self._tls:
            client.tls_set(ca_certs=self._settings.broker_root or None)
        client.on_message = self._on_message
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        return client

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return f"{self._host}:{self._port}"

    def run(self) -> None:
        """Returns when stopped. The first connection must succeed (BrokerError); later ones are tried for ever."""
        self._connect()
        wait = 1.0
        while not self._stop.is_set():
            try:
                started = time.monotonic()
                self._serve()
            except OSError as error:
                if time.monotonic() - started > _LONGEST_WAIT:
                    wait = 1.0
                log.warning("broker %s: connection lost (%s); trying again", self.address, error)
                self._commit()  # what came before the loss is still worth keeping
                wait = self._reconnect(wait)
        self._commit()
        self._client.disconnect()

    def _connect(self) -> None:
        try:
            self._client.connect(self._host, self._port, keepalive=60)
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"No broker answers at {self.address}: {error}.",
                "Start it, correct the setting broker, or use the embedded one: --broker embedded.",
            ) from error

    def _reconnect(self, wait: float) -> float:
        """Tries until it works or the service stops; returns how long to wait before the next first try."""
        while not self._stop.wait(random.uniform(wait / 2, wait)):
            wait = min(wait * 2, _LONGEST_WAIT)
            try:
                self._client.reconnect()
                return wait
            except OSError as error:
                log.warning("broker %s: %s; trying again within %.0f s", self.address, error, wait)
        return wait

    def _serve(self) -> None:
        """One connection's life; OSError when it ends before the service does."""
        next_misc = 0.0
        while not self._stop.is_set():
            sock = self._client.socket()
            if sock is None:
                if self._refused:
                    raise BrokerError(
                        f"The broker at {self.address} refused the collector: {self._refused}.",
                        "Check the settings broker_username and broker_password_file.",
                    )
                raise ConnectionError("closed by the broker")
            now = time.monotonic()
            timeout = max(0.0, self._due - now) if self._intake.waiting else _IDLE
            want_write = [sock] if self._client.want_write() else []
            readable, writable, _ = select.select([sock], want_write, [], timeout)
            if readable:
                self._read()
            if writable:
                self._client.loop_write()
            now = time.monotonic()
            if self._intake.waiting and now >= self._due:
                self._commit()
            if now >= next_misc:
                next_misc = now + 1
                self._client.loop_misc()
                self._refresh()

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

    def _read(self) -> None:
        """Reads packets while they bring messages, or until a group is full: the rest waits in the socket."""
        while (before := self._intake.waiting) < self._settings.commit_rows:
            if self._client.loop_read() != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if self._intake.waiting == before:
                return
        self._due = 0.0

    def _commit(self) -> None:
        for topic, payload in self._intake.commit():
            # QoS 0: an acknowledgement that is lost is asked for again by sending the reading again.
            self._client.publish(topic, payload, qos=0)

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            return
        self._refused = None
        group = self._settings.broker_group
        client.subscribe(f"$share/{group}/{SUBSCRIPTION}" if group else SUBSCRIPTION, qos=1)

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, codes: list[Any], _props: Any) -> None:
        if any(code.is_failure for code in codes):
            self._refused = "it may not subscribe to the readings' topics"
            self._client.disconnect()
            return
        log.info("broker %s: connected; readings are taken", self.address)
        self.on_ready()

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if not self._intake.waiting:
            self._due = time.monotonic() + self._settings.commit_ms / 1000
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(not UTF-8)"
        self._intake.take(topic, bytes(message.payload))
