# SPDX-License-Identifier: EUPL-1.2
"""CSV and JSON lines, a whole block at once: the formats that need nothing but citimeasure.

A row is a record of fixed width, in which each cell leaves the bytes that it does not need at zero; the zeros are then
taken out of all rows together. Numbers are written so that they read back exactly.
"""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.export.blocks import Block
from collector.export.cells import cell
from collector.export.columns import Column
from collector.export.files import File, digest, finish, part_of
from collector.moments import DAY

Texts = NDArray[np.bytes_]
_ROWS = 50_000  # that are text at once


class TextWriter:
    """One file of rows as text; `csv` or `jsonl`."""

    def __init__(self, root: Path, name: str, columns: tuple[Column, ...], format: str) -> None:
        self._root, self._path = root, root / f"{name}.{format}"
        self._columns, self._format, self._rows = columns, format, 0
        self._file = part_of(self._path).open("wb")
        if format == "csv":
            self._file.write(",".join(column.name for column in columns).encode() + b"\n")

    def add(self, block: Block) -> None:
        """Writes a block's rows."""
        for start in range(0, len(block), _ROWS):
            self._file.write(self._lines(block, slice(start, start + _ROWS)))
        self._rows += len(block)

    def close(self) -> list[File]:
        """Finishes the file."""
        self._file.close()
        finish(self._path)
        return [File(str(self._path.relative_to(self._root)), self._format, self._rows, *digest(self._path))]

    def abandon(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _lines(self, block: Block, rows: slice) -> bytes:
        """Some rows of a block."""
        n = len(block.columns["end"][rows])
        pieces: list[Texts] = []
        for place, column in enumerate(self._columns):
            before = (b"{" if place == 0 else b",") + json.dumps(column.name).encode() + b":"
            pieces.append(_same(before if self._format == "jsonl" else b"," if place else b""))
            pieces.append(self._cells(block, column, rows))
        pieces.append(_same(b"}\n" if self._format == "jsonl" else b"\n"))
        # Neighbours that are the same in every row become one piece.
        merged: list[Texts] = []
        for piece in pieces:
            if merged and merged[-1].ndim == piece.ndim == 0:
                merged[-1] = _same(bytes(merged[-1][()]) + bytes(piece[()]))
            else:
                merged.append(piece)
        table = np.zeros(n, [(str(place), f"S{max(piece.itemsize, 1)}") for place, piece in enumerate(merged)])
        for place, piece in enumerate(merged):
            table[str(place)] = piece
        return table.tobytes().translate(None, b"\0")

    def _cells(self, block: Block, column: Column, rows: slice) -> Texts:
        """A column as text: one for each row, or a single one if all are the same."""
        is_json = self._format == "jsonl"
        if column.name in ("source", "quantity", "unit"):
            return _same(_word(getattr(block.span, column.name), is_json))
        if column.name == "record":
            words = np.array([_word(None, is_json), *(_word(id_, is_json) for id_ in block.records)], np.bytes_)
            numbers = block.columns["record"][rows] + 1
            return _same(words[numbers[0]]) if (numbers == numbers[0]).all() else words[numbers]
        values = block.columns[column.name][rows]
        if column.kind == "datetime":
            return times(values, b'"' if is_json else b"")
        return numbers_as_text(values, b"null" if is_json else b"")


def _same(text: bytes) -> Texts:
    return np.array(text, np.bytes_)


def _word(text: str | None, is_json: bool) -> bytes:
    """A word as it stands in a row; control codes, which no name has, are not kept."""
    if is_json:
        return json.dumps(text, ensure_ascii=False).encode()
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([cell(text), ""])
    return line.getvalue()[:-1].replace("\0", "").encode()


def numbers_as_text(values: NDArray[Any], missing: bytes) -> Texts:
    """Numbers in the shortest form that reads back exactly, and what stands for NaN.

    >>> numbers_as_text(np.array([0.1, float("nan"), 12.0]), b"")
    array([b'0.1', b'', b'12.0'], dtype='|S4')
    """
    first = values[0]
    if (values == first).all():
        return _same(msgspec.json.encode(first.item()))
    found = np.array(msgspec.json.encode(values.tolist())[1:-1].split(b","), np.bytes_)
    if values.dtype.kind == "f" and missing != b"null":
        found[np.isnan(values)] = missing
    return found


def times(t: NDArray[np.int64], quote: bytes) -> Texts:
    """Seconds since 1970 as ISO 8601 in UTC.

    >>> times(np.array([1767261600, 1767261660]), b"")
    array([b'2026-01-01T10:00:00Z', b'2026-01-01T10:01:00Z'], dtype='|S20')
    """
    days, seconds = np.divmod(t, DAY)
    first = int(days.min())
    names = np.datetime_as_string(np.arange(first, int(days.max()) + 1).astype("M8[D]")).astype("S10")
    both = np.zeros(
        len(t), [("begin", f"S{len(quote)}"), ("day", names.dtype), ("time", "S10"), ("stop", f"S{len(quote)}")]
    )
    both["begin"] = both["stop"] = quote
    both["day"], both["time"] = names[days - first], _clock()[seconds]
    return both.view(f"S{both.itemsize}")


@cache
def _clock() -> Texts:
    """Every second of a day, as it stands behind the date."""
    hours, minutes = np.divmod(np.arange(DAY) // 60, 60)
    return np.array(
        [
            f"T{h:02}:{m:02}:{s:02}Z"
            for h, m, s in zip(hours.tolist(), minutes.tolist(), (np.arange(DAY) % 60).tolist(), strict=True)
        ],
        np.bytes_,
    )
