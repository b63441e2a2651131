# SPDX-License-Identifier: EUPL-1.2
"""The worked examples of docs/reference/averaging.md are what the code says."""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path

import numpy as np
import pytest

from collector.moments import HOUR, iso, parse_moment
from collector.quantities import Averaging
from collector.series import Every, hour_grid, hourly, longer, phase, windows
from collector.series.averaging import average
from collector.series.hours import counted, hour_sums
from collector.series.longer import lden_of
from collector.series.windows import GATES
from collector.store.base import Values
from tests.collector.series.examples import minutes, of_hours

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "averaging.md").read_text()


def table(*header: str) -> list[list[str]]:
    """The rows of the table with this header."""
    lines = PAGE.splitlines()
    start = next(i for i, line in enumerate(lines) if _cells(line) == list(header))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(_cells(line))
    assert rows
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(("measured", "coverage", "counts"), table("minutes measured", "coverage", "counts"))
def test_hours_count_as_the_table_says(measured, coverage, counts):
    hours = hourly(minutes(0, [20.0] * int(measured)), "pm25", hour_grid(0, HOUR))
    assert hours.coverage[0] == pytest.approx(float(coverage), abs=5e-5)
    assert np.isnan(hours.value[0]) == (counts == "no")


@pytest.mark.parametrize(("rule", "values", "result"), table("rule", "values", "result"))
def test_rules_give_what_the_table_says(rule, values, result):
    values = np.array([float(one) for one in values.split(",")])
    found = average(Averaging(rule), values, np.zeros(len(values), np.int64), 1)
    assert found[0] == pytest.approx(float(result), abs=5e-5)


@pytest.mark.parametrize(
    ("zone", "window", "begin", "end", "hours", "needed"),
    table("zone", "window", "begins (UTC)", "ends (UTC)", "hours", "needed"),
)
def test_windows_are_those_of_the_table(zone, window, begin, end, hours, needed):
    every, name = window.split()
    at = parse_moment(begin)
    found = windows(Every(every), at, at + 1, zone)
    assert [(*found.name, *map(iso, found.start.tolist()), *map(iso, found.end.tolist()))] == [(name, begin, end)]
    assert found.hours.tolist() == [int(hours)]
    assert ceil(GATES[Every(every)] * int(hours) - 1e-9) == int(needed)
    # One hour less than needed does not count, and the hours that are needed do.
    quantity = "laeq" if every.startswith("l") else "pm25"
    grid = hour_grid(at, parse_moment(end), phase(zone, at))
    for n, counts in ((int(needed) - 1, False), (int(needed), True)):
        value = np.where(np.arange(len(grid)) < n, 40.0, np.nan)
        result = longer(of_hours(grid, value), quantity, found)
        assert (not np.isnan(result.value[0])) == counts and result.n[0] == n


@pytest.mark.parametrize(("day", "evening", "night", "lden"), table("Lday", "Leve", "Lnight", "Lden"))
def test_lden_is_that_of_the_table(day, evening, night, lden):
    levels = (np.array([float(one)]) for one in (day, evening, night))
    assert lden_of(*levels)[0] == pytest.approx(float(lden), abs=5e-5)


@pytest.mark.parametrize(
    ("before", "day", "best"), table("hours of the day before, 17-24", "hours of the day", "max8h")
)
def test_running_means_are_those_of_the_table(before, day, best):
    start = parse_moment("2026-01-15T00:00:00Z")
    runs = re.findall(r"(\d+) hours at (\d+)", day)
    values = [float(before)] * 7 + [float(value) for n, value in runs for _ in range(int(n))]
    grid = hour_grid(start - 7 * HOUR, start + 24 * HOUR)
    found = longer(of_hours(grid, np.array(values)), "o3", windows(Every.MAX8H, start, start + 1, "UTC"))
    assert found.value.tolist() == [float(best)]


def test_a_value_of_no_minute_is_no_hour():
    grid = hour_grid(0, HOUR)
    hours = counted(hour_sums(Values.of([]), "pm25", grid), grid, least=0)
    assert np.isnan(hours.value[0]) and hours.coverage[0] == 0
