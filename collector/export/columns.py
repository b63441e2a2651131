# SPDX-License-Identifier: EUPL-1.2
"""The columns of every table of an export: name, type, unit and meaning, in one place.

All formats, the metadata, `citimeasure export verify` and docs/reference/export.md take them from here.
"""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column. `kind` is string, datetime, number, integer or boolean, as a Frictionless schema says it."""

    name: str
    kind: str
    unit: str
    about: str


_KEYS = (
    Column("source", "string", "", "Device, or station:ID for an official station"),
    Column("quantity", "string", "", "What was measured; see the glossary of citimeasure"),
    Column("unit", "string", "", "Unit of value, u, lower, upper and raw"),
    Column("start", "datetime", "", "Begin of the interval, UTC"),
    Column("end", "datetime", "", "End of the interval, UTC"),
)
_CALIBRATED = (
    Column("value", "number", "", "Calibrated value; empty where there is none"),
    Column("u", "number", "", "Standard uncertainty of value"),
    Column("lower", "number", "", "Lower end of the 90 % interval"),
    Column("upper", "number", "", "Upper end of the 90 % interval"),
)
_COVERAGE = Column("coverage", "number", "1", "Share of the interval that was measured")
_FLAG = Column("flag", "integer", "", "Of value. QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing")
_TESTS = Column("tests", "integer", "", "Which tests had something to say, a bit for each; see README.md")
_RAW = Column("raw", "number", "", "Raw value as the sensor gave it; over an hour its average")
_RAW_FLAG = Column("raw_flag", "integer", "", "Of raw, as flag")
_RECORD = Column("record", "string", "", "Id of the calibration record behind value; see the folder calibrations")

# By resolution and level.
DATA = {
    ("hour", "both"): (*_KEYS, *_CALIBRATED, _COVERAGE, _FLAG, _TESTS, _RAW, _RAW_FLAG, _RECORD),
    ("hour", "calibrated"): (*_KEYS, *_CALIBRATED, _COVERAGE, _FLAG, _TESTS, _RECORD),
    ("hour", "raw"): (*_KEYS, _COVERAGE, _TESTS, _RAW, _RAW_FLAG),
    ("minute", "raw"): (*_KEYS, _TESTS, _RAW, _RAW_FLAG),
}
DEVICES = (
    Column("device", "string", "", "Public, random id"),
    Column("model", "string", "", "Kind of kit"),
    Column("simulated", "boolean", "", "Whether the device exists in a simulation only"),
    Column("from", "datetime", "", "Begin of the deployment, UTC"),
    Column("to", "datetime", "", "End of the deployment, UTC; empty while it lasts"),
    Column("latitude", "number", "deg", "On the grid that the host chose"),
    Column("longitude", "number", "deg", "On the grid that the host chose"),
    Column("grid", "string", "", "Size of that grid's cells"),
    Column("exposure", "string", "", "outdoor or indoor"),
    Column("height", "number", "m", "Above the ground"),
    Column("environment", "string", "", "Kind of surroundings"),
)
WITHDRAWN = (
    Column("device", "string", "", "Public, random id"),
    Column("from", "datetime", "", "Begin of the deployment, UTC"),
    Column("to", "datetime", "", "End of the deployment, UTC; empty while it lasts"),
    Column("since", "datetime", "", "When its host withdrew the consent, UTC"),
)
STATIONS = (
    Column("source", "string", "", "station:ID, as in data"),
    Column("name", "string", "", "What its network calls it"),
    Column("network", "string", "", "Who runs it"),
    Column("type", "string", "", "Kind of surroundings, in the network's words"),
    Column("latitude", "number", "deg", "As published by the network"),
    Column("longitude", "number", "deg", "As published by the network"),
)
COVERAGE = (
    Column("source", "string", "", "Device or station, as in data"),
    Column("quantity", "string", "", "What was measured"),
    Column("start", "datetime", "", "Begin of the month, or of the series within it, UTC"),
    Column("end", "datetime", "", "End of the month, or of the series within it, UTC"),
    Column("rows", "integer", "", "How many rows data has of it"),
    Column("share", "number", "1", "Share of the time between start and end that was measured"),
    Column("good", "integer", "", "Rows with flag 1 (raw_flag, if there is no flag)"),
    Column("not_evaluated", "integer", "", "Rows with flag 2"),
    Column("suspect", "integer", "", "Rows with flag 3"),
    Column("failed", "integer", "", "Rows with flag 4"),
    Column("missing", "integer", "", "Rows with flag 9: too little was measured, or there is no calibration"),
)
