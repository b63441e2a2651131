# SPDX-License-Identifier: EUPL-1.2
"""`calibrate evaluate FILE`: from a plain CSV to a table and a record, without any store."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import calibration
from tests import parts
from tests.calibration.simulated import Simulated, simulate
from tests.journeys.collecting import citimeasure

COLUMNS = ("--time", "time", "--reference", "pm25_ref_ugm3", "--raw", "pm25_raw", "--with", "humidity=rh", "--with",
           "temperature=temp_c")  # fmt: skip


def write(path: Path, units: dict[str, Simulated]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "sensor", "pm25_raw", "rh", "temp_c", "pm25_ref_ugm3"])
        for unit, town in units.items():
            columns = [town.sensor["raw"], town.sensor["humidity"], town.sensor["temperature"], town.reference]
            for t, *values in zip(town.t, *columns, strict=True):
                label = datetime.fromtimestamp(int(t), UTC).strftime("%Y-%m-%d %H:%M")
                writer.writerow([label, unit, *(f"{x:.4f}" for x in values)])
    return path


@pytest.fixture(scope="module")
def hours(tmp_path_factory):
    return write(tmp_path_factory.mktemp("hours") / "hours.csv", {"a": simulate(40), "b": simulate(40, seed=2)})


def evaluate(*args: object, ok: bool = True):
    return citimeasure("calibrate", "evaluate", *args, ok=ok)


def command(name: str, *args: object):
    return citimeasure("calibrate", name, *args)


def refused(code: int, words: str, *args: object) -> str:
    done = evaluate(*args, ok=False)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_csv_becomes_a_table_of_models_and_means_and_records(hours, tmp_path):
    done = evaluate(hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "-o", "json",
                    "--record", tmp_path / "{unit}.json")  # fmt: skip
    rows = json.loads(done.stdout)
    assert {row["unit"] for row in rows} == {"a", "b", "mean"}
    by_name = {(row["unit"], row["model"]): row for row in rows}
    assert by_name["mean", "chosen"]["rmse"] < by_name["mean", "raw"]["rmse"]
    assert by_name["mean", "chosen"]["rmse"] < by_name["mean", "no sensor"]["rmse"]
    assert "taken as pm25" in done.stderr and "in ug/m3" in done.stderr and "not for testing against" in done.stderr
    record = calibration.Record.from_json((tmp_path / "b.json").read_bytes())
    assert record.lineage.devices == ("b",)
    assert dict(record.lineage.units) == {"humidity": "%", "temperature": "Cel"}
    assert by_name["b", record.model.name]["chosen"]


def test_each_unit_is_judged_by_what_the_others_teach(hours):
    done = evaluate(hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "--leave-out", "unit", "-o", "json")
    rows = json.loads(done.stdout)
    assert {row["unit"] for row in rows} == {"a", "b", "mean"}
    by_name = {(row["unit"], row["model"]): row for row in rows}
    assert by_name["mean", "chosen"]["rmse"] < by_name["mean", "raw"]["rmse"]
    assert "Each unit is judged by models that learned from the others" in done.stderr
    refused(1, "a has one season only (winter)", hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "--leave-out",
            "season")  # fmt: skip


def test_the_library_and_the_command_agree(hours):
    town = simulate(40)
    rounded = {name: np.round(x, 4) for name, x in town.sensor.items()}
    aim = calibration.Aim("pm25", "ug/m3", 25.0)
    expected = calibration.evaluate_unit(town.t, rounded, np.round(town.reference, 4), aim, unit="a").rows
    done = evaluate(hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "-o", "json")
    found = [row for row in json.loads(done.stdout) if row["unit"] == "a"]
    assert found == [vars(row) for row in expected]


def test_all_ways_to_print_say_the_same(hours):
    args = (hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor")
    from_csv = list(csv.DictReader(io.StringIO(evaluate(*args, "-o", "csv").stdout)))
    from_json = json.loads(evaluate(*args, "-o", "json").stdout)
    assert [row["model"] for row in from_csv] == [row["model"] for row in from_json]
    assert [row["rmse"] for row in from_csv] == ["" if row["rmse"] is None else repr(row["rmse"]) for row in from_json]
    told = evaluate(*args, "-o", "table").stdout
    assert "guarded_blend *" in told and "no sensor" in told and "W %" in told


def test_a_unit_with_too_few_hours_does_not_stop_the_others(tmp_path):
    path = write(tmp_path / "hours.csv", {"long": simulate(40), "short": simulate(2, seed=2)})
    args = (path, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "-o", "json")
    rows = {(row["unit"], row["model"]): row for row in json.loads(evaluate(*args).stdout)}
    assert rows["short", ""]["refused"].startswith("Too few pairs: 48 hours")
    assert rows["long", "huber_line"]["rmse"] > 0
    assert not any(unit == "mean" for unit, _ in rows)


def test_a_period_can_be_chosen(hours):
    args = (hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "-o", "json")
    short = json.loads(evaluate(*args, "--to", "2026-01-21").stdout)
    assert max(row["n"] for row in short if row["unit"] == "a") < 8 * 24
    refused(4, "no hours in that period", *args, "--from", "2027-01-01")


def test_what_does_not_fit_together_is_refused(hours, tmp_path):
    refused(7, "memory, not skill", hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "--split", "random")
    refused(2, "--reference and --raw and --time must name a column", hours)
    refused(2, "--station ID", hours, "pm25")
    refused(2, "--as-of cannot be used with a file", hours, *COLUMNS, "--as-of", "2026-01-01")
    refused(2, "--zone cannot be used with --station", "kit-aaa", "pm25", "--station", "x", "--zone", "UTC")
    refused(2, "name one kit or more", "kit-aaa", "--station", "x")
    refused(2, "has no = in it", hours, *COLUMNS[:6], "--with", "rh")
    refused(2, "the same thing twice", hours, *COLUMNS, "--with", "rh=rh", "--zone", "UTC")
    refused(2, "--measured-in cannot be used", hours, *COLUMNS, "--zone", "UTC", "--measured-in", "dB")
    told = refused(2, "one file for their records", hours, *COLUMNS, "--zone", "UTC", "--unit", "sensor",
                   "--record", tmp_path / "record.json")  # fmt: skip
    assert "record-{unit}.json" in told
    refused(1, "does not say of which clock it is", hours, *COLUMNS, "--unit", "sensor")


def test_real_sensors_come_as_near_as_the_bars_ask():
    done = evaluate(
        parts.data("love_my_air_hourly.csv.gz"), "--time", "time_local", "--zone", "UTC-7", "--unit", "sensor_id",
        "--reference", "pm25_ref_ugm3", "--raw", "pm25_raw_ugm3", "--with", "humidity=rh_pct",
        "--with", "temperature=temp_c", "-o", "json",
    )  # fmt: skip
    mean = {row["model"]: row for row in json.loads(done.stdout) if row["unit"] == "mean"}
    assert mean["chosen"]["rmse"] <= 2.80
    assert mean["raw"]["rmse"] == pytest.approx(6.61, abs=0.01)
    assert 0.86 <= mean["chosen"]["coverage90"] <= 0.95


def test_labels_that_are_late_are_told_and_corrected_when_asked(tmp_path):
    town = simulate(60)
    raw = np.concatenate([[np.nan], town.sensor["raw"][:-1]])
    shifted = Simulated(town.t, {**town.sensor, "raw": raw}, town.reference)
    path = write(tmp_path / "hours.csv", {"a": shifted, "b": town})
    args = (path, *COLUMNS, "--zone", "UTC", "--unit", "sensor", "-o", "json")
    rows = {row["unit"]: row for row in json.loads(command("align", *args).stdout)}
    assert rows["a"]["finding"] == "an hour" and rows["a"]["sure"] and rows["b"]["finding"] == "ok"
    told = evaluate(*args)
    assert "a: The sensor's labels are an hour late" in told.stderr and "corrected." not in told.stderr
    corrected = evaluate(*args, "--correct-lag", "--record", tmp_path / "{unit}.json")
    assert "It was corrected." in corrected.stderr
    assert calibration.Record.from_json((tmp_path / "a.json").read_bytes()).alignment.corrected
    better = [
        next(row["rmse"] for row in json.loads(done.stdout) if row["unit"] == "a" and row["chosen"])
        for done in (corrected, told)
    ]
    assert better[0] < 0.7 * better[1]


def test_hours_that_fail_quality_control_are_counted_in_table_and_record(tmp_path):
    town = simulate(40)
    raw = town.sensor["raw"].copy()
    raw[100:112] = raw[100]
    path = write(tmp_path / "hours.csv", {"a": Simulated(town.t, {**town.sensor, "raw": raw}, town.reference)})
    args = (path, *COLUMNS, "--zone", "UTC", "-o", "json")
    found = {row["test"]: row for row in json.loads(command("qc", *args).stdout)}
    assert found["stuck"]["hours"] == 12 and found["stuck"]["done"] == "kept out of the training"
    done = evaluate(*args, "--record", tmp_path / "a.json")
    assert "12 hours are kept out of the training (stuck 12)" in done.stderr
    assert calibration.Record.from_json((tmp_path / "a.json").read_bytes()).lineage.qc["stuck"] == 12
