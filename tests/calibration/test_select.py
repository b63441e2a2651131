# SPDX-License-Identifier: EUPL-1.2
"""Judging on unseen days: gaps are kept, random splits refused, the ladder followed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration.align import HOUR
from calibration.blocks import GAP, folds
from calibration.errors import BadInput, RandomSplitRefused, TooLittleData
from calibration.models import Training, suiting
from calibration.select import choose
from tests.calibration.simulated import START, simulate


@given(st.integers(4, 60), st.floats(0.3, 1.0), st.integers(0, 1000))
def test_training_and_test_hours_never_come_within_a_day(days: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 24 * days
    t = START + HOUR * (1 + np.sort(rng.choice(n, int(share * n), replace=False)))
    tested = np.zeros(len(t), int)
    for train, test in folds(t):
        assert np.abs(t[train][:, None] - t[test][None, :]).min() >= GAP + HOUR
        tested += test
    assert tested.max() == 1


def test_every_hour_of_a_long_series_is_tested_once() -> None:
    t = START + HOUR * np.arange(1, 24 * 40 + 1)
    assert (sum(test.astype(int) for _, test in folds(t)) == 1).all()


def test_random_splits_are_refused() -> None:
    town = simulate(20)
    with pytest.raises(RandomSplitRefused, match="memory, not skill") as caught:
        calibration.cross_validate(town.t, town.sensor, town.reference, split="random")
    assert "blocked" in caught.value.hint
    chosen = np.random.default_rng(0).random(len(town.t)) < 0.2
    with pytest.raises(RandomSplitRefused, match="1 h from a training hour"):
        calibration.cross_validate(town.t, town.sensor, town.reference, split=[(~chosen, chosen)])


def test_a_split_in_time_with_a_gap_is_taken_and_without_is_not() -> None:
    town = simulate(20)
    train, test = town.t <= town.t[240], town.t > town.t[264]
    rows = calibration.cross_validate(town.t, town.sensor, town.reference, models=["ratio"], split=[(train, test)])
    assert {row.n for row in rows} == {int(test.sum())}
    with pytest.raises(RandomSplitRefused):
        calibration.cross_validate(
            town.t, town.sensor, town.reference, models=["ratio"], split=[(train, town.t > town.t[263])]
        )


def test_the_table_holds_raw_and_no_sensor_beside_the_models() -> None:
    town = simulate(40)
    rows = {row.model: row for row in calibration.cross_validate(town.t, town.sensor, town.reference)}
    assert list(rows) == ["raw", "no sensor", *suiting(tuple(town.sensor))]
    assert rows["guarded_blend"].rmse < rows["no sensor"].rmse < rows["raw"].rmse
    assert rows["raw"].mbe > 2
    with pytest.raises(BadInput):
        calibration.cross_validate(town.t, town.sensor, town.reference, models=["forest"])


def chosen(days: float, *, noise: float = 1.0) -> str:
    town = simulate(days, noise=noise)
    return choose(Training(town.t, town.sensor, town.reference)).name


def test_the_ladder() -> None:
    assert chosen(13) == "huber_line"
    assert chosen(40) == "guarded_blend"


def test_companions_that_mislead_are_left_out() -> None:
    rng = np.random.default_rng(6)
    town = simulate(16)
    raw = 2 * town.reference + rng.standard_normal(len(town.t))
    # They wander by themselves: whatever they seem to explain in one week is gone in the next.
    wandering = {f"wandering_{i}": np.cumsum(rng.standard_normal(len(raw))) for i in range(4)}
    assert choose(Training(town.t, {"raw": raw, **wandering}, town.reference)).name == "huber_line"


@pytest.mark.parametrize("days", [1, 3])
def test_too_little_is_refused_with_a_way_out(days: int) -> None:
    town = simulate(days)
    with pytest.raises(TooLittleData) as caught:
        calibration.fit(town.t, town.sensor, town.reference, quantity="pm25", unit="ug/m3")
    assert "weeks" in caught.value.hint
