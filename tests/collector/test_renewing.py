# SPDX-License-Identifier: EUPL-1.2
"""Renewing, comparing and using records by command, and moving a kit: on a folder, as a city does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from collector.moments import DAY, HOUR, iso
from collector.registry import Registry
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.calibration.simulated import START, simulate
from tests.journeys.collecting import citimeasure

DAYS, CHANGED = 82, 41  # the sensors of a kit read differently from then on
FACTORS = {"kit-steady": 1.0, "kit-dusty1": 1.18, "kit-broken": 2.5, "kit-faraway": 1.18}


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Path:
    """Four kits, fitted in their first weeks: three beside the station, one a kilometre away."""
    folder = tmp_path_factory.mktemp("city") / "data"
    store = SqliteStore(folder)
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_station("square", "The Square", latitude=52.1, longitude=5.12)
        for number, (kit, factor) in enumerate(FACTORS.items(), 3):
            town = simulate(DAYS, seed=3)
            later = np.where(town.t > START + CHANGED * DAY, factor, 1.0)
            raw = town.sensor["raw"] * later + 0.1 * np.random.default_rng(number).standard_normal(len(town.t))
            registry.add_device("kit-1", kit)
            registry.start_deployment(
                kit, START - DAY, latitude=52.1095 if kit == "kit-faraway" else 52.1003, longitude=5.12
            )
            series = {"pm25": raw, "humidity": town.sensor["humidity"], "temperature": town.sensor["temperature"]}
            for name, x in series.items():
                store.write([Row(kit, name, int(t), HOUR, float(v), 1, 0) for t, v in zip(town.t, x, strict=True)])
        rows = zip(town.t, town.reference, strict=True)
        store.write([Row("station:square", "pm25", int(t), HOUR, float(v), 1, 0) for t, v in rows])
    store.close()
    day = iso(START + (CHANGED - 1) * DAY)
    citimeasure("calibrate", "fit", *FACTORS, "pm25", "--station", "square", "--to", day, "--folder", folder)
    return folder


def ask(folder, *args):
    done = citimeasure("calibrate", *args, "--folder", folder, "-o", "json")
    return json.loads(done.stdout), done.stderr


END = ("--to", iso(START + DAYS * DAY), "--window", "40d")


def test_what_is_better_and_within_bounds_is_used_and_the_rest_waits(city):
    rows, told = ask(city, "renew", *END)
    assert {row["device"]: row["verdict"] for row in rows} == {
        "kit-broken": "ask",
        "kit-dusty1": "apply",
        "kit-faraway": "not possible",
        "kit-steady": "keep",
    }
    assert "kit-faraway pm25: kit-faraway hung 1.06 km from the station square" in told
    assert "kit-broken pm25: Error on the latest days" in told and "look whether the sensor" in told
    rows, told = ask(city, "renew", *END, "--device", "kit-dusty1", "--most-change", "0.05")
    assert [row["verdict"] for row in rows] == ["ask"] and "the bound is 5 %" in told
    before, _ = ask(city, "list")
    rows, _ = ask(city, "renew", *END, "--apply")
    after, _ = ask(city, "list")
    used = next(row for row in rows if row["verdict"] == "used")
    assert used["device"] == "kit-dusty1"
    assert len(before) == 4 and [one for one in after if one not in before] == [
        {
            "device": "kit-dusty1", "quantity": "pm25", "record": used["record"], "from": iso(START + DAYS * DAY),
            "to": None, "assigned": after[-1]["assigned"], "note": "renewed within bounds",
        }
    ]  # fmt: skip
    # What waits is kept, and a person may compare and use it.
    waiting = next(row for row in rows if row["device"] == "kit-broken")
    rows, told = ask(city, "diff", waiting["in use"], waiting["record"])
    whole = next(row for row in rows if row["kind"] == "move" and row["which"] == "all")
    assert whole["device"] == "kit-broken" and whole["ratio"] == pytest.approx(0.4, abs=0.03)
    assert {"learned from", "sensor values"} <= {row["what"] for row in rows if row["kind"] == "change"}
    told = citimeasure("calibrate", "diff", waiting["in use"], waiting["record"], "--folder", city)
    assert "All values: " in told.stderr and " % lower (x0." in told.stderr and "learned from" in told.stdout
    day = iso(START + CHANGED * DAY)
    use = ("calibrate", "use", "kit-broken", waiting["record"], "--from", day, "--note", "new fan", "--folder", city)
    citimeasure(*use)
    assert ask(city, "list", "--device", "kit-broken")[0][-1]["note"] == "new fan"
    done = citimeasure("calibrate", "use", "kit-steady", *use[3:], ok=False)
    assert done.returncode == 1 and "This record is for kit-broken" in done.stderr


def test_a_moved_kit_loses_its_calibrations_until_somebody_says_otherwise(city, tmp_path):
    moved = iso(START + (DAYS + 1) * DAY)
    citimeasure("project", "add", "square-2026", "--title", "Around the square", "--folder", city)
    told = citimeasure(
        "device", "move", "kit-steady", "--from", moved, "--place", 52.09, 5.11, "--project", "square-2026",
        "--folder", city,
    ).stderr  # fmt: skip
    record = ask(city, "list", "--device", "kit-steady")[0][-1]["record"]
    command = f"citimeasure calibrate use kit-steady {record} --from {moved}"
    assert command in told
    assert ask(city, "list", "--device", "kit-steady")[0][-1]["to"] == moved
    citimeasure(*command.split()[1:], "--folder", city)
    assert ask(city, "list", "--device", "kit-steady")[0][-1]["to"] is None
    projects = json.loads(citimeasure("project", "list", "--folder", city, "-o", "json").stdout)
    assert [(one["project"], one["kits"]) for one in projects] == [("square-2026", 1)]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("calibrate", "diff", "feed", "beef"), 4, "There is no calibration 'feed'"),
        (("calibrate", "diff", "README.md", "README.md"), 1, "These bytes are not JSON"),
        (("calibrate", "renew", "--device", "kit-nobody"), 4, "kit-nobody"),
        (("calibrate", "use", "kit-steady", "feed", "--from", "2026-01-01", "--to", "2025-01-01"), 2, "ends before"),
        (("device", "move", "kit-steady", "--project", "nowhere"), 4, "There is no project 'nowhere'"),
        (("device", "move", "kit-steady", "--from", "2020-01-01"), 1, "has a deployment that begins"),
        (("project", "add", "../x", "--title", "x"), 1, "cannot be a project's id"),
    ],
)
def test_what_cannot_be_is_said(city, args, code, words):
    done = citimeasure(*args, "--folder", city, ok=False)
    assert done.returncode == code and words in done.stderr and not done.stdout
