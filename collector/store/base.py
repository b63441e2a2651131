# SPDX-License-Identifier: EUPL-1.2
"""The Store protocol: what every store of values does, and what its rows are.

A store keeps one value for each (source, quantity, t); writing the same key again replaces it, so every write may be
repeated. A source is a device's id, or `station:<id>` for an official station. One suite of tests,
tests/collector/test_store.py, holds for every store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, overload

import numpy as np
from numpy.typing import NDArray


class Row(NamedTuple):
    """One value of one interval, as judged."""

    source: str
    quantity: str
    t: int  # end of the interval, s since 1970, UTC
    dt: int  # length of the interval [s]
    value: float  # in the quantity's unit; finite, and the sign of a zero is not kept
    flag: int  # QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 fail
    tests: int  # bits of collector.judge.Test


class FlagRow(NamedTuple):
    """A new judgement of a value that is stored."""

    source: str
    quantity: str
    t: int  # end of the interval, s since 1970, UTC
    flag: int
    tests: int


class Judged(NamedTuple):
    """What one reading comes to: rows of one source, time and interval, as columns of one length."""

    source: str
    t: int  # end of the interval, s since 1970, UTC
    dt: int  # length of the interval [s]
    quantities: tuple[str, ...]
    values: tuple[float, ...]
    flags: tuple[int, ...]
    tests: tuple[int, ...]

    def rows(self) -> list[Row]:
        """A row for each value."""
        source, t, dt, *columns = self
        return [Row(source, quantity, t, dt, *rest) for quantity, *rest in zip(*columns, strict=True)]


class Rows(Sequence[Row]):
    """The rows of readings, made when somebody looks at one: a store that writes readings whole has no need of them."""

    def __init__(self, readings: Iterable[Judged]) -> None:
        self.readings = [one for one in readings if one.quantities]
        self._made: list[Row] | None = None

    def _rows(self) -> list[Row]:
        if self._made is None:
            self._made = [row for one in self.readings for row in one.rows()]
        return self._made

    def __len__(self) -> int:
        return sum(len(one.quantities) for one in self.readings)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if index == -1 and self.readings:  # the row that a delivery remembers of each batch
            return self.readings[-1].rows()[-1]
        return self._rows()[index]


@dataclass(frozen=True)
class Values:
    """A series as arrays of one length, in order of time."""

    t: NDArray[np.int64]  # end of the interval, s since 1970, UTC
    dt: NDArray[np.int32]  # [s]
    value: NDArray[np.float64]
    flag: NDArray[np.uint8]
    tests: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.t)

    @classmethod
    def of(cls, rows: Sequence[tuple[int, int, float, int, int]]) -> Values:
        """From (t, dt, value, flag, tests), already in order of time."""
        t, dt, value, flag, tests = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        return cls(
            np.array(t, np.int64),
            np.array(dt, np.int32),
            np.array(value, np.float64),
            np.array(flag, np.uint8),
            np.array(tests, np.int32),
        )


class HourSums(NamedTuple):
    """Hours by the averaging rule of their quantity, whatever was measured of them; arrays of one length."""

    value: NDArray[np.float64]  # NaN where nothing was measured
    seconds: NDArray[np.integer[Any]]  # measured, 0 to 3600
    flag: NDArray[np.uint8]  # the worst of its values that did not fail; 0 where there is none
    tests: NDArray[np.int32]


class RolledHours(NamedTuple):
    """Hours that follow one another, as a store keeps them ready."""

    hours: HourSums
    ready: NDArray[np.bool_]  # False: its values have changed; it must be made from them


class Series(NamedTuple):
    """What a store holds of one source and quantity."""

    source: str
    quantity: str
    n: int  # how many values
    first: int  # t of the oldest value
    last: int  # t of the newest value


class Store(Protocol):
    """Where values are kept. One instance belongs to one thread; another thread opens its own."""

    def write(self, rows: Sequence[Row]) -> None:
        """Keeps all rows, durably, or raises StoreUnavailable or StoreRefused; a repeated write changes nothing."""

    def write_flags(self, rows: Sequence[FlagRow]) -> None:
        """Replaces flags and masks of values that are there, durably; values themselves are never written."""

    def read(self, source: str, quantity: str, after: int, until: int) -> Values:
        """The values whose interval ended after `after` and not later than `until`."""

    def rolled(self, source: str, quantity: str, first: int, last: int) -> RolledHours | None:
        """Hours that are kept ready: those that end at `first`, an hour later, and so on, up to `last` or before it.

        None if there are none, as in stores that keep no hours.
        """

    def span(self, source: str, quantity: str) -> tuple[int, int] | None:
        """When the first and the last value of a series ended; None if there is none."""

    def series(self, source: str | None = None) -> list[Series]:
        """What there is, of one source or of all, in order of source and quantity; counts every value."""

    def beside(self) -> Store:
        """Another instance on the same values, for another thread to read from; it is closed by itself."""

    def close(self) -> None:
        """Lets go of connections and files."""
