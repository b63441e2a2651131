# SPDX-License-Identifier: EUPL-1.2
"""Describes the MQTT interface as AsyncAPI 3: channels, operations and the schemas of their messages.

The schemas of readings, acknowledgements and health are taken from the structs of the code, so the description cannot
say anything else. What kits send and obey as plain JSON is described here and held against the kit by tests.
docs/generate.py writes the result to docs/reference/asyncapi.yaml.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from collector import __version__
from collector.health import Health, Pulse, State, Verdict, health_topic
from collector.health import message as health_message
from collector.message import Ack, Message, ack_topic, readings_topic

_REF = "#/components/schemas/{name}"
_DEVICE = "{device}"


def document() -> dict[str, Any]:
    """The whole description."""
    _, schemas = msgspec.json.schema_components([Message, Ack, Health], ref_template=_REF)
    schemas |= {"Status": _STATUS_SCHEMA, "Command": _COMMAND_SCHEMA}
    example = {"v": 1, "boot": 17, "fw": "0.1.0", "readings": [_READING]}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "citimeasure, MQTT interface, version 1",
            "version": __version__,
            "license": {"name": "EUPL-1.2"},
            "description": "Between kits and the collector. See message.md for what the fields mean.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "readings": _channel(readings_topic(_DEVICE), "Message", "Readings of one boot of one device.", example),
            "ack": _channel(ack_topic(_DEVICE), "Ack", "What the collector holds safe, and what it refused.", _ACK),
            "status": _channel(_topic("status"), "Status", "How a kit says that it is; its last will.", _STATUS),
            "command": _channel(_topic("command"), "Command", "An order to update, or nothing.", _COMMAND),
            "health": _channel(
                health_topic(_DEVICE),
                "Health",
                "How a kit is, as the collector sees it; empty when it is locked out.",
                msgspec.json.decode(_HEALTH),
            ),
        },
        "operations": {
            "sendReadings": {
                "action": "send",
                "channel": {"$ref": "#/channels/readings"},
                "summary": "A kit publishes with QoS 1, and again until each reading is acknowledged.",
                "bindings": {"mqtt": {"qos": 1, "retain": False}},
            },
            "receiveAck": {
                "action": "receive",
                "channel": {"$ref": "#/channels/ack"},
                "summary": "After its commit the collector names what is safe; the kit deletes exactly that.",
                "bindings": {"mqtt": {"qos": 0, "retain": False}},
            },
            "sendStatus": {
                "action": "send",
                "channel": {"$ref": "#/channels/status"},
                "summary": "A kit publishes at each connection, on a change, and every quarter of an hour.",
                "bindings": {"mqtt": {"qos": 1, "retain": True}},
            },
            "receiveCommand": {
                "action": "receive",
                "channel": {"$ref": "#/channels/command"},
                "summary": "A kit obeys an order once.",
                "bindings": {"mqtt": {"qos": 1, "retain": True}},
            },
            "receiveHealth": {
                "action": "receive",
                "channel": {"$ref": "#/channels/health"},
                "summary": "The collector publishes when the state of a kit changes.",
                "bindings": {"mqtt": {"qos": 0, "retain": True}},
            },
        },
        "components": {"schemas": schemas},
    }


_READING = {"seq": 4711, "t": 1767261600, "dt": 60, "q": {"pm25": 12.3, "humidity": 71.0, "laeq": 52.3}}
_ACK = {"boot": 17, "seq": [[4711, 4711], [4713, 4720]], "rejected": {"4712": "clock"}, "noted": {"4715": "late"}}

_STATUS = {"online": True, "fw": "0.1.0", "state": "ok", "uptime": 86400, "queued": 0, "dropped": 0, "rssi": -61}
_COMMAND = {
    "v": 1,
    "update": {"version": "0.2.0", "url": "https://kits.example.org/0.2.0/", "percent": 10, "at": 1767225600},
}
_HEALTH = health_message(
    Verdict(State.SILENT, ("silent",)), Pulse(heard=1767261600, newest=1767261540, pace=60, clock=0), 1767261600
)
_INTEGER, _TEXT = {"type": "integer"}, {"type": "string"}
_STATUS_SCHEMA = {
    "title": "Status",
    "type": "object",
    "required": ["online", "fw"],
    "properties": {
        "online": {"type": "boolean"},
        **dict.fromkeys(("fw", "state", "reset", "grid"), _TEXT),
        **dict.fromkeys(("uptime", "queued", "dropped", "torn", "undated", "heap_min", "rssi"), _INTEGER),
        "sensors": {"type": "array", "items": _TEXT},
        **{name: {"type": ["object", "null"]} for name in ("noise", "update")},
        "errors": {"type": "object"},
    },
}
_COMMAND_SCHEMA = {
    "title": "Command",
    "type": "object",
    "required": ["v", "update"],
    "properties": {
        "v": {"const": 1},
        "update": {
            "type": "object",
            "required": ["version", "url", "percent", "at"],
            "properties": {
                "version": _TEXT,
                "url": {"type": "string", "format": "uri"},
                "percent": {"type": "integer", "minimum": 0, "maximum": 100},
                "at": _INTEGER,
            },
        },
    },
}


def _topic(name: str) -> str:
    return f"citimeasure/v1/{_DEVICE}/{name}"


def _channel(address: str, struct: str, about: str, example: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": address,
        "description": about,
        "parameters": {"device": {"description": "6 to 32 of a-z, 0-9 and hyphens."}},
        "messages": {
            struct: {
                "payload": {"$ref": f"#/components/schemas/{struct}"},
                "examples": [{"payload": example}],
            }
        },
    }


def text() -> str:
    """The description as YAML."""
    body = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110)
    return f"# SPDX-License-Identifier: EUPL-1.2\n# Made by docs/generate.py from the code.\n{body}"
