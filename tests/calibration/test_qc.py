# SPDX-License-Identifier: EUPL-1.2
"""Hours with known faults are found, each by its own test, and sound ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration import BadInput
from calibration.qc import NOTED, SECOND, TESTS, inspect
from tests.calibration.simulated import simulate

TOWN = simulate(40)


def copy():
    return {name: x.copy() for name, x in TOWN.sensor.items()}


@pytest.mark.parametrize("seed", range(8))
def test_a_sound_sensor_loses_hardly_an_hour(seed):
    town = simulate(40, seed=seed)
    sound = {**town.sensor, "humidity": np.minimum(town.sensor["humidity"], 99)}
    assert inspect(town.t, sound, town.reference, plausible=(-10, 1000)).left_out.mean() < 0.002


def test_each_fault_is_found_by_its_own_test():
    sensor, reference = copy(), TOWN.reference.copy()
    sensor["humidity"] = np.minimum(sensor["humidity"], 99.0)
    sensor[SECOND] = sensor["raw"] * 1.02
    sensor["raw"][100:110] = sensor["raw"][100]
    sensor["raw"][200:209] = 0.0
    sensor["raw"][300] += 500
    sensor["raw"][400] = 5000.0
    sensor["humidity"][500:520] = 99.9
    sensor[SECOND][600:605] *= 4
    reference[700:715] = reference[700]
    masks = inspect(TOWN.t, sensor, reference, plausible=(0, 1000)).masks
    faults = {
        "stuck": range(100, 110), "zero": range(200, 209), "spike": [300, 400], "range": [400],
        "humidity": range(500, 520), "reference": range(700, 715),
    }  # fmt: skip
    assert list(masks) == list(TESTS)
    for name, where in faults.items():
        assert np.flatnonzero(masks[name]).tolist() == list(where), name
    assert {*range(600, 605), 300, 400} <= set(np.flatnonzero(masks["channels"]).tolist())


def test_humidity_is_noted_and_left_in():
    sensor = copy()
    sensor["humidity"][:] = 100.0
    found = inspect(TOWN.t, sensor, TOWN.reference)
    assert found.counts["humidity"] == len(TOWN.t) and found.left_out.sum() <= 2
    assert "humidity" in NOTED


def test_a_sensor_of_few_steps_is_not_stuck():
    sensor = copy()
    sensor["raw"] = np.round(sensor["raw"] / 20) * 20 + 1
    assert inspect(TOWN.t, sensor, TOWN.reference).masks["stuck"].mean() < 0.05


def test_a_peak_that_the_reference_sees_is_air():
    sensor, reference = copy(), TOWN.reference.copy()
    sensor["raw"][300] += 500
    reference[300] += 300
    assert not inspect(TOWN.t, sensor, reference).masks["spike"].any()


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="humidity has 5 hours"):
        inspect(TOWN.t, {"raw": TOWN.sensor["raw"], "humidity": np.ones(5)}, TOWN.reference)
    with pytest.raises(BadInput, match="rising"):
        inspect(TOWN.t[::-1], TOWN.sensor, TOWN.reference)


@given(st.lists(st.floats(-10, 50) | st.just(float("nan")) | st.just(0.0), max_size=60), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_any_hours_can_be_looked_at(values, seed):
    t = TOWN.t[np.sort(np.random.default_rng(seed).permutation(200)[: len(values)])]
    raw = np.array(values, float)
    found = inspect(t, {"raw": raw, SECOND: raw[::-1], "humidity": raw}, raw, plausible=(0, 40))
    assert all(mask.shape == t.shape for mask in found.masks.values())
    assert found.left_out.shape == t.shape and sum(found.counts.values()) >= int(found.left_out.sum())
    assert not found.masks["range"][np.isnan(raw)].any()
