# SPDX-License-Identifier: EUPL-1.2
"""Reads the data of an export back with other people's programs, one way for each format, into the same plain rows."""

from __future__ import annotations

import csv
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import xarray

TIMES, WORDS = ("start", "end"), ("source", "quantity", "unit", "record")
INTEGERS = ("flag", "raw_flag", "tests")
Rows = dict[tuple[Any, ...], dict[str, Any]]


def keyed(rows: list[dict[str, Any]]) -> Rows:
    """Rows by source, quantity and end; no two have the same."""
    found = {(row["source"], row["quantity"], row["end"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def from_csv(folder: Path) -> Rows:
    rows = []
    for path in sorted((folder / "data").glob("*.csv")):
        with path.open(newline="") as file:
            rows += [{name: _cell(name, cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    return keyed(rows)


def _cell(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name in TIMES:
        return _time(cell)
    if name in WORDS:
        return cell
    return int(cell) if name in INTEGERS else float(cell)


def _time(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def from_jsonl(folder: Path) -> Rows:
    rows = []
    for path in sorted((folder / "data").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            rows.append({**row, **{name: _time(row[name]) for name in TIMES}})
    return keyed(rows)


def from_parquet(folder: Path) -> Rows:
    """By DuckDB."""
    with duckdb.connect() as db:
        db.execute("SET timezone = 'UTC'")
        found = db.sql(
            f'SELECT * REPLACE (epoch(start) AS start, epoch("end") AS "end") FROM \'{folder}/data/*.parquet\''
        )
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    return keyed([{**row, **{name: int(row[name]) for name in TIMES}} for row in rows])


def from_netcdf(folder: Path) -> Rows:
    """By xarray."""
    rows = []
    for path in sorted((folder / "data").glob("*.nc")):
        with xarray.open_dataset(path, engine="h5netcdf", decode_times=False) as found:
            sources = found.source.values.repeat(found.row_size.values)
            columns = {name: found[name].values for name in found.variables if found[name].dims == ("obs",)}
            records = found.record_id.values if "record_id" in found else None
            for n in range(found.sizes["obs"]):
                row: dict[str, Any] = {"source": sources[n], "quantity": found.attrs["quantity"]}
                row |= {name: _number(name, column[n]) for name, column in columns.items() if name != "time"}
                row["start"], row["end"] = (int(t) for t in found.time_bounds.values[n])
                assert columns["time"][n] == row["end"]
                if "record" in columns:
                    row["record"] = None if row["record"] is None else str(records[int(row["record"])])
                rows.append(row)
    return keyed(rows)


def _number(name: str, value: Any) -> Any:
    if math.isnan(value):
        return None
    return int(value) if name in INTEGERS else float(value)


def iso(t: int) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
