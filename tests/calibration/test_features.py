# SPDX-License-Identifier: EUPL-1.2
"""Features: the hour before is one hour before, or openly replaced."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.align import HOUR
from calibration.errors import BadInput
from calibration.features import build, feature_names, previous_hour
from tests.calibration.simulated import START


def test_the_hour_before_must_exist() -> None:
    t = START + HOUR * np.array([1, 2, 4, 5])
    np.testing.assert_array_equal(previous_hour(t, np.array([1.0, 2.0, 4.0, 5.0])), [np.nan, 1.0, np.nan, 4.0])


def test_a_missing_hour_before_is_replaced_and_flagged() -> None:
    t = START + HOUR * np.array([1, 2, 3, 5])
    inputs = {"raw": np.array([1.0, np.nan, 3.0, 5.0]), "humidity": np.array([50.0, 60.0, 70.0, 80.0])}
    found = build(t, inputs, feature_names(("raw", "humidity")))
    assert list(found.values) == ["raw", "humidity", "raw_lag1", "humidity_lag1"]
    np.testing.assert_array_equal(found.values["raw_lag1"], [1.0, 1.0, 3.0, 5.0])
    np.testing.assert_array_equal(found.values["humidity_lag1"], [50.0, 50.0, 60.0, 80.0])
    assert found.lag_replaced.tolist() == [True, False, True, True]


def test_inputs_that_do_not_fit_are_refused() -> None:
    t = START + HOUR * np.array([1, 2])
    with pytest.raises(BadInput, match="'humidity' is missing") as caught:
        build(t, {"raw": np.zeros(2)}, ("raw", "humidity"))
    assert "raw, humidity" in caught.value.hint
    with pytest.raises(BadInput, match="shape"):
        build(t, {"raw": np.zeros(3)}, ("raw",))
