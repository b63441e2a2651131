# SPDX-License-Identifier: EUPL-1.2
"""A text table as other programs write it: compressed or not, in whatever encoding, with lines before its header.

`open_sheet` finds the header by the columns that the caller needs, so nothing about delimiter or lines to skip must be
known. It gives the cells as texts; `collector.reference.csvfile` makes times and values of them.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import re
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from collector.errors import DataError

DELIMITERS = (",", ";", "\t", "|")
# A header further down than this is none.
_LINES = 100
_UNIT = re.compile(r"(.+?)\s*(?:\((.+)\)|\[(.+)\])")


@dataclass(frozen=True)
class Sheet:
    """The needed columns' names as they stand in the file, and the rows below them."""

    names: dict[str, str]  # what the caller asked for -> the header's own text
    columns: dict[str, int]  # what the caller asked for -> which cell of a row
    rows: list[list[str]]  # without empty ones
    lines: list[int]  # the line of the file on which each row ends
    notes: tuple[str, ...]

    def column(self, name: str) -> list[str]:
        """A column's cells, stripped; empty where a row is too short."""
        i = self.columns[name]
        return [row[i].strip() if i < len(row) else "" for row in self.rows]

    def unit(self, name: str) -> str | None:
        """The unit that the header states, as in `PM2.5 (µg/m³)`."""
        found = _UNIT.fullmatch(self.names[name])
        return (found[2] or found[3]).strip() if found else None


def open_sheet(path: Path, needed: Sequence[str], *, delimiter: str | None = None, skip: int | None = None) -> Sheet:
    """Reads a table that has the needed columns. `skip` says how many lines lie before the header, if one knows.

    A column is found by its name, small and capital letters alike, with the unit in brackets or without it.
    """
    text, notes = _text(path)
    lines = list(io.StringIO(text, newline=""))  # splitlines() would also split at a Latin-1 ellipsis
    first, last = (0, min(_LINES, len(lines))) if skip is None else (skip, min(skip + 1, len(lines)))
    delimiters = DELIMITERS if delimiter is None else (delimiter,)
    for at in range(first, last):
        for mark in delimiters:
            header = _cells(lines[at], mark)
            places = [_find(name, header) for name in needed]
            if all(place is not None for place in places):
                columns = {name: place for name, place in zip(needed, places, strict=True) if place is not None}
                rows, numbers = _rows(path, lines[at + 1 :], mark, at + 1)
                names = {name: header[place] for name, place in columns.items()}
                return Sheet(names, columns, rows, numbers, notes)
    raise _no_header(path, lines[first:last], delimiters, needed)


def _text(path: Path) -> tuple[str, tuple[str, ...]]:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"The file {path} cannot be read: {getattr(error, 'strerror', None) or error}.",
            "Check its name, and that it is whole.",
        ) from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), ("The file is in UTF-16.",)
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError as error:
        note = f"The file is not in UTF-8 (byte {error.start}); it was read as Latin-1."
        return data.decode("latin-1"), (note,)


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a line before the header may be anything
        return []


def _rows(path: Path, lines: list[str], delimiter: str, before: int) -> tuple[list[list[str]], list[int]]:
    reader = csv.reader(lines, delimiter=delimiter)
    rows, numbers = [], []
    try:
        for row in reader:
            if any(cell and not cell.isspace() for cell in row):
                rows.append(row)
                numbers.append(before + reader.line_num)
    except csv.Error as error:
        raise DataError(
            f"Line {before + reader.line_num} of {path} cannot be split into cells: {error}.", "Mend or remove it."
        ) from error
    return rows, numbers


def _plain(name: str) -> str:
    """A name without what programs write differently: µ and μ, case, spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _find(name: str, header: Sequence[str]) -> int | None:
    if name in header:
        return header.index(name)
    wanted = _plain(name)
    whole = [_plain(cell) for cell in header]
    if wanted in whole:
        return whole.index(wanted)
    bare = [_plain(found[1]) if (found := _UNIT.fullmatch(cell)) else None for cell in header]
    return bare.index(wanted) if bare.count(wanted) == 1 else None


def _no_header(path: Path, lines: list[str], delimiters: Sequence[str], needed: Sequence[str]) -> DataError:
    """Says which columns are not there, and which are in the line that looks most like the header."""
    candidates = [_cells(line, mark) for mark in delimiters for line in lines]
    # The header has most of what was asked for, or else most cells; the first such line.
    header = max(candidates, key=lambda cells: (sum(_find(name, cells) is not None for name in needed), len(cells)),
                 default=[])  # fmt: skip
    if not any(header):
        return DataError(f"The file {path} has no line that could be a header.", "Give a table of text with a header.")
    absent = [name for name in needed if _find(name, header) is None]
    near = [close[0] for name in absent if (close := difflib.get_close_matches(name, header, 1))]
    meant = f"Perhaps {', '.join(near)}? " if near else ""
    return DataError(
        f"The file {path} has no column {' and no column '.join(repr(name) for name in absent)}.",
        f"{meant}It has the columns {', '.join(repr(name) for name in header if name)}.",
    )
