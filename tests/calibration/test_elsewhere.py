# SPDX-License-Identifier: EUPL-1.2
"""Units, sites and seasons left out: nothing of them is learned from, and what they need is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration.align import DAY, HOUR
from calibration.elsewhere import BY, Pool, leave_out, pool, season_of, splits
from calibration.evaluation import Aim
from tests.calibration.simulated import simulate

AIM = Aim("pm25", "ug/m3", 25.0)
FACTORS = {"a": 1.0, "b": 1.1, "c": 0.9}


def street(days: int = 100, factors: dict[str, float] = FACTORS) -> Pool:
    """Units beside one reference, from January on, each with a gain and noise of its own; the third hangs elsewhere."""
    hours, site = {}, {}
    for number, (name, factor) in enumerate(factors.items()):
        town = simulate(days, seed=1)
        noise = np.random.default_rng(number).standard_normal(len(town.t))
        hours[name] = (town.t, {**town.sensor, "raw": factor * town.sensor["raw"] + noise}, town.reference)
        site[name] = np.full(len(town.t), "park" if name == "c" else "road", object)
    return pool(hours, site)


STREET = street()


@pytest.mark.parametrize("by", BY)
def test_nothing_of_what_is_left_out_is_learned_from_nor_any_hour_within_a_day(by: str) -> None:
    t, group = STREET.training.t, STREET.group(by)
    found = list(splits(STREET, by))
    assert len(found) == {"unit": 3, "site": 2, "season": 6}[by]
    for name, train, test in found:
        assert set(group[test]) == {name.split()[-1]} and name.split()[-1] not in set(group[train])
        apart = np.abs(t[train][:, None] - t[test][None, :]).min()
        assert apart - HOUR >= DAY
        if by == "season":
            assert set(STREET.unit[train]) == set(STREET.unit[test]) == {name.split()[0]}


def test_a_unit_is_judged_by_what_the_others_teach() -> None:
    rows = {(row.unit, row.model): row for row in leave_out(STREET, "unit", AIM, ["huber_line"])}
    for name, factor in FACTORS.items():
        others = np.mean([x for other, x in FACTORS.items() if other != name])
        slope = rows[name, "huber_line"].slope
        assert slope is not None and slope == pytest.approx(factor / others, rel=0.12)
        best, nothing = rows[name, "huber_line"].rmse, rows[name, "no sensor"].rmse
        assert best is not None and nothing is not None and best < 0.6 * nothing


def test_a_changed_answer_of_the_unit_left_out_changes_no_model() -> None:
    """Its own references in the judged hours are for judging only: errors move by just what they moved."""
    changed = street()
    last = (changed.unit == "a") & (changed.training.t > changed.training.t[-1] - 30 * DAY)
    moved = calibration.models.Training(
        changed.training.t, changed.training.features, np.where(last, changed.training.y + 50.0, changed.training.y)
    )
    changed = Pool(moved, changed.unit, changed.site, changed.season, changed.usable)
    plain = {row.model: row for row in leave_out(STREET, "unit", AIM, ["huber_line"]) if row.unit == "a"}
    other = {row.model: row for row in leave_out(changed, "unit", AIM, ["huber_line"]) if row.unit == "a"}
    share = float(last[STREET.unit == "a"].sum()) / plain["raw"].n
    for model in ("raw", "huber_line"):
        one, two = plain[model].bias, other[model].bias
        assert one is not None and two is not None
        assert two - one == pytest.approx(-50.0 * share, abs=1e-6)


def test_hours_that_quality_control_found_are_judged_and_not_learned_from() -> None:
    t = simulate(40).t
    bad = {"a": np.ones(len(t), bool), "b": np.zeros(len(t), bool)}
    hours = {name: (t, simulate(40, seed=seed).sensor, simulate(40).reference) for seed, name in enumerate("ab", 1)}
    pooled = pool(hours, None, bad)
    rows = leave_out(pooled, "unit", AIM, ["huber_line"])
    assert next(row for row in rows if row.unit == "b").refused.startswith("0 hours on 0 days")
    assert [row.n for row in rows if row.unit == "a"] == [384] * len([row for row in rows if row.unit == "a"])


@pytest.mark.parametrize(("by", "hint"), [("unit", "--unit"), ("site", "--site"), ("season", "season")])
def test_one_of_a_kind_cannot_be_left_out(by: str, hint: str) -> None:
    town = simulate(20)
    alone = pool({"": (town.t, town.sensor, town.reference)})
    with pytest.raises(calibration.TooLittleData, match="one " + by) as told:
        list(splits(alone, by))
    assert hint in told.value.hint


def test_other_ways_and_other_inputs_are_refused() -> None:
    with pytest.raises(calibration.BadInput, match="no way to leave out a 'random'"):
        list(splits(STREET, "random"))
    town = simulate(20)
    with pytest.raises(calibration.BadInput, match="different inputs"):
        pool({"a": (town.t, town.sensor, town.reference), "b": (town.t, {"raw": town.sensor["raw"]}, town.reference)})


@given(st.integers(0, 2**33))
def test_seasons_are_of_the_begin_of_an_hour(hour: int) -> None:
    end = hour // HOUR * HOUR
    months = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}
    month = int(str(np.datetime64(end - HOUR, "s"))[5:7])
    assert month in months[season_of(np.array([end]))[0]]
