# SPDX-License-Identifier: EUPL-1.2
"""Awkward CSV files to arrays: what a network's portal, an instrument or a spreadsheet gives.

`read_table` reads one quantity of a reference station, `read_columns` several of a kit at once; both label every value
with the end of its interval in UTC, in the quantity's own unit, and report what became of each row. `citimeasure
reference import` and `replay` call them.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from collector.errors import DataError, UsageError
from collector.quantities import QUANTITIES, unit_factor
from collector.reference.clock import Seconds, parse_times, parse_zone, to_utc
from collector.reference.sheet import Sheet, open_sheet

Floats = NDArray[np.float64]

MISSING = frozenset({"", "-", "NA", "N/A", "NaN", "null", "None", "-999", "-9999"})
_EXAMPLES = 5


@dataclass(frozen=True)
class Mapping:
    """How a file is to be read. What is None is found out."""

    time: tuple[str, ...]  # columns that make up the time, joined with a space
    value: str = ""  # column of the value, for `read_table`
    unit: str | None = None  # of the value; None: from `unit_column`, or from the header as in `O3 (ppb)`
    unit_column: str | None = None
    time_format: str | None = None  # of strptime, or `unix`
    zone: str = "UTC"  # IANA name, or an offset such as UTC-5
    label: Literal["begin", "end"] = "end"  # of its interval, which the file's time names
    interval: int = 3600  # [s]
    where: tuple[tuple[str, str], ...] = ()  # (column, text): only these rows
    quality: tuple[str, frozenset[str]] | None = None  # (column, codes): values with another code are left out
    missing: frozenset[str] = MISSING  # texts that stand for no value; numbers match however they are written
    decimal: Literal[".", ","] = "."
    delimiter: str | None = None
    skip: int | None = None  # lines before the header


@dataclass(frozen=True)
class Report:
    """What became of the rows: selected = kept + missing + rejected + skipped + duplicates + unparsable."""

    rows: int  # below the header, empty lines apart
    selected: int  # those that `where` let through
    kept: int
    missing: int  # the file says that there is no value
    rejected: int  # the quality code says no
    skipped: int  # in the hour that summer time skips
    duplicates: int  # of a time that an earlier row has; the earlier one is kept
    unparsable: int  # no time, or no number
    ambiguous: int  # kept or not: in the hour that the clock shows twice
    examples: tuple[str, ...] = ()  # the first unparsable cells, with their lines
    notes: tuple[str, ...] = ()  # what a person should look at


@dataclass(frozen=True)
class Columns:
    """Several quantities on one time axis, oldest first; NaN where there is no value."""

    t: Seconds  # end of the interval, s since 1970, UTC
    values: dict[str, Floats]  # quantity -> values in its own unit
    interval: int  # [s]
    units_found: dict[str, str]  # quantity -> the unit that the file or the caller stated
    report: Report


@dataclass(frozen=True)
class Table:
    """The values of one quantity, oldest first."""

    t: Seconds  # end of the interval, s since 1970, UTC
    value: Floats  # in the quantity's own unit
    interval: int  # [s]
    unit_found: str  # what the values were converted from
    report: Report


@dataclass
class _Doubts:
    """Gathers the first cells that could not be read."""

    lines: Sequence[int]
    examples: list[str] = field(default_factory=list)

    def add(self, row: int, text: str, what: str) -> None:
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"line {self.lines[row]}: {text[:40]!r} is no {what}")


def read_table(path: Path, quantity: str, mapping: Mapping) -> Table:
    """Reads one quantity; DataError if the file has not one value of it."""
    if not mapping.value:
        raise UsageError("No column is named for the values.", "Name it with --value.")
    found = read_columns(path, {quantity: (mapping.value, mapping.unit)}, mapping)
    return Table(found.t, found.values[quantity], found.interval, found.units_found[quantity], found.report)


def read_columns(path: Path, columns: Dict[str, tuple[str, str | None]], mapping: Mapping) -> Columns:
    """Reads several quantities: {quantity: (column, its unit or None)}. Rows without any value are left out."""
    _check(columns, mapping)
    zone = parse_zone(mapping.zone)
    sheet = open_sheet(path, _needed(columns, mapping), delimiter=mapping.delimiter, skip=mapping.skip)
    total = len(sheet.rows)
    sheet = _select(path, sheet, mapping)
    doubts = _Doubts(sheet.lines)
    n = len(sheet.rows)

    texts = [" ".join(parts).strip() for parts in zip(*(sheet.column(name) for name in mapping.time), strict=True)]
    clock = parse_times(texts, mapping.time_format)
    for row in np.flatnonzero(~clock.ok)[:_EXAMPLES]:
        doubts.add(int(row), texts[row], "time")
    world = to_utc(clock, zone, ends=mapping.label == "end")
    t = world.utc + (mapping.interval if mapping.label == "begin" else 0)

    values, bad = {}, np.zeros(n, bool)
    for quantity, (column, _) in columns.items():
        values[quantity], unreadable = _numbers(sheet.column(column), mapping, doubts)
        bad |= unreadable
    empty = np.logical_and.reduce([np.isnan(one) for one in values.values()])
    good_code = np.ones(n, bool)
    if mapping.quality is not None:
        name, codes = mapping.quality
        good_code = np.array([code in codes for code in sheet.column(name)], bool)

    # Each row falls in the first class that fits.
    left, counts = np.ones(n, bool), {}
    for name, here in (
        ("unparsable", ~clock.ok | (bad & empty)),
        ("missing", empty),
        ("rejected", ~good_code),
        ("skipped", world.skipped),
    ):
        counts[name] = int((left & here).sum())
        left &= ~here
    rows = np.flatnonzero(left)
    ends, first = np.unique(t[rows], return_index=True)  # the first of each time, in order of time
    kept = rows[first]
    report = Report(
        rows=total,
        selected=n,
        kept=len(kept),
        missing=counts["missing"],
        rejected=counts["rejected"],
        skipped=counts["skipped"],
        duplicates=len(rows) - len(kept),
        unparsable=counts["unparsable"],
        ambiguous=int(world.ambiguous.sum()),
        examples=tuple(doubts.examples),
    )
    if not len(kept):
        raise _nothing(path, report)
    notes = [*sheet.notes, *_notes(report, ends, mapping), *_differ(rows, t, values)]
    units = {}
    for quantity, (column, said) in columns.items():
        stated = _stated_unit(sheet, rows, column, mapping)
        if said is None and stated is None:
            raise DataError(f"The file does not say in which unit {column!r} is.", "Give it, say --unit ug/m3 or ppb.")
        if said is not None and stated is not None and _plain_unit(said) != _plain_unit(stated):
            notes.append(f"{column!r} was read in {said}, as was said, though the file states {stated}.")
        units[quantity] = said or stated or ""
    return Columns(
        t=ends,
        values={q: values[q][kept] * _factor(q, unit) for q, unit in units.items()},
        interval=mapping.interval,
        units_found=units,
        report=replace(report, notes=tuple(notes)),
    )


def _check(columns: Dict[str, tuple[str, str | None]], mapping: Mapping) -> None:
    unknown = [quantity for quantity in columns if quantity not in QUANTITIES]
    if unknown or not columns:
        raise UsageError(
            f"{', '.join(map(repr, unknown)) or 'Nothing'} is no quantity to read.", f"Known: {', '.join(QUANTITIES)}."
        )
    if not mapping.time:
        raise UsageError("No column is named for the time.", "Name one with --time, or two: date and time of day.")
    if mapping.label not in ("begin", "end") or mapping.decimal not in (".", ",") or mapping.interval <= 0:
        raise UsageError(
            "The label is begin or end, the decimal mark a point or a comma, and the interval over 0 seconds.",
            "Correct the one that differs.",
        )
    if mapping.delimiter is not None and len(mapping.delimiter) != 1:
        raise UsageError(f"{mapping.delimiter!r} cannot part cells.", "Give one character, or leave it to be found.")


def _needed(columns: Dict[str, tuple[str, str | None]], mapping: Mapping) -> list[str]:
    names = [*mapping.time, *(column for column, _ in columns.values()), *(column for column, _ in mapping.where)]
    if mapping.quality is not None:
        names.append(mapping.quality[0])
    if mapping.unit_column is not None:
        names.append(mapping.unit_column)
    return list(dict.fromkeys(names))


def _select(path: Path, sheet: Sheet, mapping: Mapping) -> Sheet:
    """The rows that every filter lets through; DataError if there are none, with what the column holds."""
    for name, wanted in mapping.where:
        cells = sheet.column(name)
        keep = [i for i, cell in enumerate(cells) if cell.casefold() == wanted.strip().casefold()]
        if not keep:
            there = list(dict.fromkeys(cells))
            more = ", ..." if len(there) > 10 else ""
            raise DataError(
                f"No row of {path} has {wanted!r} in the column {name!r}.",
                f"It has {', '.join(there[:10])}{more}." if there else "The file has no rows below its header.",
            )
        rows, lines = [sheet.rows[i] for i in keep], [sheet.lines[i] for i in keep]
        sheet = Sheet(sheet.names, sheet.columns, rows, lines, sheet.notes)
    return sheet


def _numbers(cells: list[str], mapping: Mapping, doubts: _Doubts) -> tuple[Floats, NDArray[np.bool_]]:
    """Values with NaN where there is none, and where a cell could not be read."""
    values, bad = np.full(len(cells), np.nan), np.zeros(len(cells), bool)
    read = _number_reader(mapping.decimal)
    no_numbers = {read(text) for text in mapping.missing} - {None}
    no_texts = {text.casefold() for text in mapping.missing}
    for i, cell in enumerate(cells):
        if not cell:
            continue
        number = read(cell)
        if number is not None:
            if number not in no_numbers:
                values[i] = number
        elif cell.casefold() not in no_texts:
            bad[i] = True
            doubts.add(i, cell, "number")
    return values, bad


def _number_reader(decimal: str) -> Callable[[str], float | None]:
    def read(text: str) -> float | None:
        if decimal == ",":
            if "." in text:  # 1.234 is not to become 1234 nor 1.234 unseen
                return None
            text = text.replace(",", ".")
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) and "_" not in text else None

    return read


def _stated_unit(sheet: Sheet, rows: NDArray[np.int64], column: str, mapping: Mapping) -> str | None:
    """The unit that the file states: in the unit column, or else in the header."""
    if mapping.unit_column is None:
        return sheet.unit(column)
    cells = sheet.column(mapping.unit_column)
    found = sorted({cells[row] for row in rows})
    if len(found) > 1:
        raise DataError(
            f"The values of {column!r} have several units: {', '.join(found)}.",
            "Select one quantity with --where COLUMN=TEXT.",
        )
    return found[0] or None


def _plain_unit(unit: str) -> str:
    # NFKC makes one of the two letters mu, and 3 of ³.
    return unicodedata.normalize("NFKC", unit).replace("μ", "u").strip().casefold()


def _factor(quantity: str, unit: str) -> float:
    try:
        return unit_factor(QUANTITIES[quantity], _plain_unit(unit))
    except ValueError as error:
        raise DataError(f"{quantity} cannot be had from {unit!r}.", f"{error}.") from error


def _nothing(path: Path, report: Report) -> DataError:
    counts = ", ".join(
        f"{number} {name}"
        for name, number in vars(report).items()
        if name in ("missing", "rejected", "skipped", "unparsable") and number
    )
    return DataError(
        f"The file {path} has {report.selected} rows to read and not one value: {counts or 'it is empty'}.",
        "; ".join(report.examples) or "Check the columns, the missing codes and the quality codes.",
    )


def _notes(report: Report, ends: Seconds, mapping: Mapping) -> list[str]:
    notes = []
    if report.skipped:
        notes.append(
            f"{report.skipped} rows lie in the hour that {mapping.zone} skips in spring and were left out: "
            "the file may be in standard time all year. If so, give its fixed offset, such as UTC+1."
        )
    if report.ambiguous:
        notes.append(
            f"{report.ambiguous} rows lie in the hour that {mapping.zone} has twice in autumn: "
            "taken as summer time first, then as winter time."
        )
    if any("," in example for example in report.examples) and mapping.decimal == ".":
        notes.append("Some numbers have a comma: if it is the decimal mark, say so.")
    step = int(np.median(np.diff(ends))) if len(ends) > 2 else mapping.interval
    if step != mapping.interval:
        notes.append(f"The values are mostly {step} s apart, but their interval is said to be {mapping.interval} s.")
    off = int((ends % mapping.interval != 0).sum()) if 86400 % mapping.interval == 0 else 0
    if off:
        notes.append(f"{off} intervals do not end at a multiple of {mapping.interval} s, UTC: check zone and label.")
    return notes


def _differ(rows: NDArray[np.int64], t: Seconds, values: dict[str, Floats]) -> list[str]:
    """A note if rows of one time do not agree: then the file mixes series."""
    order = rows[np.argsort(t[rows], kind="stable")]
    same = np.flatnonzero(t[order][1:] == t[order][:-1])
    a, b = order[same], order[same + 1]
    differ = np.zeros(len(same), bool)
    for one in values.values():
        differ |= (one[a] != one[b]) & ~(np.isnan(one[a]) & np.isnan(one[b]))
    if not differ.any():
        return []
    return [f"{int(differ.sum())} duplicates have other values than the rows before them: a filter may be missing."]
