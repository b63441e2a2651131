# SPDX-License-Identifier: EUPL-1.2
"""How much of each month was measured, and how good it is: the rows of coverage.csv, counted while data are written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from collector.export.blocks import Block, Month
from collector.export.scope import Span
from collector.judge import Flag
from collector.moments import HOUR, iso

_FLAGS = {
    "good": Flag.PASS,
    "not_evaluated": Flag.NOT_EVALUATED,
    "suspect": Flag.SUSPECT,
    "failed": Flag.FAIL,
    "missing": Flag.MISSING,
}


@dataclass
class _Count:
    rows: int = 0
    seconds: float = 0.0
    flags: dict[int, int] = field(default_factory=dict)


class Tally:
    """The counts of one month."""

    def __init__(self, month: Month) -> None:
        self._month = month
        self._counts: dict[Span, _Count] = {}
        self.records: set[str] = set()

    def add(self, block: Block) -> None:
        """Counts a block's rows."""
        count = self._counts.setdefault(block.span, _Count())
        columns = block.columns
        count.rows += len(block)
        share = columns.get("coverage")
        count.seconds += float((columns["end"] - columns["start"]).sum() if share is None else share.sum() * HOUR)
        flags, numbers = np.unique(columns["flag" if "flag" in columns else "raw_flag"], return_counts=True)
        for flag, n in zip(flags.tolist(), numbers.tolist(), strict=True):
            count.flags[flag] = count.flags.get(flag, 0) + n
        self.records.update(block.records)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each series."""
        found = []
        for span, count in self._counts.items():
            start, end = max(span.after, self._month.start), min(span.until, self._month.end)
            share = round(min(count.seconds / (end - start), 1.0), 4)
            flags = {name: count.flags.get(flag, 0) for name, flag in _FLAGS.items()}
            row = {"source": span.source, "quantity": span.quantity, "start": iso(start), "end": iso(end)}
            found.append({**row, "rows": count.rows, "share": share, **flags})
        return found
