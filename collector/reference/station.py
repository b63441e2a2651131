# SPDX-License-Identifier: EUPL-1.2
"""A station's values on their way into a store: rows as they are written, and the writing.

The readers of this package give tables; `citimeasure reference import` shows a preview of the rows and writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from collector.reference.csvfile import Table
from collector.store.base import Row, Store

_BATCH = 10_000
# QARTOD's flag for pass: the network's own control has judged these values.
_PASS = 1


def source_of(station: str) -> str:
    """A station's name in the stores."""
    return f"station:{station}"


def rows_of(station: str, quantity: str, table: Table) -> Iterator[Row]:
    """A table as the rows that are written."""
    for t, value in zip(table.t.tolist(), table.value.tolist(), strict=True):
        yield Row(source_of(station), quantity, t, table.interval, value, _PASS, 0)


def preview(station: str, quantity: str, table: Table, n: int = 5) -> list[Row]:
    """The first rows as they would be written."""
    return list(islice(rows_of(station, quantity, table), n))


def write_reference(store: Store, station: str, quantity: str, table: Table) -> int:
    """Writes a table and returns the number of its rows; writing it again changes nothing."""
    rows = rows_of(station, quantity, table)
    while batch := list(islice(rows, _BATCH)):
        store.write(batch)
    return len(table.t)
