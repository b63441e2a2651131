# SPDX-License-Identifier: EUPL-1.2
"""One MQTT 3.1.1 connection of simulated kits: of one kit, or, as a gateway's, of many.

Topics and payloads come in, acknowledgements go to the handler. The fleet asks it to read and write when its socket
is ready, so that one thread serves a thousand of them. A lost connection is made again, each time with a new client:
an old one would send old bytes, with ages that are no longer true.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collector.errors import BrokerError

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike  # exists for type checkers only

KEEPALIVE = 60  # [s]


@dataclass(frozen=True)
class Login:
    """Where the broker is, and who connects. `ca_file` is a certificate authority of one's own."""

    host: str
    port: int
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    client_id: str = ""  # a random one if empty


class Link:
    """A connection that subscribes to `topics` and is `ready` once the broker has granted that."""

    def __init__(self, login: Login, topics: Sequence[str], on_message: Callable[[str, bytes], None]) -> None:
        self._login, self._topics, self._on_payload = login, list(topics), on_message
        self._client: paho.Client | None = None
        self.ready = False
        self.refused = ""  # what the broker answered, if it was a no
        self.try_at = 0.0  # not before this time (monotonic) is it connected again
        self.wait = 1.0  # how long the next pause between tries is [s]

    @property
    def address(self) -> str:
        """Where the broker is, for people."""
        return f"{self._login.host}:{self._login.port}"

    @property
    def socket(self) -> SocketLike | None:
        """What to wait for; None while there is no connection."""
        return self._client.socket() if self._client else None

    @property
    def wants_write(self) -> bool:
        """Whether there are bytes that the socket did not take yet."""
        return self._client is not None and self._client.want_write()

    def connect(self) -> None:
        """Opens the connection; BrokerError if nobody answers. `ready` comes later."""
        self.ready = False
        client = self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._login.client_id or f"sim-{secrets.token_hex(6)}",
            clean_session=True,
            protocol=paho.MQTTv311,
        )
        client.max_inflight_messages_set(0)  # the outboxes' windows bound what is on its way
        if self._login.username:
            client.username_pw_set(self._login.username, self._login.password)
        if self._login.tls:
            client.tls_set(ca_certs=self._login.ca_file or None)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        try:
            client.connect(self._login.host, self._login.port, keepalive=KEEPALIVE)
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"No broker answers at {self.address}: {error}.",
                "Start it (`citimeasure run` has one inside), or name another with --broker.",
            ) from error

    def publish(self, topic: str, payload: bytes) -> None:
        """Hands a message to the broker, QoS 1."""
        assert self._client is not None  # only a link that is ready is given messages
        self._client.publish(topic, payload, qos=1)

    def read(self) -> None:
        """Reads what has come."""
        client = self._client
        while client and (sock := client.socket()) is not None:
            client.loop_read()
            pending = getattr(sock, "pending", None)  # TLS may hold decrypted bytes that select cannot see
            if pending is None or client.socket() is None or not pending():
                return

    def write(self) -> None:
        """Writes what the socket takes."""
        if self._client:
            self._client.loop_write()

    def tend(self) -> None:
        """Keeps the connection alive; wanted about once a second."""
        if self._client:
            self._client.loop_misc()

    def close(self) -> None:
        """Says goodbye."""
        if self._client:
            self._client.disconnect()
            self._client = None
        self.ready = False

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _props: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
            return
        client.subscribe([(topic, 0) for topic in self._topics])

    def _on_subscribe(self, _client: paho.Client, _data: Any, _mid: int, codes: list[Any], _props: Any) -> None:
        if any(code.is_failure for code in codes):
            self.refused = "it may not listen to its acknowledgements"
            return
        self.ready = True
        self.wait = 1.0

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        self._on_payload(message.topic, bytes(message.payload))
