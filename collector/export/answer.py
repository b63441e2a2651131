# SPDX-License-Identifier: EUPL-1.2
"""Rows of an answer as one Parquet file in memory; `query` gives it, and whatever serves answers can."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from collector import __version__
from collector.columns import Row
from collector.extras import need

_TIMES = ("start", "end")
_NOTICE = "Indicative measurements: not for testing against limit values."


def parquet(rows: Sequence[Row]) -> bytes:
    """A Parquet file: times as moments in UTC, everything else as it is; a value that is missing is null.

    Raises
    ------
    SettingError
        If pyarrow is not installed.
    """
    need("Parquet", "pyarrow", "parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    for name in set(_TIMES) & set(columns):
        columns[name] = pa.array([datetime.fromisoformat(text) for text in columns[name]], pa.timestamp("s", "UTC"))
    table = pa.table(columns).replace_schema_metadata({"software": f"citimeasure {__version__}", "notice": _NOTICE})
    file = BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()
