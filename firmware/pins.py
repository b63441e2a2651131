# SPDX-License-Identifier: EUPL-1.2
"""A table of MicroPython's images that a city uses, with the SHA-256 of each: what one person checked, all others use.

The file is CSV with the columns chip, version, url, sha256, to be committed by the city. A sum is written down when an
image is used for the first time (trust on first use); afterwards an image of that name with another sum is refused.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from firmware.chips import CHIPS
from firmware.errors import ToolError

_VERSION = re.compile(r"v(\d+(?:\.\d+){1,2})")
_SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Pin:
    """One image."""

    chip: str  # as in `chips.py`
    version: str  # of MicroPython; empty if its name does not say
    url: str  # or the name of a file
    sha256: str

    @property
    def name(self) -> str:
        """The image's file name: the same wherever it comes from."""
        return _name(self.url)

    @property
    def order(self) -> tuple[int, ...]:
        """By which the newest is the largest."""
        return tuple(int(part) for part in self.version.split(".") if part)


def _name(where: str) -> str:
    return re.split(r"[/\\]", where.split("?")[0].rstrip("/"))[-1]


def pin(chip: str, where: str, sha256: str) -> Pin:
    """A pin of an image from a file or an address; of a file only its name is noted."""
    found = _VERSION.search(_name(where))
    address = where if where.startswith(("http://", "https://")) else _name(where)
    return Pin(chip, found[1] if found else "", address, sha256)


def read(path: Path) -> list[Pin]:
    """The table; empty if there is none yet. ToolError if it is none."""
    columns = [field.name for field in fields(Pin)]
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ToolError(f"{path} cannot be read: {error}.") from error
    try:
        head, *rows = csv.reader(lines) if lines else [columns]
    except csv.Error:
        head, rows = [], []
    pins = [Pin(*row) for row in rows if len(row) == len(columns)]
    if head != columns or len(pins) != len(rows) or not all(map(_is_sound, pins)):
        raise ToolError(
            f"{path} is no table of images.", f"Its columns are {', '.join(columns)}; `flash --pin` writes it."
        )
    return pins


def _is_sound(one: Pin) -> bool:
    return (
        one.chip in CHIPS
        and bool(one.name)
        and _SUM.fullmatch(one.sha256) is not None
        and (one.version == "" or _VERSION.fullmatch(f"v{one.version}") is not None)
    )


def find(pins: Sequence[Pin], where: str) -> Pin | None:
    """The pin of an image, by its file name."""
    return next((one for one in pins if one.name == _name(where)), None)


def newest(pins: Sequence[Pin], chip: str) -> Pin | None:
    """The newest image for a chip that can be downloaded."""
    found = [one for one in pins if one.chip == chip and one.url.startswith(("http://", "https://"))]
    return max(found, key=lambda one: one.order, default=None)


def add(path: Path, one: Pin) -> None:
    """Writes a pin into the table, which is whole at any moment."""
    text = io.StringIO("# SPDX-License-Identifier: CC0-1.0\n")
    text.seek(0, io.SEEK_END)
    table = csv.writer(text, lineterminator="\n")
    table.writerow([field.name for field in fields(Pin)])
    table.writerows(astuple(row) for row in sorted([*read(path), one], key=lambda row: (row.chip, row.order, row.url)))
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text.getvalue(), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ToolError(f"{path} cannot be written: {error.strerror}.", "Name another file with --pin.") from error
