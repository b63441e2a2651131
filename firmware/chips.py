# SPDX-License-Identifier: EUPL-1.2
"""The chips that a kit may have: one line for each. `flash` looks up what it finds, `build` what to compile for.

Sources: chip numbers from ESP-IDF, `esp_chip_id_t` (image header, bytes 12 and 13); offset of the bootloader from the
ESP-IDF guide "Bootloader" of each chip; machine code from MicroPython's guide "mpy-cross".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chip:
    """A kind of chip."""

    name: str  # as esptool prints it, without revision
    number: int  # in the header of an image
    offset: int  # where an image of MicroPython begins in flash, bytes
    machine: str  # of mpy-cross -march
    build: str  # MicroPython's name for its image

    @property
    def page(self) -> str:
        """Where MicroPython's image is to be had."""
        return f"https://micropython.org/download/{self.build}/"


CHIPS = {
    chip.name: chip
    for chip in (
        Chip("ESP32", 0, 0x1000, "xtensawin", "ESP32_GENERIC"),
        Chip("ESP32-S3", 9, 0, "xtensawin", "ESP32_GENERIC_S3"),
        Chip("ESP32-C3", 5, 0, "rv32imc", "ESP32_GENERIC_C3"),
        Chip("ESP32-C6", 13, 0, "rv32imc", "ESP32_GENERIC_C6"),
    )
}
# What trees are built for: the boards, and the MicroPython that the tests run.
MACHINES = ("xtensawin", "rv32imc", "x86")
