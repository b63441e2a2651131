# SPDX-License-Identifier: EUPL-1.2
"""Writes what `citimeasure calibrate evaluate --html --pictures` asks for: a page, and each picture as PNG and SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from collector.errors import UsageError
from collector.evaluating import Evaluated
from collector.pictures.evaluation import Picture, pictures
from collector.pictures.files import as_png, as_svg, write
from collector.pictures.page import page


def check_page(html: Path) -> None:
    """UsageError if a page cannot be kept under a name."""
    if html.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{html} is no name for a page.", "End it in .html.")


def write_report(
    found: Evaluated, title: str, notes: Sequence[str], html: Path | None, folder: Path | None
) -> tuple[Path, ...]:
    """Writes page and pictures, whichever are named, each whole or not at all; returns what was written.

    A picture is called after its sensor and its kind, as `kit-1-scatter.svg`.
    """
    names = file_names(list(found.units))
    written: list[Path] = []

    def drawn(unit: str) -> Iterator[tuple[Picture, str]]:
        for picture in pictures(found.units[unit], found.aim, unit):
            svg = as_svg(picture.figure, picture.title, picture.alt)
            if folder is not None:
                path = folder / f"{names[unit]}{picture.name}.svg"
                write(path, svg)
                write(path.with_suffix(".png"), as_png(picture.figure, picture.title, picture.alt))
                written.extend([path, path.with_suffix(".png")])
            yield picture, svg

    all_drawn = {unit: list(drawn(unit)) for unit in found.units}
    if html is not None:
        write(html, page(found, all_drawn, title=title, notes=notes))
        written.append(html)
    return tuple(written)


def file_names(units: Sequence[str]) -> dict[str, str]:
    """What the files of each unit begin with: letters, digits and hyphens, and no two the same.

    >>> file_names(["kit 1", "kit/1", ""])
    {'kit 1': 'kit-1-', 'kit/1': 'kit-1-2-', '': ''}
    """
    names: dict[str, str] = {}
    for unit in units:
        name = re.sub(r"[^\w]+", "-", unit).strip("-")
        name = f"{name}-" if name else ""
        n = 2
        while (tried := name if n == 2 else f"{name}{n - 1}-") in names.values():
            n += 1
        names[unit] = tried
    return names
