# SPDX-License-Identifier: EUPL-1.2
"""Simulated kits: the errors of their sensors, and the faults that they promise, at the promised rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.message import device_of, readings_topic
from collector.quantities import QUANTITIES
from collector.simulate.city import STATION, City
from collector.simulate.faults import NO_FAULTS, YEAR_2099, Faults, draw_history
from collector.simulate.kit import UNHEARD_OF, Kit, humid_growth
from collector.simulate.signals import hourly, stream
from collector.simulate.weather import relative_humidity

START = 1767225600
DAY = 86400
MANY = Faults(
    power_cuts=3,
    timeless_boots=0.5,
    wrong_clock=0.01,
    conflict=0.02,
    repeat=0.03,
    unheard=0.02,
    spike=0.01,
    silent=0.05,
)


@pytest.fixture(scope="module")
def city():
    return City(3, START, START + 30 * DAY, n_kits=6)


@pytest.fixture(scope="module")
def columns(city):
    return Kit(city, 0).columns()


def test_a_kit_without_faults_reports_each_minute_once(city):
    columns = Kit(city, 1, faults=NO_FAULTS).columns()
    assert columns.t.tolist() == columns.label.tolist() == city.t.tolist()
    assert set(columns.boot.tolist()) == {START + 60}
    assert columns.seq.tolist() == list(range(1, len(city.t) + 1))
    assert not columns.aged.any() and not columns.again.any()
    assert all(np.isfinite(values).all() for values in columns.q.values())


def test_the_same_kit_makes_the_same_readings(city, columns):
    again = Kit(City(3, START, START + 30 * DAY, n_kits=6), 0).columns()
    for name in ("boot", "seq", "t", "label", "aged", "again"):
        np.testing.assert_array_equal(getattr(columns, name), getattr(again, name))
    for name, values in columns.q.items():
        np.testing.assert_array_equal(values, again.q[name])


def test_readings_are_marked_as_simulated(city):
    kit = Kit(city, 2)
    assert kit.device == "sim-0002" and kit.firmware == "simulated"
    assert device_of(readings_topic(kit.device)) == kit.device
    with pytest.raises(ValueError, match="sim-"):
        Kit(city, 2, device="kit-a1b2c3")


def test_values_are_what_sensors_can_report(columns):
    for name, values in columns.q.items():
        if name in QUANTITIES:
            there = values[np.isfinite(values)]
            assert QUANTITIES[name].low <= there.min() and there.max() <= QUANTITIES[name].high
            np.testing.assert_array_equal(there, np.round(there, 1))


def test_gains_differ_between_kits_and_humid_air_is_over_read(city):
    kits = [Kit(city, n, faults=NO_FAULTS, colocated_days=30) for n in range(6)]
    gains = [kit.sensors.gain for kit in kits]
    assert min(gains) >= 0.6 and max(gains) <= 1.6 and max(gains) / min(gains) > 1.2
    for kit in kits:
        truth = kit.truth()
        ratio = kit.columns().q["pm25"] / truth["pm25"]
        damp, drier = truth["humidity"] > 90, truth["humidity"] < 75
        assert np.median(ratio[damp]) > 1.3 * np.median(ratio[drier])


def test_humid_growth_is_the_formula_of_crilley_2018():
    # kappa 0.4 at 50 %: 1 + (0.4 / 1.65) / (-1 + 1 / 0.5) = 1.2424
    np.testing.assert_allclose(humid_growth(np.array([0.0, 50.0]), 0.4), [1, 1 + 0.4 / 1.65])
    assert humid_growth(np.array([100.0]), 0.4) == humid_growth(np.array([95.0]), 0.4)


def test_a_kit_stands_beside_the_station_first_and_then_at_its_place(city):
    kit = Kit(city, 4, colocated_days=10)
    assert kit.moved == START + 10 * DAY
    beside = city.t <= kit.moved
    truth, own, station = kit.truth(), city.truth(4), city.truth(STATION)
    np.testing.assert_array_equal(truth["pm25"][beside], station["pm25"][beside])
    np.testing.assert_array_equal(truth["pm25"][~beside], own["pm25"][~beside])
    hours, means = kit.truth_hours("pm25")
    assert len(hours) == 720 and hours[0] == START + 3600
    assert means[0] == pytest.approx(station["pm25"][:60].mean())


def test_sensors_drift(city):
    kits = [Kit(city, n, faults=NO_FAULTS, colocated_days=0) for n in range(6)]
    for kit in kits:
        truth = kit.truth()
        dry = (kit.columns().q["pm25"] - kit.sensors.offset) / truth["pm25"]
        inside = relative_humidity(truth["temperature"] + kit.sensors.warmth, city.weather.dew_point)
        dry /= humid_growth(inside, kit.sensors.kappa * city.region.uptake) * city.region.scattering
        early, late = np.median(dry[: 5 * 1440]), np.median(dry[-5 * 1440 :])
        assert late / early == pytest.approx(1 + kit.sensors.drift * 25 / 30, abs=0.03)


def test_faults_are_present_at_the_promised_rates(city):
    kits = [Kit(city, n, faults=MANY).columns() for n in range(6)]
    n = sum(kit.distinct for kit in kits)

    def share(count):
        return sum(count(kit) for kit in kits) / n

    def doubled(kit):
        sound = ~kit.aged & ~kit.again & (kit.label == kit.t)
        return np.count_nonzero(np.diff(kit.t[sound]) == 0)

    assert share(doubled) == pytest.approx(0.02, rel=0.15)
    assert share(lambda kit: np.count_nonzero(kit.again)) == pytest.approx(0.03, rel=0.15)
    assert share(lambda kit: np.isfinite(kit.q[UNHEARD_OF]).sum()) == pytest.approx(0.02, rel=0.15)
    assert share(lambda kit: np.isnan(kit.q["pm25"]).sum()) == pytest.approx(0.05, rel=0.15)
    wrong = share(lambda kit: np.count_nonzero(~kit.aged & (kit.label != kit.t)))
    assert wrong == pytest.approx(0.01 * 2.5, rel=0.2)  # one to four readings each
    assert share(lambda kit: np.count_nonzero(kit.label > YEAR_2099)) == pytest.approx(0.3 * wrong, rel=0.3)
    boots = np.mean([len(np.unique(kit.boot)) for kit in kits])
    assert boots == pytest.approx(1 + 3 * 30, rel=0.2)
    aged = np.mean([np.count_nonzero(kit.aged) for kit in kits])
    assert aged == pytest.approx(boots * 0.5 * 24, rel=0.3)
    assert 0.6 * 30 * 1440 < n / 6 < 30 * 1440  # power cuts take time away


def test_a_power_cut_starts_a_new_boot_and_leaves_a_gap(city):
    kit = Kit(city, 0, faults=MANY).columns()
    new = np.flatnonzero(np.diff(kit.boot))
    assert (np.diff(kit.boot)[new] > 0).all()
    assert (kit.seq[new + 1] == 1).all()
    assert (np.diff(kit.t)[new] > 60).mean() > 0.8


def test_wrong_clocks_are_in_1970_or_2099(city):
    kit = Kit(city, 0, faults=MANY).columns()
    wrong = kit.label[(kit.label != kit.t) & ~kit.aged]
    assert ((wrong < 365 * DAY) | (wrong > YEAR_2099)).all()
    assert len(np.unique(wrong)) == np.count_nonzero(~kit.again & ~kit.aged & (kit.label != kit.t))


@given(
    st.integers(0, 2**32),
    st.integers(1, 400),
    st.builds(Faults, *[st.floats(0, 40)] + [st.floats(0, 1)] * 7),
)
def test_rows_are_numbered_without_holes_whatever_goes_wrong(seed, n, faults):
    t = START + 60 * np.arange(1, n + 1)
    history = draw_history(stream(seed), t, faults)
    once = ~history.again
    assert (np.diff(history.boot) >= 0).all()
    for boot in np.unique(history.boot):
        numbers = history.seq[once & (history.boot == boot)]
        assert numbers.tolist() == list(range(1, len(numbers) + 1))
    # A repetition is of an earlier row, and equal to it.
    first = history.first
    assert (first[once] == np.flatnonzero(once)).all()
    assert (first[~once] < np.flatnonzero(~once)).all()
    for column in (history.boot, history.seq, history.label, history.row):
        assert (column == column[first]).all()
    assert not (history.again & history.aged).any()


def test_rows_become_readings(city):
    kit = Kit(city, 0, faults=MANY)
    columns = kit.columns()
    made = list(columns.readings())
    assert len(made) == len(columns)
    assert len({(one.boot, one.reading.seq) for one in made}) == columns.distinct
    first = {}
    for row, one in enumerate(made):
        reading = one.reading
        assert (reading.t is None) == (reading.age is not None) == bool(columns.aged[row])
        assert reading.q == {name: v[row] for name, v in columns.q.items() if np.isfinite(v[row])}
        assert reading == first.setdefault((one.boot, reading.seq), reading)


def test_a_kit_may_report_each_second(city):
    hour = City(3, START, START + 3600, n_kits=1)
    columns = Kit(hour, 0, dt=1, faults=NO_FAULTS).columns()
    assert columns.t.tolist() == list(range(START + 1, START + 3601))
    means = columns.q["temperature"].reshape(60, 60).mean(axis=1)
    assert np.corrcoef(means, hour.truth(STATION)["temperature"])[0, 1] > 0.3
    for dt in (0, 7, 120):
        with pytest.raises(UsageError):
            Kit(city, 0, dt=dt)


def test_particles_alone_are_never_an_empty_reading(city):
    columns = Kit(city, 0, quantities=("pm25",), faults=MANY).columns()
    assert np.isfinite(columns.q["pm25"]).all()


def test_a_calibration_beside_the_station_helps_elsewhere_and_is_not_perfect(city):
    hours, reference = city.reference()
    for number in range(6):
        kit = Kit(city, number, faults=NO_FAULTS)
        columns = kit.columns()
        t, raw = hourly(columns.t, columns.q["pm25"])
        humidity = hourly(columns.t, columns.q["humidity"])[1] / 100
        features = np.stack([np.ones(len(t)), raw, raw * humidity**4], axis=1)
        beside, elsewhere = (t <= kit.moved) & np.isin(t, hours), t > kit.moved
        fit = np.linalg.lstsq(features[beside], reference[np.isin(hours, t[beside])], rcond=None)[0]
        truth = kit.truth_hours("pm25")[1]

        def error(values, truth=truth, elsewhere=elsewhere):
            return np.sqrt(np.mean((values - truth)[elsewhere] ** 2))

        assert 1 < error(features @ fit) < 0.7 * error(raw)
