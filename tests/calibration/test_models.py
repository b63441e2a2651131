# SPDX-License-Identifier: EUPL-1.2
"""Every model: finds what is there, says when it is out of its depth, and survives JSON bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration.errors import BadInput, BadRecord
from calibration.features import build, feature_names
from calibration.metrics import rmse
from calibration.models import MODELS, Fitted, Training, check_suits, model_from_json, model_named, suiting
from calibration.models.barkjohn import Barkjohn2021, Barkjohn2021Extended
from calibration.models.companions import Companions
from calibration.models.koehler import KoehlerLinear
from tests.calibration.simulated import Simulated, simulate

FEATURES = feature_names(("raw", "humidity", "temperature"))
FIXED = ("barkjohn_2021", "barkjohn_2021_extended")
every_model = pytest.mark.parametrize("name", MODELS)
every_fitted_model = pytest.mark.parametrize("name", [name for name in MODELS if name not in FIXED])


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


@every_fitted_model
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


@every_fitted_model
def test_late_training_hours_count_more(name: str) -> None:
    town = simulate(180)
    aged = np.arange(len(town.t)) >= len(town.t) // 2
    town.sensor["raw"][aged] *= 0.8
    later = town.part(len(town.t) - 240, len(town.t))
    model = MODELS[name].fit(training(town, name))
    value = model.apply(build(later.t, later.sensor, FEATURES).values).value
    # With equal weights the gain would be 0.9 instead of 0.8: off by 11 %.
    assert abs(value.mean() / later.reference.mean() - 1) < 0.1


def test_the_blend_is_the_mean_of_its_halves_where_it_has_been() -> None:
    blend, hours = fitted("guarded_blend")
    linear, interactions = fitted("ridge_linear")[0], fitted("ridge_interactions")[0]
    halves = 0.5 * linear.apply(hours.features).value + 0.5 * interactions.apply(hours.features).value
    value = blend.apply(hours.features).value
    same = np.isclose(value, halves, rtol=1e-12)
    assert same.mean() > 0.95  # the rest are the rarest of the training hours themselves


def test_the_blend_holds_companions_where_they_have_been_and_pays_for_it() -> None:
    blend, hours = fitted("guarded_blend")
    usual = {name: np.full(3, x.mean()) for name, x in hours.features.items()}
    hot = usual | {"temperature": np.array([10.0, 60.0, 120.0]), "temperature_lag1": np.array([10.0, 60.0, 120.0])}
    found = blend.apply(hot)
    free = 0.5 * blend.linear.apply(hot).value + 0.5 * blend.interactions.apply(hot).value  # type: ignore[attr-defined]
    held = 2 * found.value - free
    assert found.u_extrapolation[0] == pytest.approx(0, abs=1e-9)
    assert found.u_extrapolation[2] > found.u_extrapolation[1] > 0
    assert abs(held[2] - held[1]) < 0.2 * abs(free[2] - free[1])  # however hot it gets
    assert found.outside[2] > found.outside[1] > 0  # it is said all the same
    assert found.stretch.tolist() == [0, 0, 0]  # the sensor's own value is as usual


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_what_training_has_seen_is_hardly_moved_and_what_is_far_comes_back(companions: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((300, companions + 1)) @ rng.standard_normal((companions + 1, companions + 1))
    features = {"raw": mixed[:, 0]} | {f"c{k}": mixed[:, k + 1] for k in range(companions)}
    known = Companions.of(features)
    inside = known.held(features)
    unmoved = np.logical_and.reduce([np.isclose(inside[name], x) for name, x in features.items()])
    assert unmoved.mean() > 0.9
    far = known.held({name: x if name == "raw" else 100 * x for name, x in features.items()})
    again = known.held(far)
    for name, x in features.items():
        np.testing.assert_allclose(again[name], far[name], atol=1e-6)  # once is enough
        assert name != "raw" or (far[name] == x).all()
        assert np.abs(far[name]).max() < 20 * np.abs(x).max()


def test_hours_are_held_one_by_one() -> None:
    blend, hours = fitted("guarded_blend")
    stirred = {name: 3 * x for name, x in hours.features.items()}
    whole = blend.apply(stirred).value
    part = blend.apply({name: x[17:29] for name, x in stirred.items()}).value
    assert part.tobytes() == whole[17:29].tobytes()


def test_a_record_of_an_older_version_gives_what_it_gave() -> None:
    blend, hours = fitted("guarded_blend")
    old = blend.to_json()
    del old["companions"]
    halves = 0.5 * blend.linear.apply(hours.features).value + 0.5 * blend.interactions.apply(hours.features).value  # type: ignore[attr-defined]
    assert model_from_json(old).apply(hours.features).value.tobytes() == halves.tobytes()


def test_multiple_regression_is_least_squares() -> None:
    hours = training(simulate(40), "multiple_linear")
    names = tuple(hours.features)
    assert names == ("raw", "humidity", "temperature")
    weight = np.sqrt(hours.day_weight(hours.day))
    design = np.stack([np.ones_like(hours.y), *hours.features.values()], axis=1)
    b = np.linalg.lstsq(design * weight[:, None], hours.y * weight, rcond=None)[0]
    value = MODELS["multiple_linear"].fit(hours).estimate(hours.features).value
    reach = 0.25 * np.ptp(hours.y)
    np.testing.assert_allclose(value, np.clip(design @ b, hours.y.min() - reach, hours.y.max() + reach), rtol=1e-6)


@given(st.floats(0.05, 0.95), st.floats(0.3, 3), st.integers(0, 100))
def test_koehler_finds_the_growth_that_is_there(kappa: float, slope: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 24 * 30
    t = np.arange(1, n + 1, dtype=np.int64) * 3600
    dry, humidity = rng.uniform(2, 60, n), rng.uniform(30, 99, n)
    activity = np.minimum(humidity, 95) / 100
    raw = dry * (1 + kappa / 1.65 * activity / (1 - activity))
    model = KoehlerLinear.fit(Training(t, {"raw": raw, "humidity": humidity}, 1 + slope * dry))
    assert model.parameters[2] == pytest.approx(kappa, abs=0.0051)
    np.testing.assert_allclose(model.estimate({"raw": raw, "humidity": humidity}).value, 1 + slope * dry, rtol=0.03)


@pytest.mark.parametrize(
    ("pm", "humidity", "plain", "extended"),  # by hand
    [
        (10.0, 50.0, 5.24 - 4.31 + 5.75, 5.24 - 4.31 + 5.75),
        (40.0, 60.0, 20.96 - 5.172 + 5.75, (0.786 * 0.5 + 0.524 * 0.5) * 40 - 5.172 + 5.75),
        (100.0, 20.0, 52.4 - 1.724 + 5.75, 78.6 - 1.724 + 5.75),
        (235.0, 30.0, 123.14 - 2.586 + 5.75,
         (0.69 * 0.5 + 0.786 * 0.5) * 235 - 2.586 * 0.5 + 2.966 * 0.5 + 5.75 * 0.5 + 8.84e-4 * 235**2 * 0.5),
        (400.0, 30.0, 209.6 - 2.586 + 5.75, 2.966 + 0.69 * 400 + 8.84e-4 * 160_000),
        (0.0, 100.0, -2.87, 0.0),
    ],
)  # fmt: skip
def test_published_corrections_at_points_computed_by_hand(
    pm: float, humidity: float, plain: float, extended: float
) -> None:
    at = (np.array([pm]), np.array([humidity]))
    assert Barkjohn2021.corrected(*at)[0] == pytest.approx(plain, abs=1e-12)
    assert Barkjohn2021Extended.corrected(*at)[0] == pytest.approx(extended, abs=1e-12)


@given(st.floats(0, 100), st.sampled_from([30.0, 50.0, 210.0, 260.0]))
def test_the_pieces_of_the_extended_correction_meet(humidity: float, edge: float) -> None:
    pm = np.array([edge - 1e-7, edge, edge + 1e-7])
    value = Barkjohn2021Extended.corrected(pm, np.full(3, humidity))
    assert np.abs(np.diff(value)).max() < 1e-5
    rising = Barkjohn2021Extended.corrected(np.arange(0.0, 600.0), np.full(600, humidity))
    assert (np.diff(rising) >= 0).all()


def cell(seed: int, days: int = 30) -> tuple[Training, Training]:
    """An electrochemical cell: its zero moves with the temperature, and it feels another gas; training and later."""
    rng = np.random.default_rng(seed)
    n = 24 * days
    t = np.arange(1, n + 1, dtype=np.int64) * 3600
    gas, other = 20 + 15 * rng.random(n), 30 * rng.random(n)
    temperature = 15 + 10 * np.sin(2 * np.pi * np.arange(n) / 24) + rng.standard_normal(n)
    auxiliary = 230 + 0.8 * temperature + rng.standard_normal(n)
    sensitivity = 0.3 * (1 + 0.004 * (temperature - 20))
    working = sensitivity * (gas + other) + 225 + 0.9 * (auxiliary - 230) + 0.2 * rng.standard_normal(n)
    beside = 220 + 0.25 * other + 0.2 * rng.standard_normal(n)
    hours = Training(t, {"raw": working, "auxiliary": auxiliary, "beside": beside, "temperature": temperature}, gas)
    early = t <= t[2 * n // 3]
    return hours.rows(early), hours.rows(~early)


@given(st.integers(0, 1000))
def test_a_cell_is_read_from_all_of_its_electrodes(seed: int) -> None:
    train, later = cell(seed)
    found = rmse(MODELS["electrochemical"].fit(train).estimate(later.features).value, later.y)
    alone = rmse(MODELS["huber_line"].fit(train.only(("raw",))).estimate(later.features).value, later.y)
    assert found < 2 < 3 * found < alone


def test_a_model_that_lacks_something_says_what() -> None:
    with pytest.raises(BadInput, match="koehler_linear needs the input 'humidity'") as caught:
        check_suits(MODELS["koehler_linear"], ("raw", "temperature"))
    assert "huber_line" in caught.value.hint and "koehler_linear" not in caught.value.hint
    with pytest.raises(BadInput, match="electrochemical needs an electrode beside the working one"):
        check_suits(MODELS["electrochemical"], ("raw", "temperature", "humidity"))
    with pytest.raises(BadInput, match="electrochemical needs the input 'temperature'"):
        check_suits(MODELS["electrochemical"], ("raw", "auxiliary"))
    with pytest.raises(BadInput, match="barkjohn_2021 is a published correction for pm25, not for pm10"):
        check_suits(MODELS["barkjohn_2021"], ("raw", "humidity"), "pm10")
    town = simulate(20)
    with pytest.raises(BadInput, match="for pm25, not for o3"):
        calibration.fit(town.t, town.sensor, town.reference, quantity="o3", unit="ppb", model="barkjohn_2021")
    with pytest.raises(BadInput, match="needs an electrode"):
        calibration.cross_validate(town.t, town.sensor, town.reference, models=["electrochemical"])


def test_models_that_suit() -> None:
    assert suiting(("raw",)) == ("ratio", "huber_line", "multiple_linear", "ridge_linear", "ridge_interactions",
                                 "guarded_blend")  # fmt: skip
    assert set(MODELS) - set(suiting(("raw", "aux", "humidity", "temperature"))) == set(FIXED)
    assert set(suiting(("raw", "aux", "humidity", "temperature"), "pm25")) == set(MODELS)
