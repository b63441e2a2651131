# SPDX-License-Identifier: EUPL-1.2
"""`calibrate transfer` from a plain CSV file: scores of units left out, the gain of one, and its hours."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from collector.cli import main
from collector.moments import iso
from tests.calibration.simulated import simulate

COLUMNS = ["--time", "time", "--unit", "unit", "--raw", "pm", "--reference", "ref", "--with", "humidity=rh"]


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Three units of a type beside a station, and one that reads 1.5 times as much and hung there for five days."""
    path = tmp_path / "hours.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "unit", "pm", "rh", "ref"])
        for seed in (1, 2, 3, 4):
            made = simulate(30, seed=seed)
            for i, t in enumerate(made.t):
                there = seed < 4 or i < 24 * 5
                raw = made.sensor["raw"][i] * (1.5 if seed == 4 else 1.0)
                row = [iso(int(t)), f"unit-{seed}", raw, made.sensor["humidity"][i]]
                writer.writerow([*row, made.reference[i] if there else ""])
    return path


def run(*words: object) -> int:
    try:
        main(["calibrate", "transfer", *(str(word) for word in words)])
    except SystemExit as done:
        return int(done.code or 0)
    return 0


def test_units_are_left_out_in_turn(hours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = hours.read_text().splitlines()
    hours.write_text("\n".join(line for line in text if "unit-4" not in line))
    assert run(hours, *COLUMNS, "-o", "json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["unit"] for row in rows] == ["unit-1", "unit-2", "unit-3"]
    assert all(row["type_and_gain"] < row["raw"] for row in rows)
    assert all(row["helps"] == (row["ratio"] < 1) for row in rows)


def test_a_unit_gets_its_gain_and_its_hours(hours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    assert run(hours, *COLUMNS, "--for", "unit-4", "--write", out, "-o", "json") == 0
    [row] = json.loads(capsys.readouterr().out)
    assert 0.6 < row["gain"] < 0.9
    assert row["days"] == 5
    with out.open() as file:
        written = list(csv.DictReader(file))
    made = simulate(30, seed=4)
    assert len(written) == len(made.t)
    error = [float(hour["value"]) - y for hour, y in zip(written, made.reference, strict=True)]
    raw = [1.5 * x - y for x, y in zip(made.sensor["raw"], made.reference, strict=True)]
    assert sum(x * x for x in error) < 0.1 * sum(x * x for x in raw)
    assert float(written[0]["u_gain"]) > 0


def test_what_cannot_be_is_refused(hours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = hours.read_text().splitlines()
    bare = [line.rpartition(",")[0] + "," if "unit-4" in line else line for line in lines]
    hours.write_text("\n".join(bare))
    assert run(hours, *COLUMNS, "--for", "unit-4", "--quantity", "no2") == 7
    assert "electrochemical cell for no2" in capsys.readouterr().err
    assert run(hours, *COLUMNS, "--for", "unit-9") == 4
    assert run(hours, *COLUMNS, "--write", tmp_path / "x.csv") == 2
