# SPDX-License-Identifier: EUPL-1.2
"""Writes MicroPython and the kit's files onto a board, and reads back that they are there.

esptool does the talking, as a program of its own: it is under the GPL, and is never imported here. Every step may be
repeated: what lies on the board already is not written again. What esptool complains of is told in plain words.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from firmware.chips import CHIPS, Chip
from firmware.errors import BoardFault, ToolError
from firmware.ports import BUTTON, CABLE, check_port, not_allowed

BAUD = 460_800
Report = Callable[[int], None]
"""Is told how many bytes are done."""

_AT = re.compile(r"(?:Writing at|Reading from) 0x([0-9a-f]+)")
_READY = re.compile(r"already in flash, skipping write|^Hash of data verified")


@dataclass(frozen=True)
class Link:
    """How to talk to a board."""

    port: str
    baud: int = BAUD
    in_boot: bool = False  # the board waits for a program already: leave its reset line alone
    stub: bool = True  # let esptool load its helper into the board's RAM; faster


@dataclass(frozen=True)
class Board:
    """What answered."""

    chip: Chip
    revision: str
    mac: str
    flash: int  # bytes


@dataclass(frozen=True)
class Part:
    """What shall lie in the flash from `offset` on."""

    name: str
    offset: int
    data: bytes


def identify(link: Link) -> Board:
    """Asks the board what it is. BoardFault if it does not answer, or is none that a kit can have."""
    check_port(link.port)
    told = "\n".join(_esptool(link, "flash-id"))
    chip = CHIPS.get(_find(r"^Connected to (\S+) on", told))
    revision = _find(r"^Chip type:\s+(.+)$", told)  # ESP32-PICO-D4 and others are an ESP32 too
    size = _find(r"^Detected flash size:\s+(\d+)MB", told)
    if chip is None:
        raise BoardFault(
            f"The board has a chip that a kit cannot have: {revision or 'of unknown kind'}.",
            f"A kit may have: {', '.join(CHIPS)}.",
        )
    if not size:
        raise BoardFault("The board does not say how large its flash is.", BUTTON)
    return Board(chip, revision, _find(r"^(?:BASE )?MAC:\s+(\S{17})$", told), int(size) << 20)


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else ""


def write(link: Link, parts: Sequence[Part], report: Report = lambda _: None) -> None:
    """Writes what does not lie there yet, and compares each part's sum afterwards. Does not start the board."""
    ready = 0  # bytes
    left = list(parts)
    with _files(parts) as words:
        for line in _esptool(link, "write-flash", "--skip-flashed", *words, after="no-reset"):
            at = _AT.match(line)
            if at and left:
                report(ready + min(max(int(at[1], 16) - left[0].offset, 0), len(left[0].data)))
            elif _READY.search(line) and left:
                ready += len(left.pop(0).data)
                report(ready)


def verify(link: Link, parts: Sequence[Part], report: Report = lambda _: None) -> None:
    """Asks the board for the sums of what lies there, and then starts it. BoardFault if they are not ours."""
    ready = 0
    left = list(parts)
    with _files(parts) as words:
        for line in _esptool(link, "verify-flash", *words):
            if line.startswith("Verification successful") and left:
                ready += len(left.pop(0).data)
                report(ready)
    if left:
        raise _differs()


def read(link: Link, offset: int, size: int, report: Report = lambda _: None) -> bytes:
    """What lies in the flash from `offset` on. The board waits in its loader afterwards: nothing changes there."""
    with tempfile.TemporaryDirectory(prefix="citimeasure-flash-") as folder:
        path = Path(folder) / "read.bin"
        for line in _esptool(link, "read-flash", f"{offset:#x}", f"{size:#x}", str(path), after="no-reset"):
            if at := _AT.match(line):
                report(min(max(int(at[1], 16) - offset, 0), size))
        report(size)
        return path.read_bytes()


@contextmanager
def _files(parts: Sequence[Part]) -> Iterator[list[str]]:
    """The parts as files, that only this user may read: the words that name them to esptool."""
    with tempfile.TemporaryDirectory(prefix="citimeasure-flash-") as folder:
        words = []
        for part in parts:
            path = Path(folder) / f"{part.name}.bin"
            path.write_bytes(part.data)
            words += [f"{part.offset:#x}", str(path)]
        yield words


def _esptool(link: Link, command: str, *words: str, after: str = "hard-reset") -> Iterator[str]:
    """Runs esptool, gives its lines as they come, and raises its failure in plain words."""
    options = ["--port", link.port, "--baud", str(link.baud), *([] if link.stub else ["--no-stub"])]
    if link.in_boot:  # nothing changes between two tries then: three will do
        options += ["--before", "no-reset", "--after", "no-reset", "--connect-attempts", "3"]
    else:
        options += ["--after", after]
    process = subprocess.Popen(
        [sys.executable, "-m", "esptool", *options, command, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env={**os.environ, "COLUMNS": "300", "NO_COLOR": "1"},
    )  # fmt: skip
    lines = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            yield lines[-1]
        if process.wait() != 0:
            raise _fault(link.port, "\n".join(lines))
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait()


def _fault(port: str, told: str) -> ToolError:
    """esptool's words as ours. The first that fits counts: the causes stand before what follows from them."""
    if "No module named esptool" in told:
        return ToolError("esptool is not here.", "pip install 'citimeasure[flash]'")
    if re.search(r"[Pp]ermission ?(denied|Error)|Errno 13", told) and sys.platform != "win32":
        return not_allowed(port)
    if re.search(r"busy|exclusively lock|PermissionError|Access is denied", told):
        return BoardFault(f"Another program uses the port {port}.",
                          "Close it: a serial monitor, `mpremote`, an editor such as Thonny.")  # fmt: skip
    if re.search(r"No such file|FileNotFoundError|could not open port|port .* doesn't exist", told):
        return BoardFault(f"There is no serial port {port}.", CABLE)
    if re.search(r"Lost connection|disconnected|Input/output error|Device not configured|ClearCommError", told):
        return BoardFault(
            f"The board at {port} went away while talking.",
            f"{CABLE}\nThen run the command again; what was written already is not written twice.",
        )
    if re.search(r"Digest mismatch|Corrupt data|Read more than expected", told):
        return BoardFault(
            "What came from the board was damaged on its way.", "Run the command again, slower: --baud 115200."
        )
    if re.search(r"not supported by ESP\S* ROM|NotImplementedInROM", told):
        return BoardFault("The board's own loader cannot do that.", "Run the command again, without --no-stub.")
    if re.search(r"MD5 of file does not match|digest mismatch|Verification failed", told):
        return _differs()
    if re.search(r"Failed to connect|No serial data|Wrong boot mode|Invalid head of packet|stub flasher", told):
        return BoardFault(f"The board at {port} does not answer.", BUTTON)
    last = next((line for line in reversed(told.splitlines()) if line.strip()), "it said nothing")
    return BoardFault(f"Talking to the board at {port} failed: {last.strip()}", f"Run the command again. {BUTTON}")


def _differs() -> BoardFault:
    return BoardFault(
        "What the board holds is not what was written.",
        "Run the command again, with --baud 115200 and a short cable. If it stays so, the board's flash is worn out.",
    )
