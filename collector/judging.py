# SPDX-License-Identifier: EUPL-1.2
"""Judging anew what a store holds: days and devices in, changed flags out. Raw values are never written.

`citimeasure judge` calls it. It goes day by day, and in a day device by device, so it needs memory for a few days of a
device and for the day's hours of its neighbours. What it writes follows from the stored values alone: doing it again,
in other pieces, or after an interruption gives the same.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collector.judge import Limits, names
from collector.judge.window import SPAN_BEHIND, hour_medians, judge_source, span_before
from collector.moments import DAY, HOUR
from collector.registry import Deployment
from collector.store.base import FlagRow, Series, Store

NEAR_KM = 2.0
_MOST = 8  # neighbours that are asked, the nearest
_KM_PER_DEGREE = 111.2


@dataclass
class Summary:
    """What was looked at and what was found, for people."""

    values: int = 0
    changed: int = 0
    found: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))  # by device, then by test

    def add(self, other: Summary) -> None:
        """Puts another one's figures to this one's."""
        self.values += other.values
        self.changed += other.changed
        for device, counts in other.found.items():
            self.found[device].update(counts)


class Places:
    """Who hangs near whom, outdoors, at any moment."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        self._all = [one for one in deployments if one.latitude is not None and one.exposure == "outdoor"]
        self._cells: dict[tuple[int, int], list[Deployment]] = defaultdict(list)
        for one in self._all:
            self._cells[self._cell(one)].append(one)
        self._of: dict[str, list[Deployment]] = defaultdict(list)
        for one in self._all:
            self._of[one.device].append(one)
        self._changes = sorted(t for one in self._all for t in (one.start, one.until) if t is not None)

    @staticmethod
    def _cell(one: Deployment) -> tuple[int, int]:
        assert one.latitude is not None and one.longitude is not None
        side = NEAR_KM / _KM_PER_DEGREE
        narrow = side / max(math.cos(math.radians(round(one.latitude))), 0.01)
        return math.floor(one.latitude / side), math.floor(one.longitude / narrow)

    def near_at(self, device: str, times: Sequence[int]) -> list[tuple[str, ...]]:
        """The same at several moments, in order; looked up again only where some kit came or went."""
        found: list[tuple[str, ...]] = []
        for n, t in enumerate(times):
            same = n and bisect_left(self._changes, times[n - 1]) == bisect_left(self._changes, t)
            found.append(found[-1] if same else self.near(device, t))
        return found

    def near(self, device: str, t: int) -> tuple[str, ...]:
        """The nearest kits that hung within 2 km of a device at a moment, nearest first."""
        own = next((one for one in self._of[device] if one.start < t and (one.until is None or t <= one.until)), None)
        if own is None:
            return ()
        row, column = self._cell(own)
        found = []
        for cell in ((row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
            for one in self._cells.get(cell, ()):
                if one.device != device and one.start < t and (one.until is None or t <= one.until):
                    found.append((_distance(own, one), one.device))
        return tuple(name for km, name in sorted(found)[:_MOST] if km <= NEAR_KM)


def _distance(a: Deployment, b: Deployment) -> float:
    """Kilometres between places that are near each other."""
    assert a.latitude is not None and a.longitude is not None and b.latitude is not None and b.longitude is not None
    narrow = math.cos(math.radians((a.latitude + b.latitude) / 2))
    return _KM_PER_DEGREE * math.hypot(a.latitude - b.latitude, narrow * (a.longitude - b.longitude))


class Judge:
    """Judges what one store holds. `dry_run` only counts."""

    def __init__(self, store: Store, places: Places, limits: Mapping[str, Limits], *, dry_run: bool = False) -> None:
        self._store, self._places, self._limits, self._dry_run = store, places, limits, dry_run
        self._before = span_before(limits)
        self._medians: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._period = 0, 0

    def run(self, devices: Sequence[str] | None, after: int, until: int) -> Iterator[tuple[int, Summary]]:
        """Judges all values with after < t <= until, day by day.

        Yields after each device of a day what was found, and up to when all values of all devices are judged.
        """
        if devices is None:
            series = [one for one in self._store.series() if not one.source.startswith("station:")]
        else:
            series = [one for device in devices for one in self._store.series(device)]
        of: dict[str, list[Series]] = defaultdict(list)
        for one in series:
            of[one.source].append(one)
        if not series:
            return
        first = max(after, min(one.first for one in series) - 1)
        last = min(until, max(one.last for one in series))
        while first < last:
            day_end = min((first // DAY + 1) * DAY, last)
            for device, parts in of.items():
                if any(part.first <= day_end and part.last > first for part in parts):
                    yield first, self._judge(device, [part.quantity for part in parts], first, day_end)
            first = day_end
        yield last, Summary()

    def _judge(self, device: str, quantities: Sequence[str], after: int, until: int) -> Summary:
        """One device over a part of one UTC day."""
        read = {name: self._store.read(device, name, after - self._before, until + SPAN_BEHIND) for name in quantities}
        hours, nearby = self._hours_nearby(device, [name for name in quantities if len(read[name])], after, until)
        judged = judge_source(read, self._limits, hours, nearby)
        summary, rows = Summary(), []
        for name, values in read.items():
            inside = slice(*np.searchsorted(values.t, [after, until], "right"))
            new = judged[name]
            flag, tests = new.flag[inside], new.tests[inside]
            summary.values += len(flag)
            for mask, n in zip(*np.unique(tests, return_counts=True), strict=True):
                summary.found[device].update(dict.fromkeys(names(int(mask)), int(n)))
            changed = (flag != values.flag[inside]) | (tests != values.tests[inside])
            for t, one, mask in zip(values.t[inside][changed], flag[changed], tests[changed], strict=True):
                rows.append(FlagRow(device, name, int(t), int(one), int(mask)))
        summary.changed = len(rows)
        if rows and not self._dry_run:
            self._store.write_flags(rows)
        return summary

    def _hours_nearby(
        self, device: str, quantities: Sequence[str], after: int, until: int
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
        """The ends of the hours that a period touches, and the neighbours' medians of them."""
        hours = np.arange(after // HOUR + 1, -(-until // HOUR) + 1, dtype=np.int64) * HOUR
        if (after, until) != self._period:
            self._medians.clear()
            self._period = after, until
        near = self._places.near_at(device, hours.tolist())
        nearby = {}
        for name in quantities:
            limit = self._limits.get(name)
            if limit is None or limit.neighbour_floor is None or not any(near):
                continue
            others = np.full((_MOST, len(hours)), np.nan)
            for n, some in enumerate(near):
                for k, other in enumerate(some):
                    others[k, n] = self._median(other, name, hours)[n]
            nearby[name] = others
        return hours, nearby

    def _median(self, device: str, quantity: str, hours: NDArray[np.int64]) -> NDArray[np.float64]:
        key = device, quantity
        if key not in self._medians:
            values = self._store.read(device, quantity, int(hours[0]) - HOUR, int(hours[-1]))
            self._medians[key] = hour_medians(quantity, values, hours)
        return self._medians[key]
