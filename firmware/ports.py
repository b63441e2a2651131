# SPDX-License-Identifier: EUPL-1.2
"""Finds the board among the serial ports, and says in plain words why a port cannot be used.

What comes out is a port's name for esptool and other tools. The list of USB numbers is of the bridges on usual boards,
and of the chips that have USB themselves.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firmware.errors import BoardFault, ToolError

# Vendor: what a board of it is called here. Products of these vendors on a computer are nearly always boards.
VENDORS = {
    0x303A: "Espressif, USB of the chip itself",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH34x, CH910x",
    0x0403: "FTDI",
}

CABLE = (
    "Plug the board in with a USB cable that has data wires (many only charge); into the socket marked UART or COM if "
    "there are two."
)
_DRIVERS = {
    "linux": "",
    "darwin": "\nA board with a CH34x bridge may need WCH's driver on macOS before 10.14; newer ones have it.",
    "win32": (
        "\nThe Device Manager shows a board without driver with a yellow mark: install the driver of its bridge, "
        "from silabs.com (CP210x) or wch-ic.com (CH34x)."
    ),
}
BUTTON = (
    "Hold the button Boot, press and let go Reset (or plug the cable in), let go Boot, and run the command again with "
    "--in-boot."
)


def find_port(ports: Iterable[Any] | None = None) -> str:
    """The one port that has a board. `ports` are pyserial's, for tests. BoardFault if there is none, or several."""
    found = list(_ports() if ports is None else ports)
    boards = [port for port in found if port.vid in VENDORS]
    if len(boards) == 1:
        return str(boards[0].device)
    if boards:
        raise BoardFault(
            f"There are {len(boards)} boards.",
            "Name one:\n" + "\n".join(f"  citimeasure flash {port.device}   ({_told(port)})" for port in boards),
        )
    others = "".join(f"\n  {port.device}   ({port.description})" for port in found if port.vid is not None)
    raise BoardFault(
        "No board is plugged in.",
        CABLE + _DRIVERS.get(sys.platform, "") + (f"\nIf one of these is it, name it: {others}" if others else ""),
    )


def _ports() -> Iterable[Any]:
    try:
        from serial.tools import list_ports
    except ImportError as error:
        raise ToolError("pyserial is not here.", "pip install 'citimeasure[flash]'") from error
    found: Iterable[Any] = list_ports.comports()
    return found


def _told(port: Any) -> str:
    number = f", serial number {port.serial_number}" if port.serial_number else ""
    return f"{VENDORS[port.vid]}{number}"


def check_port(name: str) -> None:
    """BoardFault if the port is not there, or this user may not use it. Windows tells that only on opening."""
    path = Path(name)
    if not name.startswith("/"):
        return
    if not path.exists():
        raise BoardFault(f"There is no serial port {name}.", CABLE)
    if not os.access(path, os.R_OK | os.W_OK):
        raise not_allowed(name)


def not_allowed(name: str) -> BoardFault:
    """The error for a port that belongs to a group that the user is not in."""
    if sys.platform != "linux":
        return BoardFault(f"You may not use the port {name}.", "Close other programs that use it, and try again.")
    try:
        group = Path(name).group()
    except (KeyError, OSError):
        group = "dialout"
    return BoardFault(
        f"You may not use the port {name}: it is for the group {group}.",
        f"Join it, then log out and in again:\n  sudo usermod -a -G {group} $USER",
    )
