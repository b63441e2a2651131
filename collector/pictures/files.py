# SPDX-License-Identifier: EUPL-1.2
"""Figures as SVG and PNG: the same bytes of the same picture, with title and description for those who cannot see it.

A file has its name when it is whole. Called by `citimeasure plot` and by whatever puts pictures into a page.
"""

from __future__ import annotations

import re
from html import escape
from io import BytesIO, StringIO
from pathlib import Path

from matplotlib.figure import Figure

from collector.errors import SettingError, UsageError
from collector.export.files import part_of, write_whole
from collector.pictures.style import styled

ENDINGS = (".png", ".svg")
# Without these, matplotlib writes the date and where it comes from.
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")  # what no XML may hold, should a name hold it


@styled
def as_svg(figure: Figure, title: str, alt: str) -> str:
    """A picture as SVG, whose text is text."""
    file = StringIO()
    figure.savefig(file, format="svg", metadata=_NO_METADATA)
    text = file.getvalue()
    start = text.index("<svg")  # what is before it names a document type on a server of others
    words = f'<title id="title">{escape(title)}</title>\n <desc id="words">{escape(alt)}</desc>\n'
    opened = text.index(">", start) + 1
    head = text[start : opened - 1] + ' role="img" aria-labelledby="title words">'
    text = re.sub(r"[ \t]+\n", "\n", f"{head}\n {words}{text[opened:]}")
    return _NO_XML.sub("\ufffd", text)


@styled
def as_png(figure: Figure, title: str, alt: str) -> bytes:
    """A picture as PNG, 150 dots to the inch."""
    file = BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None, "Title": title, "Description": alt})
    return file.getvalue()


def check_ending(path: Path) -> None:
    """UsageError if a picture cannot be kept under a name."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path} is no name for a picture.", f"End it in {' or '.join(ENDINGS)}.")


def save(path: Path, figure: Figure, title: str, alt: str) -> None:
    """Writes a picture in the format that the ending of its name says, whole or not at all."""
    check_ending(path)
    content = as_svg if path.suffix.lower() == ".svg" else as_png
    write(path, content(figure, title, alt))


def write(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all; SettingError if the folder or disk does not let it."""
    try:
        write_whole(path, content)
    except OSError as error:
        part_of(path).unlink(missing_ok=True)
        raise SettingError(
            f"{path} cannot be written: {error.strerror or error}.", "Make room, or name another place."
        ) from error
