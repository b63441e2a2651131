# SPDX-License-Identifier: EUPL-1.2
"""Who may do what at a broker: the one table behind the embedded broker and the files for mosquitto."""

from __future__ import annotations

from collector.message import MAX_BYTES

PREFIX = "citimeasure/v1"
KIT_WRITES = ("readings", "status")
KIT_READS = ("ack", "command", "health")
COLLECTOR_READS = ("readings", "status")
COLLECTOR_WRITES = ("ack", "command", "health")

MAX_PACKET = MAX_BYTES + 256  # [bytes]: a message, its topic, and the packet's own few bytes
KEEPALIVE_MAX = 600  # [s]


def kit_writes(device: str) -> frozenset[str]:
    """The topics that a kit may publish on."""
    return frozenset(f"{PREFIX}/{device}/{name}" for name in KIT_WRITES)


def kit_reads(device: str) -> frozenset[str]:
    """The filters that a kit may subscribe to: its own topics, no wildcard."""
    return frozenset(f"{PREFIX}/{device}/{name}" for name in KIT_READS)
