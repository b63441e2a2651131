# SPDX-License-Identifier: EUPL-1.2
"""Copies one store into another, and proves that the other holds the same: a count and a hash for each month.

Stores come in; comparisons come out, one for each source, quantity and month (UTC; by the end of the interval, so a
value of midnight belongs to the month that it ends). `citimeasure sink rebuild` prints them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from collector.store.base import Row, Series, Store, Values

_ROWS = 5_000  # of one write


class Comparison(NamedTuple):
    """One month of one series in two stores."""

    source: str
    quantity: str
    month: str
    values: int  # in the store that was copied
    found: int  # of their times, in the copy
    hash_source: str
    hash_copy: str
    more: int  # values that only the copy has

    @property
    def equal(self) -> bool:
        """Whether the copy has every value of the month, bit for bit."""
        return self.values == self.found and self.hash_source == self.hash_copy


def copy(source: Store, write: Callable[[list[Row]], object], after: int = 0, until: int = 2**40) -> int:
    """Hands the values of a period to `write`; returns how many."""
    n = 0
    for one in source.series():
        for values in _months(source, one, after, until):
            rows = [
                Row(one.source, one.quantity, *row)
                for row in zip(
                    values.t.tolist(), values.dt.tolist(), values.value.tolist(), values.flag.tolist(),
                    values.tests.tolist(), strict=True,
                )
            ]  # fmt: skip
            for start in range(0, len(rows), _ROWS):
                write(rows[start : start + _ROWS])
            n += len(rows)
    return n


def compare(source: Store, other: Store, after: int = 0, until: int = 2**40) -> Iterator[Comparison]:
    """Holds each month of each series of a store against the other store."""
    for one in source.series():
        for values in _months(source, one, after, until):
            start, end = _month(int(values.t[0]))
            there = other.read(one.source, one.quantity, max(start, after), min(end, until))
            same = np.isin(there.t, values.t)
            yield Comparison(
                one.source,
                one.quantity,
                datetime.fromtimestamp(start, UTC).strftime("%Y-%m"),
                len(values),
                int(same.sum()),
                fingerprint(values),
                fingerprint(_some(there, same)),
                int((~same).sum()),
            )


def fingerprint(values: Values) -> str:
    """The first 16 digits of the SHA-256 of a series; of equal values in both stores the same."""
    digest = hashlib.sha256()
    for column, kind in ((values.t, "<i8"), (values.dt, "<i4"), (values.flag, "u1"), (values.tests, "<i4")):
        digest.update(column.astype(kind).tobytes())
    digest.update((values.value + 0.0).astype("<f8").tobytes())  # a store may lose the sign of a zero
    return digest.hexdigest()[:16]


def _months(store: Store, one: Series, after: int, until: int) -> Iterator[Values]:
    """The values of a series, month by month; months without any are left out."""
    t, last = max(one.first, after + 1), min(one.last, until)
    while t <= last:
        start, end = _month(t)
        values = store.read(one.source, one.quantity, max(start, after), min(end, until))
        if len(values):
            yield values
        t = end + 1


def _month(t: int) -> tuple[int, int]:
    """The month that t falls in, as (after, until]."""
    first = datetime.fromtimestamp(t - 1, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()), int(following.timestamp())


def _some(values: Values, which: NDArray[np.bool_]) -> Values:
    return Values(values.t[which], values.dt[which], values.value[which], values.flag[which], values.tests[which])
