# SPDX-License-Identifier: EUPL-1.2
"""Fit, evaluate: on a town whose truth is known, and on real sensors beside real stations."""

from __future__ import annotations

import numpy as np
import pytest

import calibration
from calibration import BadInput, TooLittleData
from calibration.align import DAY
from tests.calibration.colocations import LOVE_MY_AIR, TOCO_O3, TOCO_PM, Campaign, read
from tests.calibration.simulated import Simulated, simulate
from tests.parts import data


def fit(town: Simulated, **options: object) -> calibration.Record:
    return calibration.fit(town.t, town.sensor, town.reference, quantity="pm25", unit="ug/m3", **options)  # type: ignore[arg-type]


def test_a_fit_is_judged_on_later_hours() -> None:
    town = simulate(80)
    record = fit(town.part(0, 960))
    found = calibration.evaluate(record, town.t, town.sensor, town.reference)
    # From the end of training on: 24 hours of gap, and the rest.
    assert found.n == len(town.t) - 960 - 24
    assert found.rmse < 0.25 * found.raw_rmse
    assert found.rmse < 0.5 * found.no_sensor_rmse
    assert abs(found.mbe) < 1
    assert 0.85 < found.coverage90 < 0.98
    assert found.slope == pytest.approx(1, abs=0.15)


def test_training_hours_are_never_evaluated() -> None:
    town = simulate(40)
    record = fit(town)
    with pytest.raises(TooLittleData, match="outside of the training") as caught:
        calibration.evaluate(record, town.t, town.sensor, town.reference)
    assert "scores" in caught.value.hint
    after = simulate(80).part(960, 1920)
    judged = calibration.evaluate(record, after.t, after.sensor, after.reference)
    assert judged.n == int((after.t - 3600 >= town.t[-1] + DAY).sum())


def test_gaps_cost_hours_and_are_counted() -> None:
    town = simulate(30)
    town.sensor["humidity"][100:110] = np.nan
    town.reference[200:220] = np.nan
    record = fit(town)
    assert record.training.hours == 720 - 30
    assert record.training.dropped == 30


def test_an_expanded_uncertainty_is_claimed_only_with_reason() -> None:
    town = simulate(40)
    assert fit(town).expanded is None
    assert fit(town, limit_value=1000.0).expanded is None  # the reference never came near
    assert fit(town.part(0, 24 * 12), limit_value=25.0).expanded is None  # twelve days
    claimed = fit(town, limit_value=25.0).expanded
    assert claimed is not None
    assert 1 < claimed.percent < 50


def test_hashes_name_the_data() -> None:
    town = simulate(30)
    first = fit(town)
    town.reference[50] += 1e-9
    second = fit(town)
    assert first.training.sensor_hash == second.training.sensor_hash
    assert first.training.reference_hash != second.training.reference_hash


def test_wrong_arrays_are_refused() -> None:
    town = simulate(20)
    with pytest.raises(BadInput, match="own values") as caught:
        calibration.fit(town.t, {"pm25": town.reference}, town.reference, quantity="pm25", unit="ug/m3")
    assert "'raw'" in caught.value.hint
    with pytest.raises(BadInput, match="reference has shape"):
        calibration.fit(town.t, town.sensor, town.reference[:-1], quantity="pm25", unit="ug/m3")
    with pytest.raises(BadInput, match="no model"):
        fit(town, model="forest")


def test_daily_means_need_three_quarters_of_a_day() -> None:
    town = simulate(3)
    x = np.arange(72.0)
    x[24:31] = np.nan  # 17 hours left of the second day
    days, (means,) = calibration.daily_means(town.t, x)
    assert (days - days[0]).tolist() == [0, 2]
    assert means.tolist() == [11.5, 59.5]


@pytest.mark.parametrize(
    ("campaign", "must"),
    [(LOVE_MY_AIR, 2.85), (TOCO_PM, 1.35), (TOCO_O3, 3.1)],
    ids=["Love My Air PM2.5", "Toco Toucan PM2.5", "Toco Toucan O3"],
)
def test_real_sensors_beside_real_stations(campaign: Campaign, must: float) -> None:
    units = read(campaign, data(campaign.file))
    found = [calibration.evaluate(u.fit(campaign), u.t, u.sensor, u.reference) for u in units]
    assert np.mean([m.rmse for m in found]) <= must
    assert all(m.rmse < m.raw_rmse for m in found)
    assert all(m.rmse < m.no_sensor_rmse for m in found)
    if campaign.quantity == "pm25":
        assert all(m.coverage90 > 0.88 for m in found)
