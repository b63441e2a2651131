# SPDX-License-Identifier: EUPL-1.2
"""One sensor is judged on hours that no model learned from, beside the raw value and no sensor at all."""

from __future__ import annotations

import numpy as np
import pytest

import calibration
from calibration.align import DAY, HOUR
from calibration.errors import TooLittleData
from calibration.evaluation import Aim, Evaluation, evaluate_unit, mean_rows, split_by_time
from calibration.metrics import mae, rmse
from tests.calibration.simulated import Simulated, simulate

AIM = Aim("pm25", "ug/m3", 25.0)
TOWN = simulate(60)


def judged(town: Simulated, **how: object) -> Evaluation:
    return evaluate_unit(town.t, town.sensor, town.reference, AIM, **how)  # type: ignore[arg-type]


FOUND = judged(TOWN, unit="a")
ROWS = {row.model: row for row in FOUND.rows}


def test_training_and_test_lie_a_day_apart_at_sixty_percent_of_the_time() -> None:
    known = np.ones(len(TOWN.t), bool)
    known[:240] = False  # nothing known in the first ten days: they do not count as time
    train, test = split_by_time(TOWN.t, known)
    first, last = TOWN.t[240], TOWN.t[-1]
    assert TOWN.t[train][-1] == first + (0.6 * (last - first) // HOUR) * HOUR
    assert TOWN.t[test][0] - TOWN.t[train][-1] > DAY
    assert test[-1]


def test_the_table_has_raw_no_sensor_and_every_model() -> None:
    assert list(ROWS) == ["raw", "no sensor", *calibration.MODELS]
    assert [row.model for row in FOUND.rows if row.chosen] == [FOUND.record.model.name]
    assert all(row.n == FOUND.test.sum() for row in FOUND.rows if not row.refused)


def test_measures_are_those_of_the_test_hours() -> None:
    chosen = ROWS[FOUND.record.model.name]
    value, y = FOUND.found.value[FOUND.test], TOWN.reference[FOUND.test]
    assert chosen.rmse == rmse(value, y)
    assert chosen.mae == mae(value, y)
    assert chosen.bias == pytest.approx(float(np.mean(value - y)))
    assert chosen.coverage90 is not None and 0.8 < chosen.coverage90 <= 1
    assert chosen.expanded is not None and chosen.expanded < ROWS["raw"].expanded
    constant = TOWN.reference[FOUND.train].mean()
    assert ROWS["no sensor"].rmse == pytest.approx(rmse(np.full_like(y, constant), y))
    assert ROWS["no sensor"].r2 is None


def test_no_test_hour_has_any_part_in_the_choice() -> None:
    reference = TOWN.reference.copy()
    reference[FOUND.test] = reference[FOUND.test][::-1] * 3
    other = evaluate_unit(TOWN.t, TOWN.sensor, reference, AIM, unit="a")
    assert other.record.id == FOUND.record.id
    assert FOUND.record.training.end <= TOWN.t[FOUND.test][0] - DAY


def test_hours_left_out_are_kept_from_training_and_count_in_the_test() -> None:
    left_out = np.zeros(len(TOWN.t), bool)
    left_out[100:200] = left_out[-50:] = True
    found = judged(TOWN, left_out=left_out)
    assert found.record.training.hours == FOUND.record.training.hours - 100
    assert found.rows[0].n == FOUND.rows[0].n


def test_a_raw_value_in_other_units_has_no_error() -> None:
    aim = Aim("no2", "ppb", raw_comparable=False)
    raw = evaluate_unit(TOWN.t, TOWN.sensor, TOWN.reference, aim).rows[0]
    assert raw.rmse is None and raw.bias is None and raw.slope is None
    assert raw.r2 == pytest.approx(ROWS["raw"].r2)


def test_a_model_that_is_refused_says_why_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(training: object) -> None:
        raise TooLittleData("This needs two summers.")

    monkeypatch.setattr(calibration.MODELS["ratio"], "fit", refuse)
    rows = {row.model: row for row in judged(TOWN).rows}
    assert rows["ratio"].refused == "This needs two summers."
    assert rows["ratio"].rmse is None
    assert rows["huber_line"].rmse is not None
    means = {row.model for row in mean_rows([FOUND.rows, judged(TOWN).rows])}
    assert "ratio" not in means and "huber_line" in means


def test_means_are_over_units() -> None:
    other = judged(simulate(50, seed=3), unit="b")
    means = {row.model: row for row in mean_rows([FOUND.rows, other.rows])}
    line = [next(row.rmse for row in one.rows if row.model == "huber_line") for one in (FOUND, other)]
    assert means["huber_line"].rmse == pytest.approx(np.mean(line))
    assert means["chosen"].chosen
    assert means["chosen"].n == FOUND.rows[0].n + other.rows[0].n


@pytest.mark.parametrize("hours", [1, 20, 100])
def test_too_few_pairs_are_refused_with_their_number(hours: int) -> None:
    town = simulate(60)
    reference = np.where(np.arange(len(town.t)) < hours, town.reference, np.nan)
    with pytest.raises(TooLittleData, match=f"Too few pairs: {hours} hours") as caught:
        evaluate_unit(town.t, town.sensor, reference, AIM)
    assert "four weeks are good" in caught.value.hint
