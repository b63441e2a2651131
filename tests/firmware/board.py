# SPDX-License-Identifier: EUPL-1.2
"""Runs the firmware on the real MicroPython, compiled as on a kit, with a heap as small as a kit's."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from firmware import build
from tests import parts

DEVICE = parts.ROOT / "firmware" / "device"
SIM = Path(__file__).parent / "sim"


@functools.cache
def compiled() -> Path:
    """A folder with the kit's modules as they are shipped, and the simulated world as .mpy files."""
    folder = Path(tempfile.mkdtemp(prefix="kit-"))
    for name, content in build.tree("x86").items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for source in SIM.rglob("*.py"):
        (folder / f"{source.stem}.mpy").write_bytes(build.compiled(source, source.name, "x86"))
    return folder


def run(script: str, *args: object, heap: str = "64k", timeout: float = 120, feed: str = "") -> str:
    """Runs a script of the simulated world, or a piece of code, to its end; returns what it printed."""
    command = start_command(script, *args, heap=heap)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, input=feed, env=environment())
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout[-2000:] + done.stderr
    return done.stdout


KIT_HEAP = 64 * 1024  # bytes: what is left to Python on a board without PSRAM once Wi-Fi and TLS run

_SIMULATED = """
import asyncio, gc, json, random, sys
import kit.sensors.sensirion  # the kit's own, which the simulated parts use
gc.collect()
before = gc.mem_alloc()
import far_end, parts, radio, virtual
world = far_end.FarEnd(lambda: 0, "", 1, 0), parts.I2C({0x44: parts.SHT45(), 0x69: parts.SPS30()}), radio.Station()
gc.collect()
print(gc.mem_alloc() - before)
"""


@functools.cache
def kit_heap(script: str, kit: int = KIT_HEAP) -> str:
    """A heap that leaves a kit's bytes to the firmware: what the simulated world takes of it comes on top.

    That is measured, but for the script itself, whose code takes about one and a half times its file when it is loaded.
    """
    return str(kit + int(run(_SIMULATED, heap="256k")) + (compiled() / f"{script}.mpy").stat().st_size * 3 // 2)


def start_command(script: str, *args: object, heap: str) -> list[str]:
    """The command line that runs a script by its name, or code."""
    code = ["-m", script] if script.isidentifier() else ["-c", script]
    return [str(parts.micropython()), "-X", f"heapsize={heap}", *code, *map(str, args)]


def environment() -> dict[str, str]:
    """Where MicroPython finds the modules."""
    return {"MICROPYPATH": f"{compiled()}:.frozen"}
