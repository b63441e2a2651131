# SPDX-License-Identifier: EUPL-1.2
"""Serial ports with boards behind them: which there are, and opening one, with plain words for what goes wrong."""

from __future__ import annotations

import errno
from typing import Any

BAUD = 115200
# Makers of the USB chips on ESP32 boards: Espressif, Silicon Labs (CP210x), WCH (CH34x), FTDI.
VENDORS = (0x303A, 0x10C4, 0x1A86, 0x0403)


class KitError(Exception):
    """Something about a board or its port. `str(error)` is one sentence for a person; `hint` is what to do next."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def find_port(named: str | None = None) -> str:
    """The port that was named, or else the only one that looks like a board's."""
    if named:
        return named
    from serial.tools import list_ports

    boards = [one for one in list_ports.comports() if one.vid in VENDORS]
    if not boards:
        raise KitError(
            "No board is plugged in.",
            "Use a USB cable with data wires. If it is one, this computer may lack the driver of the board's USB chip "
            "(CP210x or CH340); --port names a port that is not found by itself.",
        )
    if len(boards) > 1:
        listed = ", ".join(f"{one.device} ({one.description})" for one in boards)
        raise KitError(f"There are {len(boards)} boards: {listed}.", "Say which one with --port.")
    return str(boards[0].device)


def open_port(name: str, timeout: float = 0.1) -> Any:
    """Opens it for this program alone: a serial.Serial. KitError if that cannot be."""
    import serial

    try:
        return serial.serial_for_url(name, BAUD, timeout=timeout, write_timeout=5, exclusive=True)
    except (serial.SerialException, ValueError) as error:
        raise _trouble(name, error) from error


def _trouble(name: str, error: Exception) -> KitError:
    number = getattr(error, "errno", None)
    text = str(error)
    if number == errno.ENOENT or "FileNotFoundError" in text:
        return KitError(f"There is no port {name}.", "Plug the board in, or look for its name with --port left away.")
    if number == errno.EBUSY or "exclusively lock" in text:
        return KitError(f"{name} is in use by another program.", "Close the monitor or terminal that has it open.")
    if number in (errno.EACCES, errno.EPERM) or "PermissionError" in text:
        return KitError(
            f"You may not use {name}.",
            "On Linux: `sudo usermod -aG dialout $USER`, then log out and in again. On Windows another program has it.",
        )
    return KitError(f"{name} cannot be opened: {text}.", "Unplug the board, plug it in again, and try once more.")
