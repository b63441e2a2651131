# SPDX-License-Identifier: EUPL-1.2
"""Acknowledgements as bytes, none larger than what kits and brokers take. The intake makes them."""

from __future__ import annotations

import msgspec

from collector.message import Ack

MAX_ACK = 3072  # [bytes]; a kit reads packets of at most 4096


def parts_of(ack: Ack) -> list[bytes]:
    """An acknowledgement, in as many messages as kits and brokers can take.

    Some hundred readings that are refused need longer words than they had; a broker that closes the connection of
    who sends too much would then close the collector's.
    """
    encoded = msgspec.json.encode(ack)
    if len(encoded) <= MAX_ACK:
        return [encoded]
    rejected, noted = list(ack.rejected.items()), list(ack.noted.items())
    half = (len(ack.seq) + 1) // 2, (len(rejected) + 1) // 2, (len(noted) + 1) // 2
    first = Ack(ack.boot, ack.seq[: half[0]], dict(rejected[: half[1]]), dict(noted[: half[2]]), now=ack.now)
    second = Ack(ack.boot, ack.seq[half[0] :], dict(rejected[half[1] :]), dict(noted[half[2] :]), now=ack.now)
    return parts_of(first) + parts_of(second)
