# SPDX-License-Identifier: EUPL-1.2
"""Parquet: zstd, row groups that never cross a month, units and licence in the file's own metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from collector import __version__
from collector.export.blocks import Block
from collector.export.columns import Column
from collector.export.files import File, digest, finish, part_of
from collector.export.request import Request
from collector.quantities import QUANTITIES

_GROUP = 250_000  # rows of a group, more or less
_WORDS = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ms", "UTC")
_INTEGERS = {"tests": pa.int32(), "flag": pa.uint8(), "raw_flag": pa.uint8()}


def schema(columns: tuple[Column, ...], request: Request | None = None) -> pa.Schema:
    """The schema of a file; with the metadata that goes into it, if a request is given."""
    fields = [pa.field(one.name, _type(one), metadata={"description": one.about}) for one in columns]
    if request is None:
        return pa.schema(fields)
    about = {
        "title": request.title,
        "license": request.licence,
        "software": f"citimeasure {__version__}",
        "notice": "Indicative measurements by citizens; not for testing against limit values.",
        "units": json.dumps({one.name: one.unit for one in QUANTITIES.values()}, sort_keys=True),
        "columns": json.dumps({one.name: one.about for one in columns}),
    }
    return pa.schema(fields, metadata=about)


def _type(column: Column) -> pa.DataType:
    kinds = {"string": _WORDS, "datetime": _TIME, "number": pa.float64()}
    return _INTEGERS[column.name] if column.kind == "integer" else kinds[column.kind]


class ParquetWriter:
    """One file of rows as columns."""

    def __init__(self, root: Path, name: str, request: Request) -> None:
        self._root, self._path = root, root / f"{name}.parquet"
        self._schema = schema(request.columns, request)
        words = [one.name for one in request.columns if one.kind == "string"]
        self._file = pq.ParquetWriter(
            part_of(self._path),
            self._schema,
            compression="zstd",
            use_dictionary=words,
            column_encoding={"start": "DELTA_BINARY_PACKED", "end": "DELTA_BINARY_PACKED"},
        )
        self._waiting: list[pa.Table] = []
        self._rows = self._group = 0

    def add(self, block: Block) -> None:
        """Takes a block's rows; they are written when there are enough for a group."""
        self._waiting.append(pa.table([_column(block, field) for field in self._schema], self._schema))
        self._group += len(block)
        self._rows += len(block)
        if self._group >= _GROUP:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting).unify_dictionaries()
            self._file.write_table(table, row_group_size=len(table))
        self._waiting, self._group = [], 0

    def close(self) -> list[File]:
        """Finishes the file."""
        self._flush()
        self._file.close()
        finish(self._path)
        return [File(str(self._path.relative_to(self._root)), "parquet", self._rows, *digest(self._path))]

    def abandon(self) -> None:
        """Lets go of the file."""
        self._waiting = []
        self._file.close()


def _column(block: Block, field: pa.Field) -> pa.Array:
    if field.name in ("source", "quantity", "unit"):
        word = getattr(block.span, field.name)
        return _words(np.full(len(block), -1 if word is None else 0, np.int32), (word or "",))
    values = block.columns[field.name]
    if field.name == "record":
        return _words(values, block.records)
    if field.type == _TIME:
        return pa.array(values * 1000, pa.int64()).cast(_TIME)
    return pa.array(values, field.type, from_pandas=True)  # NaN is missing


def _words(numbers: NDArray[Any], words: tuple[str, ...]) -> pa.Array:
    missing = numbers < 0
    indices = pa.array(np.where(missing, 0, numbers), pa.int32(), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))
