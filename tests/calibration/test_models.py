# SPDX-License-Identifier: EUPL-1.2
"""Every model: finds what is there, says when it is out of its depth, and survives JSON bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from calibration.errors import BadInput, BadRecord
from calibration.features import build, feature_names
from calibration.metrics import rmse
from calibration.models import MODELS, Fitted, Training, model_from_json, model_named
from tests.calibration.simulated import Simulated, simulate

FEATURES = feature_names(("raw", "humidity", "temperature"))
every_model = pytest.mark.parametrize("name", MODELS)


def training(town: Simulated, model: str) -> Training:
    features = build(town.t, town.sensor, FEATURES).values
    wanted = MODELS[model].wanted(FEATURES)
    return Training(town.t, {name: features[name] for name in wanted}, town.reference)


def fitted(model: str, days: float = 40) -> tuple[Fitted, Training]:
    hours = training(simulate(days), model)
    return MODELS[model].fit(hours), hours


@every_model
def test_a_model_beats_the_raw_value_on_later_hours(name: str) -> None:
    model, _ = fitted(name)
    later = simulate(80).part(24 * 41, 24 * 80)
    value = model.apply(build(later.t, later.sensor, FEATURES).values).value
    assert rmse(value, later.reference) < 0.5 * rmse(later.sensor["raw"], later.reference)


def test_richer_models_see_the_humidity() -> None:
    later = simulate(80).part(24 * 41, 24 * 80)
    features = build(later.t, later.sensor, FEATURES).values
    error = {name: rmse(fitted(name)[0].apply(features).value, later.reference) for name in MODELS}
    assert error["ridge_interactions"] < error["ridge_linear"] < error["huber_line"]
    assert error["guarded_blend"] < error["ridge_linear"]


@every_model
def test_json_keeps_every_bit(name: str) -> None:
    model, hours = fitted(name)
    again = model_from_json(json.loads(json.dumps(model.to_json())))
    assert again == model
    for a, b in zip(again.apply(hours.features), model.apply(hours.features), strict=True):
        assert a.tobytes() == b.tobytes()


@every_model
def test_a_missing_feature_gives_no_value(name: str) -> None:
    model, hours = fitted(name)
    features = {k: v.copy() for k, v in hours.features.items()}
    features[model.features[-1]][3] = np.nan
    found = model.apply(features)
    assert np.isnan([found.value[3], found.u_model[3]]).all()
    assert np.isfinite(np.delete(found.value, 3)).all()


@every_model
def test_far_outside_is_said_and_less_sure(name: str) -> None:
    model, hours = fitted(name)
    features = {k: np.array([v.mean(), v.max() + 3 * np.ptp(v)]) for k, v in hours.features.items()}
    found = model.apply(features)
    assert found.outside[0] == 0
    assert found.outside[1] > 1
    assert found.u_model[1] > found.u_model[0]


@pytest.mark.parametrize("name", ["ridge_linear", "ridge_interactions", "guarded_blend"])
def test_the_guard_holds_values_near_the_training_range(name: str) -> None:
    model, hours = fitted(name)
    features = {k: np.array([-1e6, v.mean(), 1e6]) for k, v in hours.features.items()}
    found = model.apply(features)
    reach = 0.25 * np.ptp(hours.y) + 1e-9
    assert (found.value >= hours.y.min() - reach).all()
    assert (found.value <= hours.y.max() + reach).all()
    assert found.clamped.tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["ridge_linear", "huber_line"])
def test_parameter_uncertainty_is_that_of_repeated_campaigns(name: str) -> None:
    first = training(simulate(60, seed=100), name)
    middle = {k: np.array([v.mean()]) for k, v in first.features.items()}
    found = [MODELS[name].fit(training(simulate(60, seed=seed), name)).apply(middle) for seed in range(100, 130)]
    scatter = float(np.std([f.value[0] for f in found]))
    claimed = float(np.mean([f.u_model[0] for f in found]))
    assert 0.5 * scatter < claimed < 3 * scatter


def test_a_covariate_that_never_changes_does_no_harm() -> None:
    hours = training(simulate(30), "guarded_blend")
    still = Training(hours.t, {**hours.features, "temperature": np.full(len(hours.t), 12.5)}, hours.y)
    model = MODELS["guarded_blend"].fit(still)
    value = model.apply(still.features).value
    assert np.isfinite(value).all()
    moved = model.apply({**still.features, "temperature": np.full(len(hours.t), 20.0)})
    np.testing.assert_allclose(moved.value, value, atol=1e-6)
    assert (moved.outside > 0).all()


def test_names_that_are_no_model() -> None:
    with pytest.raises(BadInput) as caught:
        model_named("forest")
    assert "guarded_blend" in caught.value.hint
    with pytest.raises(BadRecord, match="forest"):
        model_from_json({"name": "forest"})


def test_a_ratio_needs_a_positive_mean() -> None:
    hours = training(simulate(10), "ratio")
    with pytest.raises(BadInput, match="no ratio"):
        MODELS["ratio"].fit(Training(hours.t, {"raw": -hours.features["raw"]}, hours.y))


@every_model
def test_late_training_hours_count_more(name: str) -> None:
    town = simulate(180)
    aged = np.arange(len(town.t)) >= len(town.t) // 2
    town.sensor["raw"][aged] *= 0.8
    later = town.part(len(town.t) - 240, len(town.t))
    model = MODELS[name].fit(training(town, name))
    value = model.apply(build(later.t, later.sensor, FEATURES).values).value
    # The mean of both gains would be off by a tenth on either side.
    assert abs(value.mean() / later.reference.mean() - 1) < 0.09


def test_the_blend_is_the_mean_of_its_halves() -> None:
    blend, hours = fitted("guarded_blend")
    linear, interactions = fitted("ridge_linear")[0], fitted("ridge_interactions")[0]
    halves = 0.5 * linear.apply(hours.features).value + 0.5 * interactions.apply(hours.features).value
    np.testing.assert_allclose(blend.apply(hours.features).value, halves, rtol=1e-12)
