# SPDX-License-Identifier: EUPL-1.2
"""The whole application in a heap as small as it can be: what its code takes, and whether it lives some hours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
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
import asyncio, asyncio.core, asyncio.event, asyncio.funcs, asyncio.lock, asyncio.stream, gc, json, struct, sys, vfs
if sys.argv[1:]:
    with open(sys.argv[1], "rb") as file:
        rom = file.read()
    vfs.mount(vfs.VfsRom(rom), "/rom")
    sys.path.insert(0, "/rom")
gc.collect()
before = gc.mem_alloc()
for name in sys.stdin.readline().split():
    __import__("kit." + name)
gc.collect()
print(gc.mem_alloc() - before)
"""


def retained(rom: bool = False) -> int:
    """Bytes that the modules which always stay take once they are imported, from files or from `rom`."""
    if not rom:
        return int(board.run(_RETAINED, heap="1m", feed=STAYS + "\n"))
    with tempfile.TemporaryDirectory() as folder:
        tree, image = Path(folder, "tree"), Path(folder, "romfs.bin")
        shutil.copytree(board.compiled() / "kit", tree / "kit")
        command = [sys.executable, "-m", "mpremote", "romfs", "-o", str(image), "build", str(tree)]
        subprocess.run(command, check=True, capture_output=True)
        return int(board.run(_RETAINED, image, heap="1m", feed=STAYS + "\n"))


def lives(kilobytes: int, hours: float, everything: bool, rom: bool = False) -> dict[str, object] | None:
    """The last status of a kit with so much heap for itself after some hours, or None if its memory was too small.

    It has Wi-Fi, page, light, updates, announces itself to Home Assistant, listens with a microphone, and has the
    sensors of the first kit or `everything`; the broker is away from the second hour to the fourth, or as long as there
    is time. With `rom` its MicroPython has a partition for ROM, as only one has that was built for it.
    """
    away = [min(2, hours / 3), min(4, hours / 2)]
    with tempfile.TemporaryDirectory() as folder:
        kit = kits.Kit(Path(folder), interval=60, microphone="ICS-43434", home_assistant=True)

        partition = {"rom": {"blocks": 26, "cut": -1}} if rom else {}
        if rom:
            kit.move_into_slot()

        def run(seconds: int, heap: int) -> list[str]:
            options = kit.options(seconds, crowd={"everything": everything, "away": away}, **partition)
            command = board.start_command("boot_kit", options, heap=str(heap))
            done = subprocess.run(command, capture_output=True, text=True, env=board.environment(), timeout=600)
            return done.stdout.splitlines()

        simulation = json.loads(run(5, 2 << 20)[-1])["simulation"]
        said = run(round(hours * 3600), kilobytes * 1024 + simulation)
        if any("MemoryError" in line for line in said) or not said or '"power"' not in said[-1]:
            return None
        return dict(json.loads((kit.flash / "statuses").read_text().splitlines()[-1]))
