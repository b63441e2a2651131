# SPDX-License-Identifier: EUPL-1.2
"""Holds an export against its own datapackage.json: files, hashes, columns and their types, numbers of rows.

`citimeasure export verify` prints what it finds. Nothing in a package is believed: a path may not leave the folder.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from collector.errors import DataError, SettingError
from collector.export.columns import DATA
from collector.export.describe import PACKAGE
from collector.export.files import digest
from collector.export.journal import FILE as JOURNAL
from collector.export.request import FORMATS


@dataclass(frozen=True)
class Finding:
    """One file, and what is wrong with it; nothing if `problem` is empty."""

    path: str
    format: str
    rows: int | None
    problem: str = ""


class _Wrong(Exception):
    """What is wrong with a file, in words."""


def verify(folder: Path) -> list[Finding]:
    """A finding for each file that the package names, and for each that it does not."""
    package = _package(folder)
    columns = _columns(package)
    findings, named = [], {PACKAGE}
    for resource in package["resources"]:
        path, rows = str(resource.get("path")), resource.get("rowCount")
        named.add(path)
        try:
            _check(folder, resource, columns)
            problem = ""
        except _Wrong as wrong:
            problem = str(wrong)
        findings.append(Finding(path, str(resource.get("format")), rows, problem))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    findings += [Finding(path, "", None, "the package does not name it") for path in sorted(there - named)]
    return findings


def _package(folder: Path) -> dict[str, Any]:
    if (folder / JOURNAL).exists():
        raise DataError(f"The export in {folder} is not finished.", "Give the command that began it again: it goes on.")
    try:
        package = json.loads((folder / PACKAGE).read_bytes())
    except FileNotFoundError as error:
        raise SettingError(f"There is no {PACKAGE} in {folder}.", "Name the folder of an export.") from error
    except OSError as error:
        raise SettingError(f"{folder / PACKAGE} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise DataError(f"{folder / PACKAGE} is no JSON: {error}.", "Export again, or fetch the file again.") from error
    resources = package.get("resources") if isinstance(package, dict) else None
    if not isinstance(resources, list) or not all(isinstance(one, dict) for one in resources):
        raise DataError(f"{folder / PACKAGE} names no files.", "Export again, or fetch the file again.")
    return package  # type: ignore[no-any-return]


def _columns(package: dict[str, Any]) -> list[dict[str, Any]]:
    """The columns of data, as the package's level and resolution have them."""
    known = DATA.get((str(package.get("every")), str(package.get("level"))))
    if known is None:
        raise DataError(
            f"The package was made by {package.get('software')}; this version does not know its columns.",
            "Use the version of citimeasure that made it.",
        )
    return [{"name": one.name, "type": one.kind} for one in known]


