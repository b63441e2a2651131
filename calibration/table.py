# SPDX-License-Identifier: EUPL-1.2
"""A plain CSV of hours to arrays, strictly: what cannot be read for certain is refused, with its line.

The path and the names of columns come in, a `Table` goes out, in order and labelled with the ends of hours in UTC. The
file may be compressed with gzip, be divided by comma, semicolon or tab, and have a decimal comma beside a semicolon or
tab. Called by the commands that work without a store; awkward exports are for `citimeasure reference import`.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.align import Bools, Floats, Ints
from calibration.errors import BadInput
from calibration.timestamps import Rows, hour_ends

DELIMITERS = (",", ";", "\t")
MISSING = frozenset({"", "-", "na", "n/a", "nan", "null", "none"})
SENTINELS = (-999.0, -9999.0)  # numbers by which instruments say that they have none

Names = NDArray[np.object_]


@dataclass(frozen=True)
class Table:
    """Hours of a file, unit by unit in the order of their first rows, in each by time.

    Attributes
    ----------
    time : (n,) array
        Ends of the hours [s since 1970, UTC]; strictly rising within a unit at a site.
    columns : dict of str to (n,) arrays
        By the names that were asked for, in the file's units; NaN where missing.
    unit, site : (n,) arrays of str, or None
        Which sensor, and where it hung.
    line : (n,) array
        The line of the file that each hour stands on.
    notes : tuple of str
        What was found and done, in sentences for a person.
    """

    time: Ints
    columns: dict[str, Floats]
    unit: Names | None = None
    site: Names | None = None
    line: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    notes: tuple[str, ...] = ()

    def rows(self, mask: Bools) -> Table:
        """A part of the hours."""
        return Table(
            self.time[mask],
            {name: x[mask] for name, x in self.columns.items()},
            None if self.unit is None else self.unit[mask],
            None if self.site is None else self.site[mask],
            self.line[mask],
            self.notes,
        )

    def by_unit(self) -> dict[str, Table]:
        """The hours of each unit; all under the empty name where the file has no column of units."""
        if self.unit is None:
            return {"": self}
        return {str(name): self.rows(np.asarray(self.unit == name)) for name in dict.fromkeys(self.unit)}


def read_table(
    path: str | Path,
    *,
    time: str,
    zone: str | None,
    columns: Mapping[str, str],
    unit: str | None = None,
    site: str | None = None,
    label: Literal["begin", "end"] = "end",
) -> Table:
    """Read hours from a CSV file.

    Parameters
    ----------
    path : path
        UTF-8, with or without a byte-order mark, plain or gzip.
    time : str
        The column of times: ISO 8601 with or without an offset, or seconds since 1970.
    zone : str or None
        Which clock times without an offset are of: a name such as Europe/Amsterdam, or an offset such as UTC+1.
    columns : mapping of str to str
        The name that is wanted: the column's name in the file.
    unit, site : str, optional
        Columns that name the sensor and its place.
    label : "begin" or "end"
        What of its hour a time names.

    Raises
    ------
    BadInput
        If the file cannot be read for certain; the sentence names the file and the line.

    Notes
    -----
    An hour that the clock shows twice is told apart by the order of the rows; one that stands there once cannot be, and
    is left out. Times that the clock skips show that the zone is wrong, and are refused.
    """
    path = Path(path)
    wanted = list(dict.fromkeys([time, *columns.values(), *(name for name in (unit, site) if name)]))
    header, cells, lines = _cells(path, wanted)
    text = {name: cells[header.index(name)] for name in wanted}
    groups = [_names(path, name, text[name], lines) if name else None for name in (unit, site)]
    values, notes = _numbers(path, {name: text[name] for name in columns.values()}, lines)
    number = _grouped(groups, len(lines))
    times = hour_ends(Rows(path, text[time], lines, number), zone, begins=label == "begin")
    order = np.lexsort((times.utc, number))
    order = order[times.known[order]]
    table = Table(
        time=times.utc[order],
        columns={name: values[source][order] for name, source in columns.items()},
        unit=None if groups[0] is None else groups[0][order],
        site=None if groups[1] is None else groups[1][order],
        line=lines[order],
        notes=(*times.notes, *notes),
    )
    _check_twice(path, table, number[order])
    return table


def _check_twice(path: Path, table: Table, number: Ints) -> None:
    twice = np.flatnonzero((np.diff(table.time) == 0) & (np.diff(number) == 0))
    if not len(twice):
        return
    first, second = sorted((int(table.line[twice[0]]), int(table.line[twice[0] + 1])))
    of = "" if table.unit is None else f" of {table.unit[twice[0]]}"
    once = "" if len(twice) == 1 else f" {len(twice)} hours are there twice."
    raise BadInput(
        f"{path}, lines {first} and {second}: the same hour{of} twice "
        f"({np.datetime64(int(table.time[twice[0]]), 's')}Z).{once}",
        "Keep one row for each hour and sensor. If the rows are of several sensors, name their column with --unit; "
        "if hours are doubled where summer time begins or ends, the clock is another one than --zone says.",
    )


def _grouped(groups: Sequence[Names | None], n: int) -> Ints:
    """A number for each unit at each site, in the order in which they come."""
    keys = list(zip(*(group for group in groups if group is not None), strict=True)) or [()] * n
    found: dict[tuple[Any, ...], int] = {}
    return np.array([found.setdefault(key, len(found)) for key in keys], np.int64)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(
            f"The file {path} cannot be read: {getattr(error, 'strerror', None) or error}.",
            "Check its name, and that it is whole.",
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadInput(
            f"{path}, line {line}: the byte {data[error.start]:#x} is not UTF-8.", "Save the file as CSV in UTF-8."
        ) from error


def _cells(path: Path, wanted: Sequence[str]) -> tuple[list[str], list[tuple[str, ...]], Ints]:
    """The header, the cells by column, and the line of each row."""
    text = _text(path)
    delimiter = _delimiter(text, wanted)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    header: list[str] = []
    try:
        for row in reader:
            if not any(row):
                continue
            if not header:
                header = [name.strip() for name in row]
                _check_header(path, header, wanted)
            elif len(row) != len(header):
                raise BadInput(
                    f"{path}, line {reader.line_num}: {len(row)} cells, where the header has {len(header)}.",
                    "Mend or remove the line; a decimal comma needs a semicolon or tab between cells.",
                )
            else:
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {reader.line_num}: cannot be split into cells ({error}).", "Mend or remove the line."
        ) from error
    if not rows:
        raise BadInput(
            f"{path} has no rows below its header.", "Give a CSV file with a header and a row for each hour."
        )
    return header, list(zip(*rows, strict=True)), np.array(lines, np.int64)


def _delimiter(text: str, wanted: Sequence[str]) -> str:
    """The one by which the first line has most of the wanted columns, or else most cells."""
    first = next((line for line in text.split("\n") if line.strip()), "").rstrip("\r")

    def fits(delimiter: str) -> tuple[int, int]:
        try:
            header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
        except csv.Error:
            return (0, 0)
        return (sum(name in header for name in wanted), len(header))

    return max(DELIMITERS, key=fits)


def _check_header(path: Path, header: Sequence[str], wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in header:
            near = difflib.get_close_matches(name, header, 1)
            meant = f"Perhaps {near[0]!r}? " if near else ""
            raise BadInput(
                f"{path}, line 1: there is no column {name!r}.",
                f"{meant}The first line must be the header; it has {', '.join(map(repr, header))}.",
            )
        if header.count(name) > 1:
            raise BadInput(f"{path}, line 1: the column {name!r} is there twice.", "Rename or remove one.")


def _names(path: Path, name: str, cells: Sequence[str], lines: Ints) -> Names:
    found = [cell.strip() for cell in cells]
    if not all(found):
        row = found.index("")
        raise BadInput(f"{path}, line {lines[row]}: no name in the column {name!r}.", "Fill it in, or remove the line.")
    return np.array(found, object)


def _numbers(path: Path, text: Mapping[str, Sequence[str]], lines: Ints) -> tuple[dict[str, Floats], list[str]]:
    """Columns as numbers, and what to tell of them."""
    decimal_comma = any("," in cell for cells in text.values() for cell in cells)
    values, notes = {}, []
    for name, cells in text.items():
        clean = [cell.strip() for cell in cells]
        if decimal_comma:
            dotted = next((row for row, cell in enumerate(clean) if "." in cell), None)
            if dotted is not None:
                raise BadInput(
                    f"{path}, line {lines[dotted]}: {clean[dotted]!r} in {name!r} has a point, other cells a comma.",
                    "Write all numbers one way, without marks between thousands.",
                )
            clean = [cell.replace(",", ".") for cell in clean]
        x = _floats(path, name, clean, lines)
        marked = np.isin(x, SENTINELS)
        if marked.any():
            notes.append(f"{int(marked.sum())} times -999 or -9999 in {name!r} were taken as missing.")
            x = np.where(marked, np.nan, x)
        values[name] = x
    return values, notes


def _floats(path: Path, name: str, cells: Sequence[str], lines: Ints) -> Floats:
    x = np.array([_number(cell) for cell in cells])
    bad = np.flatnonzero(np.isinf(x))
    if len(bad):
        raise BadInput(
            f"{path}, line {lines[bad[0]]}: {cells[bad[0]]!r} in {name!r} is no number.",
            "Write plain numbers; leave the cell empty where there is none.",
        )
    return x


def _number(cell: str) -> float:
    """The number, NaN where the cell says that there is none, and infinity for anything else."""
    try:
        # Python reads 1_000, nobody else does.
        return float(cell) if "_" not in cell else np.inf
    except ValueError:
        return np.nan if cell.casefold() in MISSING else np.inf
