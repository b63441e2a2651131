# SPDX-License-Identifier: EUPL-1.2
"""Official measurements: one module for each kind of source, and the way of a station's values into a store."""

from collector.reference.csvfile import Columns, Mapping, Report, Table, read_columns, read_table
from collector.reference.station import preview, source_of, write_reference

__all__ = [
    "Columns",
    "Mapping",
    "Report",
    "Table",
    "preview",
    "read_columns",
    "read_table",
    "source_of",
    "write_reference",
]
