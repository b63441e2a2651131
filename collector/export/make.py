# SPDX-License-Identifier: EUPL-1.2
"""Writes an export: month after month into files of each format, then what describes them. The command line calls it.

Memory does not grow with the period, nothing half written has a final name, and the same command goes on where an
export broke off. The same question to the same data gives the same bytes.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from collector.errors import NetworkError, SettingError
from collector.export.blocks import Block, Month, months, pieces, read
from collector.export.cells import cell
from collector.export.columns import COVERAGE, DEVICES, STATIONS, WITHDRAWN, Column
from collector.export.describe import describe
from collector.export.files import File, remove_parts, told, write_whole
from collector.export.journal import FILE, Done, Journal
from collector.export.readers import Readers
from collector.export.request import Request
from collector.export.scope import Place, Scope, Span, choose
from collector.export.tally import Tally
from collector.export.text import TextWriter
from collector.moments import HOUR, iso
from collector.permits import Withdrawn
from collector.registry import Registry
from collector.store.base import Store

DATA = "data"  # the folder of the months


class Writer(Protocol):
    """What every format does with a month."""

    def add(self, block: Block) -> None:
        """Writes a block's rows."""

    def close(self) -> list[File]:
        """Finishes the files."""

    def abandon(self) -> None:
        """Lets go of them."""


def export(
    store: Store,
    registry: Registry,
    folder: Path,
    request: Request,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Writes an export into a new, empty or unfinished folder; returns how much is in it, and which kits are not.

    `progress` is told how many hours of series are done, and of how many.
    """
    scope = choose(store, registry, request)
    with _ours(folder), told(folder):
        remove_parts(folder)
        journal = Journal(folder, request, scope, lambda: _now(registry))
        scope = replace(scope, spans=journal.spans)
        (folder / DATA).mkdir(exist_ok=True)
        try:
            _write_months(store, registry, folder, (request, scope, journal), progress)
        except NetworkError as error:
            error.hint = (
                f"{error.hint} Then give the same command again: it goes on with the month where it stopped.".strip()
            )
            raise
        done = [journal.done[name] for name in sorted(journal.done)]
        _table(folder / "coverage.csv", COVERAGE, [row for one in done for row in one.coverage])
        _table(folder / "devices.csv", DEVICES, map(_device_row, scope.places))
        if scope.stations:
            _table(folder / "stations.csv", STATIONS, ({**vars(one), "source": one.source} for one in scope.stations))
        if scope.withdrawn:
            _table(folder / "withdrawn.csv", WITHDRAWN, map(_withdrawn_row, scope.withdrawn))
        records = sorted({id_ for one in done for id_ in one.records})
        for id_ in records:
            write_whole(folder / "calibrations" / f"{id_}.json", registry.calibration(id_))
        files = [file for one in done for file in one.files]
        describe(folder, request, scope, files)
        journal.close()
    return {
        "months": len(done),
        "rows": sum(row["rows"] for one in done for row in one.coverage),
        "records": len(records),
        "left_out": scope.left_out,
    }


def _now(registry: Registry) -> int:
    """A moment by which all assignments are made that there are, whoever's clock dated them."""
    return max([int(time.time()), *(one.created for one in registry.assignments())])


@contextmanager
def _ours(folder: Path) -> Iterator[None]:
    """Makes the folder, and holds it for as long as this export runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir()}
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise SettingError(f"The folder {folder} cannot be written: {error.strerror}.", "Name another one.") from error
    try:
        if there and FILE not in there:
            raise SettingError(
                f"The folder {folder} is not empty.", "Name a new one; an export never mixes with other files."
            )
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingError(
                f"Another export is writing into {folder}.", "Wait for it, or name another folder."
            ) from error
        yield
    finally:
        os.close(handle)


def _write_months(
    store: Store,
    registry: Registry,
    folder: Path,
    what: tuple[Request, Scope, Journal],
    progress: Callable[[int, int], None],
) -> None:
    request, scope, journal = what
    known = replace(request, as_of=journal.as_of)
    left = {month: _pieces(scope, month) for month in months(scope.spans)}
    of = sum(end - start for found in left.values() for _, (start, end) in found)
    done = 0

    def task(span: Span, piece: tuple[int, int]) -> Callable[[Store], Block]:
        return lambda reader: read(reader, registry, known, span, piece)

    with Readers(store) as readers:
        for month, found in left.items():
            if month.name not in journal.done:
                tally = Tally(month)
                with _writing(request, scope, folder, month) as writers:
                    blocks = readers.map(task(*one) for one in found)
                    for block, (_, (start, end)) in zip(blocks, found, strict=True):
                        if len(block):
                            tally.add(block)
                            for writer in writers:
                                writer.add(block)
                        done += end - start
                        progress(done // HOUR, of // HOUR)
                    files = tuple(file for writer in writers for file in writer.close())
                journal.finish(Done(month.name, files, tuple(sorted(tally.records)), tuple(tally.rows())))
            else:
                done += sum(end - start for _, (start, end) in found)


def _pieces(scope: Scope, month: Month) -> list[tuple[Span, tuple[int, int]]]:
    """What there is to read of a month, in the order of its rows."""
    return [(span, piece) for span in scope.spans for piece in pieces(span, month)]


@contextmanager
def _writing(request: Request, scope: Scope, folder: Path, month: Month) -> Iterator[list[Writer]]:
    """Writers of all formats, which are let go of if anything breaks."""
    writers: list[Writer] = []
    try:
        for format in request.formats:
            writers.append(_writer(format, folder, month, request, scope))
        yield writers
    except BaseException:
        for writer in writers:
            _abandon(writer)
        raise


def _abandon(writer: Writer) -> None:
    try:
        writer.abandon()
    except (OSError, RuntimeError, ValueError):
        return  # it broke before; that error is the one to show


def _writer(format: str, folder: Path, month: Month, request: Request, scope: Scope) -> Writer:
    if format == "parquet":
        from collector.export.parquet import ParquetWriter

        return ParquetWriter(folder, f"{DATA}/{month.name}", request)
    if format == "netcdf":
        from collector.export.netcdf import NetcdfWriter

        return NetcdfWriter(folder, f"{DATA}/{month.name}", request, scope)
    return TextWriter(folder, f"{DATA}/{month.name}", request.columns, format)


def _device_row(place: Place) -> dict[str, Any]:
    return {**vars(place), **_between(place.start, place.until)}


def _withdrawn_row(one: Withdrawn) -> dict[str, Any]:
    return {"device": one.device, **_between(one.start, one.until), "since": iso(one.since)}


def _between(start: int, until: int | None) -> dict[str, Any]:
    return {"from": iso(start), "to": iso(until) if until is not None else None}


def _table(path: Path, columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([cell(row[column.name]) for column in columns] for row in rows)
    write_whole(path, text.getvalue())
