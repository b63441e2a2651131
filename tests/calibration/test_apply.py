# SPDX-License-Identifier: EUPL-1.2
"""Applying a record: the same bytes in any piece, on any day; and flags that say what was amiss."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration import BadInput, Flag, Lineage, Record
from calibration.models import suiting
from tests.calibration.simulated import simulate

TOWN = simulate(60)
TRAIN = TOWN.part(0, 960)
RECORDS = {
    name: calibration.fit(TRAIN.t, TRAIN.sensor, TRAIN.reference, quantity="pm25", unit="ug/m3", model=name)
    for name in suiting(("raw", "humidity", "temperature"), "pm25")
}
BLEND = RECORDS["guarded_blend"]
WHOLE = {name: calibration.apply(record, TOWN.sensor, TOWN.t) for name, record in RECORDS.items()}


@given(st.sampled_from(sorted(RECORDS)), st.integers(1, 1400), st.integers(0, 100))
def test_a_part_is_the_part_of_the_whole(name: str, start: int, length: int) -> None:
    # One hour before the part, for the models that look at it.
    piece = TOWN.part(start - 1, start + length)
    found = calibration.apply(RECORDS[name], piece.sensor, piece.t)
    for field in dataclasses.fields(found):
        part = getattr(found, field.name)[1:]
        assert part.tobytes() == getattr(WHOLE[name], field.name)[start : start + length].tobytes()


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_from_json_gives_the_same_bytes(name: str) -> None:
    again = calibration.apply(Record.from_json(RECORDS[name].to_json()), TOWN.sensor, TOWN.t)
    for field in dataclasses.fields(again):
        assert getattr(again, field.name).tobytes() == getattr(WHOLE[name], field.name).tobytes()


def test_memory_layout_does_not_matter() -> None:
    strided = {name: np.repeat(x, 3)[::3] for name, x in TOWN.sensor.items()}
    found = calibration.apply(BLEND, strided, TOWN.t)
    assert found.value.tobytes() == WHOLE["guarded_blend"].value.tobytes()
    assert found.u.tobytes() == WHOLE["guarded_blend"].u.tobytes()


def test_intervals_hold_the_value_and_the_truth() -> None:
    found = WHOLE["guarded_blend"]
    assert (found.lower < found.value).all()
    assert (found.value < found.upper).all()
    later = slice(984, None)
    inside = (TOWN.reference >= found.lower) & (TOWN.reference <= found.upper)
    assert 0.85 < inside[later].mean() < 0.98


def test_flags() -> None:
    town = TOWN.part(0, 50)
    keep = np.arange(50) != 20
    sensor = {name: x[keep].copy() for name, x in town.sensor.items()}
    sensor["humidity"][5] = np.nan
    sensor["raw"][30] = 1e4
    found = calibration.apply(BLEND, sensor, town.t[keep])
    assert found.flag[5] == Flag.MISSING
    assert np.isnan([found.value[5], found.u[5], found.lower[5], found.upper[5]]).all()
    assert found.flag[6] & Flag.LAG_REPLACED  # its humidity_lag1
    assert found.flag[20] & Flag.LAG_REPLACED  # after the hole
    assert found.flag[30] & Flag.CLAMPED
    assert found.flag[30] & Flag.OUTSIDE
    assert found.outside[30]
    assert found.u[30] > 5 * found.u[29]
    assert found.flag[10] == 0


def test_validity() -> None:
    limits = Lineage(valid_from=int(TOWN.t[9]), valid_until=int(TOWN.t[19]))
    found = calibration.apply(dataclasses.replace(BLEND, lineage=limits), TOWN.sensor, TOWN.t)
    not_valid = (found.flag & Flag.NOT_VALID) > 0
    assert np.flatnonzero(~not_valid).tolist() == list(range(10, 20))


def test_a_clock_that_was_found_late_is_corrected_in_both() -> None:
    late = {name: np.concatenate([x[:2], x[:-2]]) for name, x in TOWN.sensor.items()}
    fit = calibration.fit
    as_is, corrected = (
        fit(TOWN.t, late, TOWN.reference, quantity="pm25", unit="ug/m3", correct_lag=correct)
        for correct in (False, True)
    )
    assert as_is.alignment.lag_hours == corrected.alignment.lag_hours == 2.0
    assert (as_is.alignment.corrected, corrected.alignment.corrected) == (False, True)

    def error(record: Record) -> float:
        value = calibration.apply(record, late, TOWN.t).value
        return float(np.nanmean((value - TOWN.reference) ** 2))

    assert error(corrected) < 0.25 * error(as_is)


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadInput, match="'humidity' is missing") as caught:
        calibration.apply(BLEND, {"raw": TOWN.sensor["raw"]}, TOWN.t)
    assert "raw, humidity, temperature" in caught.value.hint
    with pytest.raises(BadInput, match="shape"):
        calibration.apply(BLEND, {**TOWN.sensor, "humidity": np.zeros(3)}, TOWN.t)
    with pytest.raises(BadInput, match="whole hours"):
        calibration.apply(BLEND, TOWN.sensor, TOWN.t // 2)


def test_no_hours_give_no_hours() -> None:
    none = TOWN.part(0, 0)
    assert len(calibration.apply(BLEND, none.sensor, none.t).value) == 0
