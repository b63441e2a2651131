# SPDX-License-Identifier: EUPL-1.2
"""The fleet over the broker: what kits last said of themselves, and orders to update.

Both are retained messages: a kit that sleeps finds its order when it comes back, and what it said last stays. This
module reads `citimeasure/v1/<device>/status` and writes `.../command`; releases are made by `firmware.sign`.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from collector.errors import BrokerError
from collector.ingest.broker import with_login
from collector.settings import Settings, parse_address, parse_broker

_STATUS = re.compile(r"citimeasure/v1/([a-z0-9-]{6,32})/status")
_CONNECT_S = 10.0
_QUIET_S = 0.5  # retained messages come in one go: after so much silence there are no more

# Codes that a kit's reasons begin with, in words; docs/reference/firmware.md lists them by outcome.
REASONS = {
    "share": "not among the first kits that may take it",
    "downloading": "it downloads now",
    "restarting": "it starts again",
    "trial": "on trial, until the collector acknowledges a reading",
    "busy": "another version is on trial; it tries again",
    "no_answer": "the web server does not answer; it tries again",
    "cut_off": "the line was cut; it goes on where it was",
    "no_http": "what answers there is no web server; it tries again",
    "certificate": "the web server's certificate is not right; it tries again",
    "no_root": "there is no root certificate on the kit to check the web server with",
    "tls": "no TLS connection with the web server; it tries again",
    "memory": "not enough memory at that moment; it tries again",
    "flash": "the flash does not take it; it tries again",
    "http": "the web server has no such file, or has trouble",
    "limit": "too many orders on one day; it looks again tomorrow",
    "no_key": "the kit has no key to check a release with",
    "bad_signature": "the release is not signed with a key of this kit",
    "manifest": "the release's manifest is damaged",
    "other_version": "another version than the ordered one lies there",
    "older": "it is not newer than what the kit has",
    "failed_before": "the kit rolled it back before; give it a higher number",
    "other_board": "it is for another model of kit",
    "other_arch": "it is for another processor",
    "old_runtime": "it needs a newer MicroPython",
    "address": "the order names no sound address",
    "no_length": "the web server does not say how long a file is",
    "too_long": "a file is longer than it may be",
    "cut_short": "a file on the web server is cut short",
    "wrong_hash": "a file is not what the manifest says",
    "no_room": "there is no room for it on the flash",
    "hung": "it hung, and the watchdog started the kit again",
    "crashed": "it crashed",
    "no_ack": "it did not get an acknowledgement",
}


def in_words(reason: str) -> str:
    """A kit's reason for people; one that nobody knows stays as it is.

    >>> in_words("older: not newer than 0.2.0")
    'it is not newer than what the kit has (not newer than 0.2.0)'
    """
    code, _, more = reason.partition(": ")
    words = REASONS.get(code, "")
    return f"{words} ({more})" if words and more else words or reason


@dataclass(frozen=True)
class Status:
    """What a kit said last. `update` is how its last update went: pending, confirmed, rolled back or refused.

    `reason` begins with one of REASONS; `fallbacks` is how often the kit went back to the version before.
    """

    online: bool
    fw: str
    uptime: int | None
    queued: int | None
    update: str
    version: str
    reason: str
    fallbacks: int | None


def parse_status(payload: bytes) -> Status | None:
    """A status message, however incomplete; None if it is none."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    update = found.get("update")
    told: dict[str, Any] = update if isinstance(update, dict) else {}
    return Status(
        online=found.get("online") is True,
        fw=_text(found.get("fw")),
        uptime=_number(found.get("uptime")),
        queued=_number(found.get("queued")),
        update=_text(told.get("state")),
        version=_text(told.get("version")),
        reason=_text(told.get("reason")),
        fallbacks=_number(told.get("fallbacks")),
    )


def _text(value: object) -> str:
    # A kit is not trusted: what it says must not write to a terminal but as text.
    return "".join(c for c in value[:120] if c.isprintable()) if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def order(version: str, url: str, percent: int, at: int) -> bytes:
    """The command that has a kit update itself, if it is among the first `percent` of 100.

    A kit that has refused an order does not look at the same one again; given at another time, it is another one.
    """
    return json.dumps({"v": 1, "update": {"version": version, "url": url, "percent": percent, "at": at}}).encode()


class Fleet:
    """A connection to the broker, to be used in a `with`; BrokerError if there is none, or it is lost."""

    def __init__(self, settings: Settings) -> None:
        settings = with_login(settings)
        if settings.broker == "embedded":
            (self._host, self._port), tls = parse_address(settings.broker_listen), False
        else:
            self._host, self._port, tls = parse_broker(settings.broker)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"citimeasure-fleet-{secrets.token_hex(6)}", protocol=paho.MQTTv311
        )
        if settings.broker_username:
            self._client.username_pw_set(settings.broker_username, settings.secret("broker_password"))
        if tls:
            self._client.tls_set(ca_certs=settings.broker_root or None)
        self._greeted: str | None = None
        self._client.on_connect = self._on_connect

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._greeted = str(reason) if reason.is_failure else ""

    def __enter__(self) -> Fleet:
        try:
            self._client.connect(self._host, self._port)
        except (OSError, ValueError) as error:
            raise BrokerError(
                f"No broker answers at {self._host}:{self._port}: {error}.",
                "Start it, or `citimeasure run` if it is the embedded one; or correct the setting broker.",
            ) from error
        self._loop_until(lambda: self._greeted is not None, "greeting")
        if self._greeted:
            raise BrokerError(
                f"The broker at {self._host}:{self._port} refused us: {self._greeted}.",
                "Check the settings broker_username and broker_password_file.",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()

    def _loop_until(self, condition: Callable[[], bool], what: str, seconds: float = _CONNECT_S) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if self._client.loop(timeout=0.1) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise BrokerError(f"The broker at {self._host}:{self._port} closed the connection: no {what}.")
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"The broker at {self._host}:{self._port} gave no {what} in {seconds:.0f} s.", "Is it very busy?"
                )

    def statuses(self) -> dict[str, Status]:
        """What each kit of this broker said last, by device."""
        found: dict[str, Status] = {}
        heard = [0.0]
        granted: list[bool] = []

        def on_message(_client: Any, _data: Any, message: Any) -> None:
            heard[0] = time.monotonic()
            topic = _STATUS.fullmatch(message.topic)
            status = parse_status(message.payload)
            if topic and status:
                found[topic[1]] = status

        def on_subscribe(_client: Any, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
            heard[0] = time.monotonic()
            granted.append(not reasons[0].is_failure)

        self._client.on_message, self._client.on_subscribe = on_message, on_subscribe
        self._client.subscribe("citimeasure/v1/+/status", qos=1)
        self._loop_until(lambda: bool(granted), "subscription")
        if not granted[0]:
            raise BrokerError(
                "The broker does not let us read the status of kits.",
                "Allow its user: `topic read citimeasure/v1/+/status` in mosquitto's acl_file.",
            )
        self._loop_until(lambda: time.monotonic() - heard[0] > _QUIET_S, "silence", 60)
        return found

    def publish(self, orders: Mapping[str, bytes]) -> None:
        """Leaves an order for each device, retained; an empty one takes the last one back."""
        open_: set[int] = set()
        self._client.on_publish = lambda _c, _d, mid, _r, _p: open_.discard(mid)
        for device, payload in orders.items():
            open_.add(self._client.publish(f"citimeasure/v1/{device}/command", payload, qos=1, retain=True).mid)
        self._loop_until(lambda: not open_, "acknowledgement of the orders", 60)
