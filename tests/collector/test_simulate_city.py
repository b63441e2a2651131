# SPDX-License-Identifier: EUPL-1.2
"""The simulated city: the same for a seed, and with the patterns of a real one."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.quantities import QUANTITIES, Averaging
from collector.simulate.city import STATION, City
from collector.simulate.signals import civil, coloured, energy_mean, hourly, lagged, stream
from collector.simulate.weather import relative_humidity

NEW_YEAR = 1767225600  # 2026-01-01 00:00 UTC
DAY = 86400


@pytest.fixture(scope="module")
def city():
    return City(7, NEW_YEAR, NEW_YEAR + 30 * DAY, n_kits=4)


@pytest.fixture(scope="module")
def truth(city):
    return [city.truth(place) for place in range(4)]


def by_hour(city, values, days):
    """Means by local hour of the days asked for."""
    hour = city.civil.hour.astype(int)
    chosen = np.isin(city.civil.weekday, days)
    return np.array([values[chosen & (hour == h)].mean() for h in range(24)])


def test_a_seed_gives_the_same_city_in_any_order_of_questions(city, truth):
    other = City(7, NEW_YEAR, NEW_YEAR + 30 * DAY, n_kits=4)
    for place in (2, STATION, 0):
        again = other.truth(place)
        for name, values in city.truth(place).items():
            np.testing.assert_array_equal(values, again[name])
    assert not np.array_equal(truth[0]["pm25"], City(8, NEW_YEAR, NEW_YEAR + 30 * DAY, n_kits=4).truth(0)["pm25"])
    assert not np.array_equal(truth[0]["pm25"], truth[1]["pm25"])


def test_every_quantity_is_of_the_glossary_and_plausible(city, truth):
    for one in [*truth, city.truth(STATION)]:
        for name, values in one.items():
            assert len(values) == len(city.t) == 30 * 1440
            assert np.isfinite(values).all()
            assert QUANTITIES[name].low <= values.min() and values.max() <= QUANTITIES[name].high, name
    assert city.t[0] == NEW_YEAR + 60 and city.t[-1] == NEW_YEAR + 30 * DAY


def test_humidity_is_bounded_and_falls_when_it_gets_warmer(truth):
    for one in truth:
        assert one["humidity"].min() >= 20 and one["humidity"].max() <= 100
        assert one["humidity"].max() == 100  # some night is saturated
    summer = City(7, NEW_YEAR + 181 * DAY, NEW_YEAR + 195 * DAY)
    july = summer.truth(0)
    assert np.corrcoef(july["temperature"], july["humidity"])[0, 1] < -0.4
    assert july["temperature"].mean() > truth[0]["temperature"].mean() + 8
    assert 13 <= by_hour(summer, july["temperature"], range(7)).argmax() <= 16


def test_humidity_at_the_dew_point_is_100():
    # 20 Cel with a dew point of 10 Cel: e(10) / e(20) = 12.28 / 23.39 hPa, WMO-No. 8, tables.
    np.testing.assert_allclose(relative_humidity(np.array([20.0, 10.0]), np.array([10.0, 10.0])), [52.5, 100], atol=0.2)


def test_particles_contain_the_smaller_ones(truth):
    for one in truth:
        assert (one["pm1"] < one["pm25"]).all() and (one["pm25"] < one["pm10"]).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_background_is_log_normal_rather_than_normal(seed):
    background = City(seed, NEW_YEAR, NEW_YEAR + 365 * DAY).region.background[::60]

    def skewness(x):
        return np.mean(((x - x.mean()) / x.std()) ** 3)

    assert 0.3 < np.log(background).std() < 0.8
    assert 5 < np.median(background) < 13
    assert abs(skewness(np.log(background))) < 0.8 < skewness(background)


def test_traffic_peaks_in_the_rush_hours_of_working_days(city, truth):
    flow = by_hour(city, truth[0]["laeq"], range(5))
    assert 7 <= flow[:12].argmax() <= 9
    assert 16 <= 12 + flow[12:].argmax() <= 18
    assert flow.max() - flow.min() > 10
    weekend = by_hour(city, truth[0]["laeq"], (5, 6))
    assert weekend[8] < flow[8] - 5


def test_wood_smoke_is_of_cold_evenings(city):
    from collector.simulate.air import wood_smoke

    winter = wood_smoke(city.seed, city.civil, city.weather, city.place(1))
    assert 19 <= by_hour(city, winter, range(7)).argmax() <= 21
    summer = City(7, NEW_YEAR + 181 * DAY, NEW_YEAR + 211 * DAY)
    assert wood_smoke(7, summer.civil, summer.weather, summer.place(1)).mean() < winter.mean() / 5


def test_a_plume_reaches_places_down_the_wind_later(city):
    from dataclasses import replace

    from collector.simulate.air import Episode, blown

    t0 = NEW_YEAR + 10 * DAY
    plume = replace(city.region, episodes=(Episode(t0, 3600.0, 10.0),))
    at = int(np.searchsorted(city.t, t0))
    speed, to = city.weather.wind_speed[at], city.weather.wind_to[at]
    there = replace(city.place(0), east=3000 * np.cos(to), north=3000 * np.sin(to))
    here = replace(there, east=0.0, north=0.0)
    peaks = [city.t[blown(plume, city.weather, city.t, place).argmax()] for place in (here, there)]
    assert peaks[1] - peaks[0] == pytest.approx(3000 / speed, abs=61)


def test_sound_levels_hang_together(truth):
    for one in truth:
        in_order = [one[name] for name in ("lafmin", "la90", "la50", "la10", "lafmax")]
        for lower, upper in pairwise(in_order):
            assert (lower <= upper).all()
        assert (one["la90"] <= one["laeq"]).all() and (one["laeq"] <= one["lafmax"]).all()


def test_nights_after_friday_and_saturday_are_louder_where_people_go_out(city):
    from collector.simulate.street import sound_levels

    quiet, lively = (sound_levels(stream(1), city.civil, 0.3, one)["la50"] for one in (0.0, 1.0))
    extra = lively - quiet
    assert by_hour(city, extra, (5, 6))[1] > 4  # 1 h on Saturday and Sunday
    assert by_hour(city, extra, (0, 1, 2, 3, 4))[1] < 0.1


def test_the_reference_reports_hours_with_little_noise_and_some_gaps(city):
    t, value = city.reference()
    hours, true = city.truth_hours(STATION, "pm25")
    assert (t % 3600 == 0).all() and np.isin(t, hours).all()
    assert 0.9 * len(hours) < len(t) < len(hours)
    error = value - true[np.isin(hours, t)]
    assert 0.2 < error.std() < 1.5 and abs(error.mean()) < 0.15
    # A label is the end of its hour.
    first = hours[0]
    assert true[0] == pytest.approx(city.truth(STATION)["pm25"][city.t <= first].mean())


def test_hours_are_whole_even_if_the_period_is_not():
    t = np.arange(NEW_YEAR + 25 * 60, NEW_YEAR + 3 * 3600, 60)
    ends, means = hourly(t, t.astype(float))
    assert ends.tolist() == [NEW_YEAR + 2 * 3600]
    assert means[0] == pytest.approx(NEW_YEAR + 3600 + 30.5 * 60)
    assert len(hourly(t[:10], t[:10].astype(float))[0]) == 0


def test_hours_of_levels_are_means_of_energy():
    t = NEW_YEAR + 60 * np.arange(1, 61)
    levels = np.where(t <= NEW_YEAR + 1800, 50.0, 70.0)
    assert hourly(t, levels, Averaging.ENERGY_MEAN)[1][0] == pytest.approx(67.03, abs=0.01)
    assert hourly(t, levels, Averaging.MAXIMUM)[1][0] == 70
    assert hourly(t, levels, Averaging.MINIMUM)[1][0] == 50
    with pytest.raises(ValueError, match="percentile"):
        hourly(t, levels, Averaging.NONE)
    assert energy_mean(np.array([50.0, 70.0])) == pytest.approx(67.03, abs=0.01)


def test_civil_time_jumps_with_the_clocks():
    spring = 1774746000  # 2026-03-29 01:00 UTC: 2 h becomes 3 h in Amsterdam
    found = civil(np.array([spring, spring + 60]), ZoneInfo("Europe/Amsterdam"))
    assert found.hour.tolist() == pytest.approx([2 - 0.5 / 60, 3 + 0.5 / 60])
    assert found.weekday.tolist() == [6, 6]
    assert found.year_share[0] == pytest.approx(87 / 365.25, abs=0.001)


@given(st.integers(0, 2**32), st.floats(1, 200))
def test_coloured_noise_has_the_variance_and_the_memory_that_it_promises(seed, memory):
    noise = coloured(stream(seed), 40_000, memory)
    independent = 40_000 / (2 * memory)
    assert len(noise) == 40_000
    assert abs(noise.mean()) < 6 / np.sqrt(independent)
    assert abs(noise.var() - 1) < 8 / np.sqrt(independent)


def test_a_lag_follows_a_step_with_its_time_constant():
    shown = lagged(np.where(np.arange(200) < 100, 0.0, 1.0), 10)
    assert shown[99] == 0 and shown[-1] == pytest.approx(1)
    assert shown[110] == pytest.approx(1 - np.exp(-1.1), abs=0.05)
    values = np.arange(5.0)
    assert lagged(values, 0) is values


def test_a_wrong_period_zone_or_place_is_told():
    with pytest.raises(UsageError):
        City(1, NEW_YEAR, NEW_YEAR + 59)
    with pytest.raises(UsageError, match="time zone"):
        City(1, NEW_YEAR, NEW_YEAR + DAY, zone="Europe/Atlantis")
    with pytest.raises(ValueError):
        City(1, NEW_YEAR, NEW_YEAR + DAY, n_kits=2).truth(2)
