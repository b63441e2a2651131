# SPDX-License-Identifier: EUPL-1.2
"""`calibrate drift`, from a plain CSV and for kits in a store."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from collector.moments import DAY, HOUR, iso
from collector.registry import Registry
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.calibration.simulated import START, Simulated, simulate
from tests.collector.test_evaluate import write
from tests.journeys.collecting import citimeasure

KIT = "kit-broken"
COLUMNS = ("--time", "time", "--zone", "UTC", "--reference", "pm25_ref_ugm3", "--raw", "pm25_raw", "--unit", "sensor")


def broken(town: Simulated, day: int) -> Simulated:
    raw = np.where(np.arange(len(town.t)) >= 24 * day, 0.6 * town.sensor["raw"], town.sensor["raw"])
    return Simulated(town.t, {**town.sensor, "raw": raw}, town.reference)


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    units = {"well": simulate(120), "broken": broken(simulate(120, seed=2), 90), "short": simulate(10, seed=3)}
    return write(tmp_path_factory.mktemp("drift") / "hours.csv", units)


def drift(*args: object, ok: bool = True):
    return citimeasure("calibrate", "drift", *args, ok=ok)


def test_the_sensors_of_a_file_have_verdicts_and_those_too_short_a_sentence(hours):
    done = drift(hours, *COLUMNS, "-o", "json")
    rows = {row["sensor"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"well", "broken"}
    assert "short: The baseline has 6 days" in done.stderr
    assert rows["well"]["verdict"] == "well" and rows["well"]["state"] == "ok"
    one = rows["broken"]
    day = datetime.fromtimestamp(int(simulate(120).t[24 * 90]) - 3600, UTC).date().isoformat()
    assert (one["verdict"], one["since"]) == ("step", day)
    assert one["first_fail"] > day
    assert abs(one["sensitivity"] - 0.6) < 3 * one["sensitivity_se"] < 0.5
    assert one["baseline_days"] == 72 and 0 <= one["false_fail"] < 0.05

    table = drift(hours, *COLUMNS).stdout
    assert "false %" in table and "step" in table
    days = list(csv.DictReader(io.StringIO(drift(hours, *COLUMNS, "--days", "-o", "csv").stdout)))
    assert len(days) == 240
    failed = [row["day"] for row in days if row["state"] == "fail"]
    assert failed[0] == one["first_fail"]


def test_a_longer_baseline_and_other_bounds_are_obeyed(hours):
    args = (hours, *COLUMNS, "--baseline-until", "2026-02-10", "--fail", "60", "--window", "7", "-o", "json")
    rows = {row["sensor"]: row for row in json.loads(drift(*args).stdout)}
    assert rows["broken"]["baseline_days"] == 40
    assert rows["broken"]["state"] == "warn" and rows["broken"]["first_fail"] is None


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--baseline-until", "2030-01-01"), 1, "No day follows the baseline"),
        (("--warn", "40"), 1, "warned of before it fails"),
        (("--station", "nl1"), 2, "cannot be used with --station"),
    ],
)
def test_what_cannot_be_watched_says_why(hours, args, code, words):
    done = drift(hours, *COLUMNS, *args, ok=False)
    assert (done.returncode, done.stdout) == (code, "") and words in done.stderr, done.stderr


def test_a_file_without_columns_says_which_are_needed(hours):
    done = drift(hours, ok=False)
    assert done.returncode == 2 and "--reference and --raw and --time" in done.stderr


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A kit beside a station that loses sensitivity on the day on which it is moved a few metres."""
    folder = tmp_path_factory.mktemp("city") / "data"
    town = broken(simulate(80, seed=3), 50)
    moved = int(town.t[24 * 50]) - HOUR
    store = SqliteStore(folder)
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_station("square", "The Square", latitude=52.1, longitude=5.12)
        registry.add_device("kit-1", KIT)
        registry.start_deployment(KIT, START - DAY, latitude=52.1001, longitude=5.12)
        registry.start_deployment(KIT, moved, latitude=52.1002, longitude=5.12)
        for name in ("pm25", "humidity", "temperature"):
            values = zip(town.t, town.sensor["raw" if name == "pm25" else name], strict=True)
            store.write([Row(KIT, name, int(t), HOUR, float(v), 1, 0) for t, v in values])
        reference = zip(town.t, town.reference, strict=True)
        store.write([Row("station:square", "pm25", int(t), HOUR, float(v), 1, 0) for t, v in reference])
    store.close()
    return folder, moved


def test_a_kit_is_held_against_what_its_calibration_learned_from(city):
    folder, moved = city
    asked = (KIT, "pm25", "--station", "square", "--folder", folder, "-o", "json")
    done = drift(*asked, ok=False)
    assert done.returncode == 2 and "no calibration of pm25 that could be its baseline" in done.stderr
    learned = iso(START + 40 * DAY)
    citimeasure("calibrate", "fit", KIT, "pm25", "--station", "square", "--to", learned, "--folder", folder)
    [row] = json.loads(drift(*asked).stdout)
    assert (row["sensor"], row["baseline_until"], row["state"]) == (KIT, learned, "fail")
    assert (row["verdict"], row["since"]) == ("change", iso(moved)[:10]), "it was moved that day"
    [row] = json.loads(drift(*asked, "--baseline-until", iso(START + 45 * DAY)).stdout)
    assert row["baseline_days"] == 45
    done = drift("kit-nobody", "pm25", "--station", "square", "--folder", folder, ok=False)
    assert done.returncode == 4 and "kit-nobody" in done.stderr
