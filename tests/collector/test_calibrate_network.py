# SPDX-License-Identifier: EUPL-1.2
"""`calibrate network` from two plain CSV files: a table, calibrated hours, and refusals with their exit codes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from collector.cli import main
from collector.moments import iso
from tests.calibration.simulated_network import SimulatedNetwork, simulate_network

Run = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made() -> SimulatedNetwork:
    return simulate_network(12, seed=21, n_sensors=40)


@pytest.fixture
def files(made: SimulatedNetwork, tmp_path: Path) -> tuple[Path, Path]:
    sensors = write(tmp_path / "sensors.csv", "raw", made, made.sensor_places, made.sensors, "kit")
    return sensors, write(tmp_path / "stations.csv", "reference", made, made.station_places, made.stations, "st")


def write(path: Path, name: str, made: SimulatedNetwork, places: np.ndarray, values: np.ndarray, prefix: str) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "id", "latitude", "longitude", name, "type"])
        for row, place in enumerate(places):
            for t, value in zip(made.t, values[row], strict=True):
                cell = "" if np.isnan(value) else value
                writer.writerow([iso(int(t)), f"{prefix}{row}", *place, cell, "background"])
    return path


def run(*words: object) -> int:
    try:
        main(["calibrate", "network", *(str(word) for word in words)])
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def test_a_network_from_two_files_is_judged_and_written(
    files: tuple[Path, Path], made: SimulatedNetwork, tmp_path: Path, capsys: Run
) -> None:
    out = tmp_path / "calibrated.csv"
    assert run(*files, "--type", "type", "--method", "causal", "--write", out, "-o", "json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["method"] == "causal"
    assert row["calibrated"] is True
    assert row["ratio"] == pytest.approx(row["rmse"] / row["no_sensor_rmse"])
    with out.open() as file:
        hours = list(csv.DictReader(file))
    ends = {iso(int(t)): place for place, t in enumerate(made.t)}
    truth = np.array([made.sensor_truth[int(h["id"].removeprefix("kit")), ends[h["time"]]] for h in hours])
    value, lower, upper = (np.array([float(h[name]) for h in hours]) for name in ("value", "lower", "upper"))
    assert len(hours) > 0.5 * made.sensors.size
    assert np.corrcoef(np.log(value + 1), np.log(truth + 1))[0, 1] > 0.85
    assert 0.8 < ((truth >= lower) & (truth <= upper)).mean() < 0.98


def test_a_network_an_hour_late_is_told_and_put_back(
    files: tuple[Path, Path], made: SimulatedNetwork, tmp_path: Path, capsys: Run
) -> None:
    late = write(tmp_path / "late.csv", "raw", made, made.sensor_places, np.roll(made.sensors, 1, axis=1), "kit")
    assert run(late, files[1], "--method", "hourly") in (0, 7)
    assert "All sensors together are 1 h late" in capsys.readouterr().err
    run(late, files[1], "--method", "hourly", "--shift", 1)
    assert "All sensors together" not in capsys.readouterr().err


def test_sensors_that_do_not_help_are_refused_with_seven_and_nothing_is_written(
    files: tuple[Path, Path], made: SimulatedNetwork, tmp_path: Path, capsys: Run
) -> None:
    noise = np.random.default_rng(1).lognormal(2, 1.5, made.sensors.shape)
    wrong, out = write(tmp_path / "noise.csv", "raw", made, made.sensor_places, noise, "kit"), tmp_path / "out.csv"
    assert run(wrong, files[1], "--method", "hourly", "--write", out) == 7
    assert "not called calibrated" in capsys.readouterr().err
    assert not out.exists()


def test_wrong_files_and_options_are_said(files: tuple[Path, Path], tmp_path: Path, capsys: Run) -> None:
    sensors, stations = files
    assert run(sensors, stations, "--write", tmp_path / "x.csv") == 2
    assert run(sensors, stations, "--raw", "pm") == 1
    assert "no column 'pm'" in capsys.readouterr().err
    lines = sensors.read_text().splitlines()
    lines[1] = lines[1].replace(",5", ",6", 1).replace("52.", "51.", 1)
    sensors.write_text("\n".join(lines))
    assert run(sensors, stations) == 1
    assert "places more than 200 m apart" in capsys.readouterr().err
    stations.write_text(stations.read_text().replace("background", "seaside"))
    sensors.write_text("\n".join([lines[0], *lines[2:]]))
    assert run(sensors, stations, "--type", "type") == 1
    assert "is of type seaside" in capsys.readouterr().err