def _check(folder: Path, resource: dict[str, Any], columns: list[dict[str, Any]]) -> None:
    path = resource.get("path")
    if not isinstance(path, str) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise _Wrong("its path leaves the folder")
    file = folder / path
    if file.is_symlink() or any(
        one.is_symlink() for one in file.parents if one.is_relative_to(folder) and one != folder
    ):
        raise _Wrong("it is a link")
    if not file.is_file():
        raise _Wrong("it is missing")
    try:
        size, sha256 = digest(file)
        named = resource.get("bytes", resource.get("fileBytes"))
        if size != named:
            raise _Wrong(f"it has {size} bytes, not {named}")
        if f"sha256:{sha256}" != resource.get("hash", resource.get("fileHash")):
            raise _Wrong("its sha256 is another: the content was changed")
        rows = _rows(file, resource, columns)
    except OSError as error:
        raise _Wrong(f"it cannot be read: {error.strerror or error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise _Wrong(f"it cannot be read: {error}") from error
    if "rowCount" in resource and rows != resource["rowCount"]:
        raise _Wrong(f"it has {rows} rows, not {resource['rowCount']}")


def _rows(file: Path, resource: dict[str, Any], columns: list[dict[str, Any]]) -> int | None:
    """How many rows a file has, after a look at its columns; None if it is no table."""
    format, is_data = resource.get("format"), "rowCount" in resource
    if format in FORMATS and (module := FORMATS[format][0]) and importlib.util.find_spec(module) is None:
        raise _Wrong(f"to look into it, install the Python package {module}")
    if format == "parquet":
        return _parquet_rows(file, columns)
    if format == "netcdf":
        return _netcdf_rows(file, columns)
    if format == "jsonl":
        return _jsonl_rows(file, columns)
    if format == "csv":
        fields = [{"name": one["name"], "type": one["type"]} for one in resource["schema"]["fields"]]
        if is_data and fields != columns:
            raise _Wrong("the package gives it other columns than data has")
        return _csv_rows(file, fields)
    return None


def _csv_rows(file: Path, fields: list[dict[str, Any]]) -> int:
    with file.open(newline="", encoding="utf-8") as text:
        lines = csv.reader(text)
        head = next(lines, [])
        if head != [one["name"] for one in fields]:
            raise _Wrong(f"its columns are {', '.join(head)}")
        readers = [(one["name"], _CSV[one["type"]]) for one in fields]
        return _counted(lines, readers, lambda cell: cell == "")


def _jsonl_rows(file: Path, fields: list[dict[str, Any]]) -> int:
    names = [one["name"] for one in fields]
    readers = [(one["name"], _JSON[one["type"]]) for one in fields]

    def values() -> Iterable[list[Any]]:
        with file.open(encoding="utf-8") as text:
            for n, line in enumerate(text, 1):
                row = json.loads(line)
                if not isinstance(row, dict) or list(row) != names:
                    raise _Wrong(f"line {n} has other columns")
                yield list(row.values())

    return _counted(values(), readers, lambda cell: cell is None)


def _counted(
    rows: Iterable[list[Any]], readers: list[tuple[str, Callable[[Any], Any]]], empty: Callable[[Any], bool]
) -> int:
    """How many rows there are; each cell must be what its column says, or empty."""
    n = 0
    for n, row in enumerate(rows, 1):
        if len(row) != len(readers):
            raise _Wrong(f"row {n} has {len(row)} cells, not {len(readers)}")
        for cell, (name, read) in zip(row, readers, strict=True):
            try:
                if not empty(cell):
                    read(cell)
            except (ValueError, TypeError) as error:
                raise _Wrong(f"row {n}: {cell!r} cannot be in the column {name}") from error
    return n


def _typed(kind: type | tuple[type, ...]) -> Callable[[Any], None]:
    def read(cell: Any) -> None:
        if not isinstance(cell, kind) or isinstance(cell, bool):
            raise TypeError(cell)

    return read


def _boolean(cell: str) -> bool:
    return {"true": True, "false": False}[cell]


_CSV: dict[str, Callable[[Any], Any]] = {
    "string": str, "datetime": datetime.fromisoformat, "number": float, "integer": int, "boolean": _boolean,
}  # fmt: skip
_JSON: dict[str, Callable[[Any], Any]] = {
    "string": _typed(str), "datetime": datetime.fromisoformat, "number": _typed((int, float)), "integer": _typed(int),
}  # fmt: skip


def _parquet_rows(file: Path, columns: list[dict[str, Any]]) -> int:
    import pyarrow.parquet as pq

    from collector.export.parquet import schema

    every, level = next(
        key for key, known in DATA.items() if [one.name for one in known] == [one["name"] for one in columns]
    )
    found = pq.ParquetFile(file)
    if not found.schema_arrow.equals(schema(DATA[every, level])):
        raise _Wrong(f"its columns are {', '.join(found.schema_arrow.names)}, or of other types")
    for n in range(found.num_row_groups):
        found.read_row_group(n)  # a page that cannot be unpacked is found here
    return int(found.metadata.num_rows)


def _netcdf_rows(file: Path, columns: list[dict[str, Any]]) -> int:
    import h5netcdf

    with h5netcdf.File(file, "r") as found:
        wanted = {one["name"] for one in columns if one["type"] in ("number", "integer") or one["name"] == "record"}
        if missing := sorted((wanted | {"time", "time_bounds", "row_size", "source"}) - set(found.variables)):
            raise _Wrong(f"it lacks {', '.join(missing)}")
        rows = len(found.dimensions["obs"])
        if int(found.variables["row_size"][...].sum()) != rows:
            raise _Wrong("its time series do not add up to its rows")
        return rows
