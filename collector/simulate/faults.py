# SPDX-License-Identifier: EUPL-1.2
"""What goes wrong in a simulated kit's life: power cuts, unknown and wrong clocks, repetitions, two readings at once.

The intervals that a perfect kit would report go in; the rows that this kit really sends come out, in order, with
their numbers and time labels. `Kit` fills them with values. The collector is to keep each good row once, and to
refuse the rest with the reason that belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from collector.simulate.signals import DAY, Times

Mask = NDArray[np.bool_]

YEAR_2099 = 4_070_908_800  # s since 1970
REPEATED_AFTER = 45  # rows: a repetition comes in a later message


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong. Shares are of readings unless said otherwise; all are 0 to 1."""

    power_cuts: float = 0.2  # per day; each starts a new boot
    timeless_boots: float = 0.4  # share of boots that begin without knowing the time
    wrong_clock: float = 0.0005  # where one to four readings in 1970 or 2099 begin
    conflict: float = 0.0005  # two readings with one time
    repeat: float = 0.004  # sent again though acknowledged
    unheard: float = 0.001  # with a quantity that nobody knows
    spike: float = 0.0007  # an insect in the particle sensor
    silent: float = 0.003  # the particle sensor did not answer


NO_FAULTS = Faults(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class History:
    """The rows that a kit sends, as arrays of one length."""

    row: NDArray[np.intp]  # which interval each row is of
    first: NDArray[np.intp]  # the row of which each is a repetition; itself if it is none
    boot: Times
    seq: Times  # counts from 1 in each boot
    label: Times  # the end of the interval as the kit believes it to be
    aged: Mask
    again: Mask
    unheard: Mask
    spike: Mask
    silent: Mask


def draw_history(rng: Generator, t: Times, faults: Faults) -> History:
    """A kit's life over the intervals that end at `t`.

    The first boot has the number of the first interval's end, so that two simulations on one collector, one started
    after the other, never share a boot.
    """
    there, cuts = _power(rng, t, faults)
    row = np.flatnonzero(there)
    boot = t[0] + cuts[row]
    aged = _timeless(rng, boot, faults)
    label = _labels(rng, t[row], boot, aged, faults)
    sound = ~aged & (label == t[row])

    twice = sound & (rng.random(len(row)) < faults.conflict)
    row, boot, aged, label, sound = (np.repeat(a, 1 + twice) for a in (row, boot, aged, label, sound))
    starts = np.flatnonzero(np.diff(boot, prepend=-1))
    seq = 1 + np.arange(len(row)) - np.repeat(starts, np.diff(starts, append=len(row)))

    repeated = np.flatnonzero(sound & (rng.random(len(row)) < faults.repeat))
    last = np.append(starts[1:], len(row))[np.searchsorted(starts, repeated, "right") - 1] - 1
    place = np.concatenate([np.arange(len(row)), np.minimum(repeated + REPEATED_AFTER, last) + 0.5])
    origin = np.concatenate([np.arange(len(row)), repeated])[order := np.argsort(place, kind="stable")]
    again = order >= len(row)
    # Where in the final order each origin's own row is.
    own = np.flatnonzero(~again)

    n = len(origin)
    return History(
        row=row[origin],
        first=own[origin],
        boot=boot[origin],
        seq=seq[origin],
        label=label[origin],
        aged=aged[origin],
        again=again,
        unheard=rng.random(n) < faults.unheard,
        spike=rng.random(n) < faults.spike,
        silent=rng.random(n) < faults.silent,
    )


def _power(rng: Generator, t: Times, faults: Faults) -> tuple[Mask, Times]:
    """Whether the kit has power at the end of each interval, and how many cuts it had until then."""
    n = rng.poisson(faults.power_cuts * (t[-1] - t[0]) / DAY)
    begin = np.sort(rng.uniform(t[0], t[-1], n))
    length = np.clip(1800 * np.exp(1.5 * rng.standard_normal(n)), 60, DAY / 2)  # half an hour, at times half a day
    there = np.ones(len(t), np.bool_)
    for b, end in zip(begin, begin + length, strict=True):
        there[np.searchsorted(t, b) : np.searchsorted(t, end)] = False
    there[0] = True  # a kit without any reading would be none
    return there, np.searchsorted(begin, t, "right").astype(np.int64)


def _timeless(rng: Generator, boot: Times, faults: Faults) -> Mask:
    """The first readings of some boots, made before the network told the time."""
    aged = np.zeros(len(boot), np.bool_)
    for first in np.flatnonzero(np.diff(boot, prepend=-1)):
        if rng.random() < faults.timeless_boots:
            some = slice(first, first + rng.integers(3, 46))
            aged[some] = boot[some] == boot[first]
    return aged


def _labels(rng: Generator, t: Times, boot: Times, aged: Mask, faults: Faults) -> Times:
    """The time that the kit writes on each reading; now and then its clock has fallen back to 1970, or on to 2099."""
    label = t.copy()
    for first in np.flatnonzero(rng.random(len(t)) < faults.wrong_clock):
        some = slice(first, first + rng.integers(1, 5))
        base = YEAR_2099 if rng.random() < 0.3 else 0
        label[some] = np.where(boot[some] == boot[first], base + t[some] - t[0] + 1, t[some])
    return np.where(aged, t, label)
