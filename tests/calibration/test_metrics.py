# SPDX-License-Identifier: EUPL-1.2
"""Measures: against numbers that sensortoolkit (US EPA) gave for its own example campaign, and by hand."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import pytest

from calibration.metrics import between_units, regression, rmse
from tests.parts import data

# EPA's Toco Toucan campaign, PM2.5, hourly: R2, slope, intercept, RMSE, N as sensortoolkit reports them.
SENSORTOOLKIT = {
    "RT01": (0.521271, 0.819549, -1.684473, 3.532102, 713),
    "RT02": (0.553926, 0.825315, -1.755550, 3.509590, 714),
    "RT03": (0.563644, 0.750701, -1.693309, 3.932287, 714),
}
HEADER_LINES = 6
OFFSET = timedelta(hours=5)  # the instruments' clock is UTC-5


def sensor_hours(unit: str) -> dict[datetime, float]:
    """Hourly means of an instrument's minutes, labelled with their begin in UTC."""
    minutes: defaultdict[datetime, list[float]] = defaultdict(list)
    with gzip.open(data(f"toco_toucan_{unit}_minute.csv.gz"), "rt", encoding="utf-8-sig") as file:
        for _ in range(HEADER_LINES):
            next(file)
        for row in csv.DictReader(file):
            if row["PM2.5 (µg/m³)"]:
                time = datetime.strptime(row["Time"], "%m/%d/%Y %H:%M") + OFFSET
                minutes[time.replace(minute=0)].append(float(row["PM2.5 (µg/m³)"]))
    return {hour: float(np.mean(values)) for hour, values in minutes.items()}


def reference_hours() -> dict[datetime, float]:
    with gzip.open(data("toco_toucan_reference.csv.gz"), "rt", encoding="utf-8-sig") as file:
        return {
            datetime.strptime(f"{row['Date (UTC)']} {row['Time (UTC)']}", "%m/%d/%Y %H:%M"): float(row["Value"])
            for row in csv.DictReader(file)
            if row["Param"].startswith("PM2.5") and row["Value"]
        }


def test_the_golden_numbers_of_sensortoolkit() -> None:
    reference = reference_hours()
    units = {unit: sensor_hours(unit) for unit in SENSORTOOLKIT}
    for unit, expected in SENSORTOOLKIT.items():
        common = sorted(units[unit].keys() & reference.keys())
        found = regression(np.array([units[unit][h] for h in common]), np.array([reference[h] for h in common]))
        assert (
            round(found.r2, 6),
            round(found.slope, 6),
            round(found.intercept, 6),
            round(found.rmse, 6),
            found.n,
        ) == expected

    together = sorted(set.intersection(*(set(hours) for hours in units.values())))
    values = np.array([[units[unit][h] for h in together] for unit in units])
    sd, cv = between_units(values)
    assert (len(together), round(sd, 6), round(cv, 6)) == (716, 0.584055, 12.955584)

    # sensortoolkit counts 716, before it drops hours without a reference, and gets 3.654; ours are those with one.
    known = [i for i, hour in enumerate(together) if hour in reference]
    truth = np.array([reference[together[i]] for i in known])
    assert len(known) == 713
    assert round(rmse(values[:, known].ravel(), np.tile(truth, 3)), 6) == 3.661702


def test_measures_by_hand() -> None:
    found = regression(np.array([1.0, 3.0, 5.0, np.nan]), np.array([0.0, 1.0, 2.0, 9.0]))
    assert (found.n, found.slope, found.intercept, found.r2) == (3, 2.0, 1.0, pytest.approx(1.0))
    assert found.mbe == 2.0
    assert found.rmse == pytest.approx(np.sqrt((1 + 4 + 9) / 3))


def test_what_is_undefined_is_nan() -> None:
    nothing = regression(np.array([np.nan]), np.array([1.0]))
    assert nothing.n == 0
    assert np.isnan([nothing.r2, nothing.slope, nothing.rmse, rmse(np.array([np.nan]), np.array([1.0]))]).all()
    still = regression(np.array([1.0, 2.0]), np.array([4.0, 4.0]))
    assert np.isnan([still.r2, still.slope]).all()
    assert still.mbe == -2.5
