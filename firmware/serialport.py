# SPDX-License-Identifier: EUPL-1.2
"""Opens a serial port with a board behind it, and says in plain words why it cannot be."""

from __future__ import annotations

import errno
import time
from typing import Any

from firmware.errors import BoardFault
from firmware.ports import check_port

BAUD = 115200
# A program that has just ended, or one that looks at every new port for a modem, still has it for a moment.
_BUSY_S = 2


def open_port(name: str, timeout: float = 0.1) -> Any:
    """Opens it for this program alone: a serial.Serial. BoardFault if that cannot be."""
    import serial

    check_port(name)
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            return serial.serial_for_url(name, BAUD, timeout=timeout, write_timeout=5, exclusive=True)
        except (serial.SerialException, ValueError) as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise _trouble(name, error) from error
        time.sleep(0.1)


def _is_busy(error: Exception) -> bool:
    text = str(error)
    return getattr(error, "errno", None) == errno.EBUSY or "exclusively lock" in text or "PermissionError" in text


def _trouble(name: str, error: Exception) -> BoardFault:
    if _is_busy(error):
        return BoardFault(f"{name} is in use by another program.", "Close the monitor or terminal that has it open.")
    return BoardFault(f"{name} cannot be opened: {error}.", "Unplug the board, plug it in again, and try once more.")
