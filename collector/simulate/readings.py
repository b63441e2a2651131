# SPDX-License-Identifier: EUPL-1.2
"""Readings to be sent, as columns: what a simulated kit or a replayed file gives, and the fleet publishes.

Columns of one device come in (numpy arrays, one row for each reading in the order of sending), readings of the wire
message go out one by one. The arrays stay small; the readings exist only while they are on their way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from collector.message import Reading
from collector.simulate.signals import Array, Times

_BLOCK = 2048  # rows turned into Python objects at a time


class Made(NamedTuple):
    """One reading as it leaves a kit. If `reading.age` is given it is set anew at each sending, from `t`."""

    boot: int
    t: int  # the true end of the interval, s since 1970
    reading: Reading
    again: bool  # sent before, and sent once more although nobody asked


@dataclass(frozen=True)
class Columns:
    """All readings of one device, one row each."""

    dt: int  # length of the interval [s]
    boot: Times
    seq: Times
    t: Times  # true end of the interval, s since 1970
    label: Times  # the end of the interval as the kit believes it to be
    aged: NDArray[np.bool_]  # the kit does not know the time: it sends the reading's age instead
    again: NDArray[np.bool_]  # a repetition of an earlier row
    q: Mapping[str, Array]  # one array for each quantity, NaN where there is no value
    u: Mapping[str, str] = field(default_factory=dict)  # units of quantities that are not in their own

    def __len__(self) -> int:
        return len(self.t)

    @property
    def distinct(self) -> int:
        """How many readings there are without the repetitions."""
        return len(self.t) - int(np.count_nonzero(self.again))

    def readings(self) -> Iterator[Made]:
        """The readings in the order of the rows. Missing values are left out; a row without any value is an error."""
        names = list(self.q)
        for first in range(0, len(self), _BLOCK):
            rows = slice(first, first + _BLOCK)
            table = np.stack([self.q[name][rows] for name in names], axis=1)
            whole = ~np.isnan(table).any(axis=1)
            numbers = (self.boot[rows], self.seq[rows], self.t[rows], self.label[rows])
            marks = (self.aged[rows], self.again[rows], whole)
            lists = [column.tolist() for column in (table, *numbers, *marks)]
            for values, boot, seq, t, label, aged, again, complete in zip(*lists, strict=True):
                pairs = zip(names, values, strict=True)
                q = dict(pairs) if complete else {name: value for name, value in pairs if value == value}  # not NaN
                u = {name: unit for name, unit in self.u.items() if name in q} or None
                yield Made(boot, t, Reading(seq, self.dt, q, None if aged else label, 0 if aged else None, u), again)


class Source(Protocol):
    """Something that has readings to send: a simulated kit, or a recording."""

    @property
    def device(self) -> str:
        """The id that it sends under."""

    @property
    def firmware(self) -> str:
        """What it says that it runs; tells what is simulated or replayed from what is measured."""

    def columns(self) -> Columns:
        """All its readings."""
