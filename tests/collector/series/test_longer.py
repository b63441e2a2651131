# SPDX-License-Identifier: EUPL-1.2
"""Windows and averages, beside pandas and by properties that must hold for any series."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import UsageError
from collector.moments import DAY, HOUR, iso, parse_moment
from collector.series import Every, as_longer, hour_grid, hourly, longer, phase, windows
from collector.series.averaging import rule_of
from collector.series.longer import _energies, lden_of
from collector.series.windows import Windows
from tests.collector.series.examples import calibrated_hours, minutes, of_hours

ZONES = ("Europe/Amsterdam", "Europe/Lisbon", "Atlantic/Azores", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia")
START = parse_moment("2026-01-01T00:00:00Z")
CIVIL = (Every.DAY, Every.MONTH, Every.YEAR, Every.LDEN)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(CIVIL),
    st.integers(0, 30 * 365),
    st.lists(st.integers(1, 500), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_windows_follow_one_another_whole_and_once(zone, every, begin, steps):
    edges = np.cumsum([begin * DAY, *(n * DAY + n * 977 for n in steps)]).tolist()
    whole = windows(every, edges[0], edges[-1], zone)
    parts = [windows(every, a, b, zone) for a, b in pairwise(edges)]
    assert [t for part in parts for t in part.start.tolist()] == whole.start.tolist()
    assert [name for part in parts for name in part.name] == whole.name
    assert (whole.start[1:] == whole.end[:-1]).all() and (whole.end > whole.start).all()
    assert len(set(whole.name)) == len(whole)


def test_a_day_that_a_country_skipped_is_none():
    """Samoa went over the date line on 30 December 2011."""
    found = windows(Every.DAY, parse_moment("2011-12-28T12:00Z"), parse_moment("2012-01-01T00:00Z"), "Pacific/Apia")
    assert found.name == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert found.hours.tolist() == [24, 24, 24]
    assert found.end[0] == found.start[1]


@pytest.mark.parametrize("zone", ZONES[:-1])
@pytest.mark.parametrize(("every", "frequency"), [(Every.DAY, "D"), (Every.MONTH, "MS"), (Every.YEAR, "YS")])
def test_windows_are_those_of_pandas(zone, every, frequency):
    begin, end = "2011-06-01", "2027-12-31"
    edges = pd.date_range(begin, end, freq=frequency, tz=zone, ambiguous=True, nonexistent="shift_forward")
    seconds = edges.tz_convert("UTC").as_unit("s").asi8
    found = windows(every, int(seconds[0]), int(seconds[-1]), zone)
    assert found.start.tolist() == seconds[:-1].tolist()
    assert found.end.tolist() == seconds[1:].tolist()


@pytest.mark.parametrize("quantity", ["pm25", "laeq", "lafmax", "lafmin"])
@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Asia/Kolkata"])
def test_days_and_months_are_those_of_pandas(zone, quantity):
    rng = np.random.default_rng(4)
    after, until = parse_moment("2026-02-20T00:00Z"), parse_moment("2026-11-10T00:00Z")
    grid = hour_grid(after, until, phase(zone, after))
    value = np.where(rng.random(len(grid)) < 0.22, np.nan, 20 + 50 * rng.random(len(grid)))
    labels = pd.to_datetime(grid - HOUR, unit="s", utc=True).tz_convert(zone)
    series = pd.Series(value, index=labels)

    def energy(x):
        return 10 * np.log10((10 ** (x / 10)).mean())

    how = {"pm25": "mean", "laeq": energy, "lafmax": "max", "lafmin": "min"}[quantity]
    for every, frequency in ((Every.DAY, "D"), (Every.MONTH, "MS")):
        grouped = series.resample(frequency)
        expected = grouped.agg(how).where(grouped.count() >= 0.75 * grouped.size())
        found = longer(of_hours(grid, value), quantity, windows(every, after + 2 * DAY, until - 40 * DAY, zone))
        there = expected.loc[pd.to_datetime(found.windows.start, unit="s", utc=True).tz_convert(zone)]
        np.testing.assert_allclose(found.value, there.to_numpy(), rtol=1e-12)
        assert np.isnan(found.value).any() or every is Every.MONTH
        assert (~np.isnan(found.value)).any()


@given(st.lists(st.tuples(st.floats(15, 120), st.integers(1, 30)), min_size=2, max_size=60), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_any_split_of_readings_gives_the_same_hours(readings, pieces):
    """A reading of n minutes is the same as n readings of a minute with its value, in whatever pieces."""
    flat = [value for value, n in readings for _ in range(n)][:60]
    grid = hour_grid(START, START + HOUR)
    for quantity in ("pm25", "laeq", "lafmax", "lafmin"):
        whole = hourly(minutes(START, flat), quantity, grid)
        doubled = hourly(minutes(START, [one for one in flat for _ in range(pieces)], 60 // pieces), quantity, grid)
        assert doubled.coverage[0] == pytest.approx(whole.coverage[0])
        np.testing.assert_allclose(doubled.value, whole.value, rtol=1e-9)


def test_running_means_are_those_of_pandas():
    rng = np.random.default_rng(8)
    begin = START - 10 * HOUR
    grid = hour_grid(begin, START + 60 * DAY)
    value = np.where(rng.random(len(grid)) < 0.2, np.nan, 100 * rng.random(len(grid)))
    index = pd.to_datetime(grid - HOUR, unit="s", utc=True)
    runs = pd.Series(value, index=index).rolling(8, min_periods=6).mean()
    runs = runs[runs.index >= pd.Timestamp(START, unit="s", tz="UTC")]
    daily = runs.resample("D")
    expected = daily.max().where(daily.count() >= 18).to_numpy()
    for hours in (of_hours(grid, value), calibrated_hours(grid, value)):
        found = longer(hours, "o3", windows(Every.MAX8H, START, START + 60 * DAY, "UTC"))
        shift = 0 if found.u is None else 1
        np.testing.assert_allclose(found.value, expected + shift, rtol=1e-12)
    assert found.u is not None and found.lower is not None and found.record is not None
    known = ~np.isnan(found.value)
    np.testing.assert_allclose(found.u[known], 2.0)
    np.testing.assert_allclose(found.value[known] - found.lower[known], 3.0)
    assert found.record[int(np.flatnonzero(known)[0])] == "r1"


def test_lden_is_made_of_the_levels_of_a_whole_day():
    zone = "Europe/Amsterdam"
    days = windows(Every.LDEN, parse_moment("2026-03-26T00:00Z"), parse_moment("2026-03-30T00:00Z"), zone)
    grid = hour_grid(int(days.start[0]), int(days.end[-1]))
    rng = np.random.default_rng(1)
    level = 40 + 30 * rng.random(len(grid))
    found = longer(of_hours(grid, level), "laeq", days)
    local = pd.to_datetime(grid - HOUR, unit="s", utc=True).tz_convert(zone)

    def mean(midnight, low, high):
        begin, end = (pd.Timestamp(midnight + pd.Timedelta(hours=one), tz=zone) for one in (low, high))
        inside = (local >= begin) & (local < end)
        return 10 * np.log10(np.mean(10 ** (level[inside] / 10)))

    for i, name in enumerate(days.name):
        parts = (mean(pd.Timestamp(name), low, high) for low, high in ((7, 19), (19, 23), (23, 31)))
        assert found.value[i] == pytest.approx(float(lden_of(*parts)), abs=1e-9)
    assert found.n.tolist() == [24, 24, 23, 24]
    assert found.coverage == pytest.approx(np.ones(4))


def test_the_uncertainty_of_lden_is_how_it_answers_to_its_parts():
    days = windows(Every.LDEN, START, START + DAY, "UTC")
    grid = hour_grid(START, START + 2 * DAY)
    level = np.where((grid - START - HOUR) % DAY // HOUR < 12, 62.0, 48.0)
    found = longer(calibrated_hours(grid, level, u=0.5), "laeq", days)
    moved = longer(calibrated_hours(grid, level + 0.001, u=0.5), "laeq", days)
    slope = (moved.value - found.value) / 0.001
    assert found.u == pytest.approx(0.5 * slope, rel=1e-3)
    assert found.raw == pytest.approx(found.value - 1)
    assert (found.lower < found.value).all() and (found.value < found.upper).all()
    assert found.record == ["r1"]


def test_a_day_of_calibrated_hours_keeps_raw_value_interval_and_records():
    days = windows(Every.DAY, START, START + 2 * DAY, "UTC")
    grid = hour_grid(START, START + 2 * DAY)
    value = np.where(np.arange(48) < 40, 10.0, np.nan)
    hours = calibrated_hours(grid, value)
    hours.record[30] = "r2"
    found = longer(hours, "pm25", days)
    assert found.value[0] == 11 and np.isnan(found.value[1]) and found.n.tolist() == [24, 16]
    assert found.raw[0] == 10 and found.u[0] == 2 and found.lower[0] == 8 and found.upper[0] == 15
    assert np.isnan(found.u[1]) and found.record == ["r1", "r1 r2"]
    assert found.flag.tolist() == [1, 9] and found.tests.tolist() == [0, 16]
    lenient = longer(hours, "pm25", days, least=0.5)
    assert lenient.value.tolist() == [11, 11] and lenient.tests.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("quantity", "every", "words"),
    [
        ("la90", Every.DAY, "percentiles do not average"),
        ("laeq", Every.MAX8H, "no running mean"),
        ("pm25", Every.LDEN, "sound levels"),
        ("pm25", Every.LNIGHT, "sound levels"),
    ],
)
def test_what_cannot_be_averaged_is_refused_in_words(quantity, every, words):
    grid = hour_grid(START, START + DAY)
    with pytest.raises(UsageError, match=words):
        longer(of_hours(grid, np.full(24, 40.0)), quantity, windows(every, START, START + DAY, "UTC"))


def test_open_ends_are_bounded():
    found = windows(Every.YEAR, -(2**60), 2**60, "UTC")
    assert found.name[0] == "1971" and found.name[-1] == "2199"


def test_no_hours_give_no_windows():
    none = np.empty(0, np.int64)
    nothing = Windows(Every.DAY, "UTC", none, none, [])
    for hours in (of_hours(none, np.empty(0)), calibrated_hours(none, np.empty(0))):
        for every in (Every.DAY, Every.MAX8H, Every.LDEN):
            found = longer(hours, "laeq" if every is Every.LDEN else "o3", Windows(every, "UTC", none, none, []))
            assert len(found.value) == 0
    assert nothing.index(np.array([START])).tolist() == [-1]
    assert rule_of("anything") == "mean"
    assert _energies(np.array([0.0]), np.array([0.0]), np.array([0.0])).shape == (3, 1)


def test_hours_in_the_shape_of_windows():
    grid = hour_grid(START, START + 3 * HOUR)
    each = Windows(Every.HOUR, "UTC", grid - HOUR, grid, [iso(int(t)) for t in grid])
    found = as_longer(calibrated_hours(grid, np.array([1.0, np.nan, 3.0])), each)
    assert found.n.tolist() == [1, 0, 1] and found.record == ["r1", None, "r1"]
