# SPDX-License-Identifier: EUPL-1.2
"""Describes the MQTT interface as AsyncAPI 3: channels, operations and the schemas of their messages.

The schemas are taken from the structs in collector/message.py, so the description cannot say anything else than the
code. docs/generate.py writes the result to docs/reference/asyncapi.yaml.
"""

from __future__ import annotations

from typing import Any

import msgspec
import yaml

from collector import __version__
from collector.message import Ack, Message, ack_topic, readings_topic

_REF = "#/components/schemas/{name}"
_DEVICE = "{device}"


def document() -> dict[str, Any]:
    """The whole description."""
    _, schemas = msgspec.json.schema_components([Message, Ack], ref_template=_REF)
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
        },
        "components": {"schemas": schemas},
    }


_READING = {"seq": 4711, "t": 1767261600, "dt": 60, "q": {"pm25": 12.3, "humidity": 71.0, "laeq": 52.3}}
_ACK = {"boot": 17, "seq": [[4711, 4711], [4713, 4720]], "rejected": {"4712": "clock"}, "noted": {"4715": "late"}}


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
    return f"# SPDX-License-Identifier: EUPL-1.2\n# Made by docs/generate.py from collector/message.py.\n{body}"
