# SPDX-License-Identifier: EUPL-1.2
"""The whole application in a heap as small as it can be: what its code takes, and whether it lives some hours."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from tests.firmware import board
from tests.firmware.ota import kits

# What never leaves the memory of the first kit without a microphone; drivers of other sensors come on top.
STAYS = (
    "core.app core.clock core.led core.once core.state core.watchdog data.aggregate data.message data.quantities"
    " data.record data.segment data.store net.door net.mqtt net.uplink net.wifi ota.watch sensors sensors.bus"
    " sensors.sensirion sensors.sht4x sensors.sps30"
)

_RETAINED = """
import asyncio, asyncio.core, asyncio.event, asyncio.funcs, asyncio.lock, asyncio.stream, gc, json, struct, sys
gc.collect()
before = gc.mem_alloc()
for name in sys.stdin.readline().split():
    __import__("kit." + name)
gc.collect()
print(gc.mem_alloc() - before)
"""


def retained() -> int:
    """Bytes that the modules which always stay take once they are imported."""
    return int(board.run(_RETAINED, heap="1m", feed=STAYS + "\n"))


def lives(kilobytes: int, hours: float, everything: bool) -> dict[str, object] | None:
    """The last status of a kit with so much heap for itself after some hours, or None if its memory was too small.

    It has Wi-Fi, page, light, updates, announces itself to Home Assistant, listens with a microphone, and has the
    sensors of the first kit or `everything`; the broker is away from the second hour to the fourth, or as long as there
    is time.
    """
    away = [min(2, hours / 3), min(4, hours / 2)]
    with tempfile.TemporaryDirectory() as folder:
        kit = kits.Kit(Path(folder), interval=60, microphone="ICS-43434", home_assistant=True)

        def run(seconds: int, heap: int) -> list[str]:
            options = kit.options(seconds, crowd={"everything": everything, "away": away})
            command = board.start_command("boot_kit", options, heap=str(heap))
            done = subprocess.run(command, capture_output=True, text=True, env=board.environment(), timeout=600)
            return done.stdout.splitlines()

        simulation = json.loads(run(5, 2 << 20)[-1])["simulation"]
        said = run(round(hours * 3600), kilobytes * 1024 + simulation)
        if any("MemoryError" in line for line in said) or not said or '"power"' not in said[-1]:
            return None
        return dict(json.loads((kit.flash / "statuses").read_text().splitlines()[-1]))
