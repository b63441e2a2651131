# SPDX-License-Identifier: EUPL-1.2
"""What the tests of the CSV reader share."""

import dataclasses
from datetime import UTC, datetime

from collector.reference import Mapping, read_table

HOUR = 3600
SIMPLE = Mapping(time=("time",), value="pm25", unit="ug/m3")


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def read(path, quantity="pm25", **changes):
    return read_table(path, quantity, dataclasses.replace(SIMPLE, **changes))


def accounted(report):
    return (
        report.kept + report.missing + report.rejected + report.skipped + report.duplicates + report.unparsable
    ) == report.selected
