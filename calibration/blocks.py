# SPDX-License-Identifier: EUPL-1.2
"""Blocks of days for judging a model on hours that it has not seen, a whole day away from those it has.

Neighbouring hours are almost copies of each other. A random split puts copies of the test hours into the training
hours, and what it then shows is memory, not skill; on electrochemical NO2 it turned a useless model into a good one.
Days come in, blocks and masks go out; called by the ridge models and by `calibration.select`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from calibration.align import DAY, HOUR, Bools, Ints
from calibration.errors import RandomSplitRefused
from calibration.stats import day_of

BLOCKS = 8
GAP = DAY  # s between the end of a training hour and the start of a test hour, or the other way round


def day_blocks(days: Ints) -> list[Ints]:
    """Days with data, in at most eight runs of equal length in time order; of two days or more where they can be."""
    unique = np.unique(days)
    return np.array_split(unique, min(BLOCKS, max(2, len(unique) // 2)))


def days_apart(days: Ints, block: Ints) -> Bools:
    """Which days lie with a whole day between them and the block."""
    return np.asarray((days < block[0] - 1) | (days > block[-1] + 1))


def folds(t: Ints) -> Iterator[tuple[Bools, Bools]]:
    """Training and test masks, one pair per block of days; pairs without a training hour are left out."""
    day = day_of(t)
    for block in day_blocks(day):
        train = days_apart(day, block)
        if train.any():
            yield train, np.isin(day, block)


def check_split(t: Ints, splits: Sequence[tuple[Bools, Bools]]) -> None:
    """Refuse splits whose training and test hours are less than a day apart.

    Raises
    ------
    RandomSplitRefused
        For any such pair, as every random split has.
    """
    for train, test in splits:
        if not (train.any() and test.any()):
            continue
        train_t, test_t = np.sort(t[train]), t[test]
        place = np.searchsorted(train_t, test_t)
        after = train_t[np.minimum(place, len(train_t) - 1)]
        before = train_t[np.maximum(place - 1, 0)]
        nearest = np.minimum(np.abs(after - test_t), np.abs(before - test_t)).min()
        if nearest - HOUR < GAP:
            raise RandomSplitRefused(
                f"A test hour lies {nearest // HOUR} h from a training hour: such a split shows memory, not skill.",
                "Split by time, in blocks, and leave 24 hours between training and test; the default does.",
            )
