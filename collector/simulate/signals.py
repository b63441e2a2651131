# SPDX-License-Identifier: EUPL-1.2
"""Building blocks of the simulated city: noise with a memory, civil time, daily patterns, hourly means.

Arrays over time are sampled at `t`, the ends of one-minute intervals in s since 1970, UTC. Called by the modules beside
it; nothing here knows what the numbers mean.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from collector.quantities import Averaging

Array = NDArray[np.float64]
Times = NDArray[np.int64]

MINUTE, HOUR, DAY = 60, 3600, 86400


class Civil(NamedTuple):
    """Local civil time of each interval's middle."""

    hour: Array  # 0 to 24
    weekday: Times  # Monday is 0
    day: Times  # whole local days since 1970-01-01
    year_share: Array  # 0 on 1 January, 1 a year later


def stream(seed: int, *key: int) -> Generator:
    """A generator of its own for each purpose and place, so that no result hangs on the order of calls."""
    return np.random.default_rng([seed, *key])


def civil(t: Times, zone: ZoneInfo) -> Civil:
    """Civil time with its changes between summer and winter time."""
    middle = t - MINUTE // 2
    hours, which = np.unique(middle // HOUR, return_inverse=True)  # offsets change on whole hours only
    offsets = [datetime.fromtimestamp(h * HOUR, zone).utcoffset() for h in hours.tolist()]
    local = middle + np.array([o.total_seconds() if o else 0 for o in offsets], np.int64)[which]
    day = local // DAY
    january = day.astype("M8[D]").astype("M8[Y]").astype("M8[D]").astype(np.int64)
    since = (local - january * DAY) / DAY
    return Civil(local % DAY / HOUR, (day + 3) % 7, day, since / 365.25)


def coloured(rng: Generator, n: int, memory: float) -> Array:
    """`n` steps of Gaussian noise, mean 0 and variance 1, whose correlation falls to 1/e after `memory` steps."""
    kernel = np.exp(-np.arange(max(1, round(5 * memory))) / memory)
    kernel /= np.sqrt(np.sum(kernel**2))
    return np.convolve(rng.standard_normal(n + len(kernel) - 1), kernel, "valid")


def slow(rng: Generator, t: Times, hours: float) -> Array:
    """Coloured noise with a memory of hours to days, drawn hourly and joined by straight lines."""
    knots = np.arange(t[0] // HOUR, t[-1] // HOUR + 2) * HOUR
    return np.interp(t, knots, coloured(rng, len(knots), hours))


def lagged(values: Array, minutes: float) -> Array:
    """What an instrument shows that follows with a time constant (first-order low-pass)."""
    if minutes <= 0:
        return values
    kernel = np.exp(-np.arange(max(1, round(6 * minutes))) / minutes)
    padded = np.concatenate([np.full(len(kernel) - 1, values[0]), values])
    return np.convolve(padded, kernel / kernel.sum(), "valid")


def bump(hour: Array, centre: float, width: float) -> Array:
    """A bell of height 1 on the clock's circle [h]."""
    distance = (hour - centre + 12) % 24 - 12
    return np.exp(-0.5 * (distance / width) ** 2)


def energy_mean(levels: Array, axis: int | None = None) -> Array:
    """The level of the mean energy [dB]: 10 lg mean 10^(L/10)."""
    return 10 * np.log10(np.asarray(np.mean(10 ** (levels / 10), axis=axis), np.float64))


def hourly(t: Times, values: Array, averaging: Averaging = Averaging.MEAN) -> tuple[Times, Array]:
    """Whole UTC hours of a minute series without holes, labelled at their ends, averaged by the quantity's rule."""
    first = int(-t[0] + MINUTE) % HOUR // MINUTE  # minutes before the first whole hour begins
    n = (len(t) - first) // 60
    ends = t[first + 59 : first + 60 * n : 60]
    blocks = values[first : first + 60 * n].reshape(n, 60)
    match averaging:
        case Averaging.MEAN:
            return ends, blocks.mean(axis=1)
        case Averaging.ENERGY_MEAN:
            return ends, energy_mean(blocks, axis=1)
        case Averaging.MAXIMUM:
            return ends, blocks.max(axis=1)
        case Averaging.MINIMUM:
            return ends, blocks.min(axis=1)
        case Averaging.NONE:
            raise ValueError("a percentile of levels has no hourly mean")
