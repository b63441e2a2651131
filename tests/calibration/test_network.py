# SPDX-License-Identifier: EUPL-1.2
"""A network against the made-up town: what it gains, that it never looks ahead, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calibration.errors import BadInput, NoBetter, TooLittleData
from calibration.network import (
    Network,
    StationRules,
    apply_factors,
    blend,
    calibrate_network,
    choose_stations,
    find_slips,
    groups,
    interpolate_hourly,
    report_stations,
    score_network,
    shifted,
)
from calibration.network.interpolate import distances, fit_variogram, kriging_weights, semivariances
from tests.calibration.simulated_network import SimulatedNetwork, simulate_network


@cache
def town(seed: int = 5, days: int = 14, n_sensors: int = 80) -> SimulatedNetwork:
    return simulate_network(days, seed=seed, n_sensors=n_sensors)


def network_of(made: SimulatedNetwork) -> Network:
    return Network(made.t, made.station_places, made.stations, made.sensor_places, made.sensors)


def rmse(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((a - b) ** 2)))


def test_sensors_help_at_stations_that_were_left_out() -> None:
    for score in score_network(network_of(town()), ["causal", "retrospective"]):
        assert score.ratio < 0.95
        assert 0.8 < score.coverage90 < 0.97


def test_calibrated_sensors_are_nearer_to_the_truth_than_stations_raw_values_and_group_factors() -> None:
    made = town()
    network = network_of(made)
    found = calibrate_network(network, "retrospective")
    here = np.isfinite(found.value)
    truth = np.where(here, made.sensor_truth, np.nan)
    between = interpolate_hourly(network.stations, distances(network.sensor_places, network.station_places))
    assert rmse(found.value, truth) < 0.9 * rmse(between, truth)
    assert rmse(found.value, truth) < 0.9 * rmse(apply_factors(network, network.sensor_places, network.sensors), truth)
    assert rmse(found.value, truth) < 0.5 * rmse(network.sensors, truth)
    inside = (truth >= found.lower) & (truth <= found.upper)
    assert 0.82 < inside[here].mean() < 0.97


@settings(max_examples=5, deadline=None)
@given(cut=st.integers(100, 330), seed=st.integers(0, 1000), scale=st.floats(0.01, 100))
def test_the_causal_mode_never_looks_ahead(cut: int, seed: int, scale: float) -> None:
    network = network_of(town(n_sensors=24))
    rng = np.random.default_rng(seed)
    later = np.arange(len(network.t)) >= cut
    sensors = np.where(later, scale * rng.random(network.sensors.shape), network.sensors)
    stations = np.where(later & (rng.random(network.stations.shape) < 0.5), np.nan, network.stations)
    changed = replace(network, sensors=sensors, stations=np.where(later, 3 * stations, stations))
    places = network.sensor_places[:3]
    before, after = blend(network, places), blend(changed, places)
    np.testing.assert_array_equal(before.value[:, :cut], after.value[:, :cut])
    np.testing.assert_array_equal(before.u[:, :cut], after.u[:, :cut])
    factors = [apply_factors(one, places, one.sensors[:3])[:, :cut] for one in (network, changed)]
    np.testing.assert_array_equal(*factors)


def test_the_retrospective_mode_does_look_ahead() -> None:
    network = network_of(town(n_sensors=24))
    cut = 170
    changed = replace(network, sensors=np.where(np.arange(len(network.t)) >= cut, np.nan, network.sensors))
    places = network.sensor_places[:3]
    before, after = (blend(one, places, mode="retrospective").value[:, 150:cut] for one in (network, changed))
    assert not np.array_equal(before, after, equal_nan=True)


def test_noise_is_not_called_calibrated() -> None:
    network = network_of(town())
    rng = np.random.default_rng(1)
    noise = replace(network, sensors=rng.lognormal(2, 1.5, network.sensors.shape))
    # Even noise cannot do much harm: it gets no weight.
    [score] = score_network(noise, ["causal"])
    assert score.ratio < 1.15
    with pytest.raises(NoBetter, match="not called calibrated"):
        calibrate_network(noise, "hourly")
    with pytest.raises(NoBetter, match="not called calibrated"):
        calibrate_network(noise, score=replace(score, rmse=1.01 * score.no_sensor))


def test_a_station_left_out_has_no_say_in_its_own_estimate() -> None:
    network = network_of(town())
    wrong = network.stations.copy()
    wrong[2] *= 5
    place = network.station_places[2:3]
    one, other = (blend(net.without(2), place).value for net in (network, replace(network, stations=wrong)))
    np.testing.assert_array_equal(one, other)


def test_group_factors_follow_their_description() -> None:
    t = np.array([3600, 7200, 10800])
    stations = np.array([[10.0, 10, 0], [30, np.nan, 30]])
    sensors = np.array([[4.0, 8, 8], [6, 12, 12], [15, 15, np.nan], [15, 15, 20]])
    # Two sensors beside the first station; one beside the second and one 1.1 km off; 111 km between the stations.
    places = np.array([[52.0, 5.0], [52.001, 5.0], [53.0, 5.0], [53.01, 5.0]])
    network = Network(t, np.array([[52.0, 5.0], [53.0, 5.0]]), stations, places, sensors)
    mean, factor = groups(network)
    np.testing.assert_allclose(mean, [[5, 10, 10], [15, 15, np.nan]])
    np.testing.assert_allclose(factor, [[2, 1, np.nan], [2, np.nan, np.nan]])
    np.testing.assert_allclose(apply_factors(network, places, sensors)[:, 0], [8, 12, 30, 30])
    traffic = replace(network, types=("traffic", "background"))
    assert np.isnan(groups(traffic)[1][0]).all()  # 50 m hold one sensor, and a group has two


def test_slips_of_the_network_of_a_sensor_and_of_a_station_are_found_and_none_where_there_is_none() -> None:
    network = network_of(town())
    assert [one for one in find_slips(network) if one.which != "sensor"] == []
    late = replace(network, sensors=np.roll(network.sensors, 1, axis=1))
    [found] = [one for one in find_slips(late) if one.which == "sensors"]
    assert found.lag.hours == 1
    assert [one for one in find_slips(shifted(late, found.lag.hours)) if one.which == "sensors"] == []
    for which in ("stations", "sensors"):
        one = getattr(network, which).copy()
        one[5] = np.roll(one[5], -2)
        slips = {(slip.which, slip.number): slip.lag.hours for slip in find_slips(replace(network, **{which: one}))}
        assert slips[which.removesuffix("s"), 5] == -2


def test_stations_are_refused_by_type_distance_capture_and_correlation() -> None:
    network = network_of(town())
    stations, places = network.stations.copy(), network.station_places.copy()
    places[1] = [55.0, 5.0]
    stations[2, 100:] = np.nan
    stations[3] = np.random.default_rng(2).lognormal(2, 1, stations.shape[1])
    types = ("traffic", *network.types[1:])
    spoiled = replace(network, stations=stations, station_places=places, types=types)
    refused = {one.station: one.refused for one in report_stations(spoiled) if one.refused}
    assert {0, 1, 2, 3} <= set(refused)
    assert "type traffic" in refused[0]
    assert "km from the nearest sensor" in refused[1]
    assert "of the hours" in refused[2]
    assert "correlates" in refused[3]
    kept, _ = choose_stations(spoiled)
    np.testing.assert_array_equal(kept.stations, np.delete(stations, list(refused), axis=0))
    with pytest.raises(TooLittleData, match="station 1 is of type traffic"):
        choose_stations(spoiled, StationRules(capture=1.1))


def test_an_hour_without_any_station_has_no_value_and_one_without_a_sensor_has_the_stations() -> None:
    network = network_of(town(n_sensors=24))
    stations, sensors = network.stations.copy(), network.sensors.copy()
    stations[:, 300] = np.nan
    sensors[:, 301] = np.nan
    found = blend(replace(network, stations=stations, sensors=sensors), network.sensor_places[:4]).value
    assert np.isnan(found[:, 300]).all()
    assert np.isfinite(found[:, 301]).all()
    middle = np.nanmedian(stations[:, 301])
    assert np.all((found[:, 301] > middle / 2) & (found[:, 301] < middle * 2))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sensors": np.zeros((2, 3))}, "values of shape"),
        ({"station_places": np.full((8, 2), 400.0)}, "not on the globe"),
        ({"types": ("seaside",) * 8}, "'seaside'"),
        ({"t": np.arange(336)}, "whole hours apart"),
    ],
)
def test_what_is_no_network_is_refused_with_a_sentence(wrong: dict[str, object], said: str) -> None:
    network = network_of(town(n_sensors=24))
    with pytest.raises(BadInput, match=said):
        replace(network, **wrong)  # type: ignore[arg-type]


def test_too_few_stations_or_hours_are_refused() -> None:
    network = network_of(town(n_sensors=24))
    with pytest.raises(TooLittleData, match="2 stations have values"):
        score_network(network.keep(np.array([0, 1])))
    short = Network(
        network.t[:60], network.station_places, network.stations[:, :60], network.sensor_places, network.sensors[:, :60]
    )
    with pytest.raises(TooLittleData, match="hours of stations can be compared"):
        score_network(short, ["causal"])
    with pytest.raises(BadInput, match="no mode"):
        blend(network, network.sensor_places, mode="tomorrow")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=3, max_size=9, unique=True),
    st.floats(0.1, 30),
    st.floats(0.01, 2),
)
def test_kriging_keeps_a_constant_and_honours_an_observation_without_noise(
    km: list[tuple[float, float]], length: float, noise: float
) -> None:
    places = np.round(np.array(km), 2)
    places = np.unique(places, axis=0)
    h = np.linalg.norm(places[:, None] - places, axis=-1)
    covariance = np.exp(-h / length)
    ones, hours = np.ones((len(places), 1)), np.ones((2, len(places)), bool)
    hours[1, 0] = False
    weights, reduction = kriging_weights(covariance + noise * np.eye(len(h)), covariance, ones, hours)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert np.all(weights[1, :, 0] == 0)
    assert np.all(1 + reduction > -1e-6)  # the variance of an error
    exact, _ = kriging_weights(covariance, covariance, ones, hours[:1])
    np.testing.assert_allclose(exact[0], np.eye(len(h)), atol=1e-5)


def test_a_variogram_is_found_again() -> None:
    rng = np.random.default_rng(3)
    km = rng.uniform(0, 30, (60, 2))
    h = np.linalg.norm(km[:, None] - km, axis=-1)
    root = np.linalg.cholesky(2.0 * np.exp(-h / 6.0) + 0.5 * np.eye(60))
    gamma, count = semivariances(root @ rng.standard_normal((60, 2000)))
    upper = np.triu_indices(60, 1)
    found = fit_variogram(h[upper], gamma[upper])
    assert count.max() == 2000
    assert found.sill == pytest.approx(2.0, rel=0.15)
    assert found.nugget == pytest.approx(0.5, abs=0.2)
    assert found.length == pytest.approx(6.0, rel=0.25)
    with pytest.raises(TooLittleData, match="6 pairs"):
        fit_variogram(h[0, 1:4], gamma[0, 1:4])
