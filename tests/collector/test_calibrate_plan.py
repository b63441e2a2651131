# SPDX-License-Identifier: EUPL-1.2
"""`calibrate plan` from a plain CSV file, from lengths, and from nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from collector.cli import main
from collector.moments import iso
from tests.calibration.test_planner import wandering


def run(*words: object) -> int:
    try:
        main(["calibrate", "plan", *(str(word) for word in words)])
    except SystemExit as done:
        return int(done.code or 0)
    return 0


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    path = tmp_path / "hours.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "pm", "ref"])
        writer.writerows([iso(int(t)), x, y] for t, x, y in zip(*wandering(3, 40), strict=True))
    return path


def test_days_progress_and_geometry_stand_in_one_table(hours: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["--time", "time", "--raw", "pm", "--reference", "ref"]
    assert run(hours, *columns, "--limit-value", 100, "--distance", 50, "-o", "json") == 0
    rows = {row["what"].partition(" (")[0]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["days together"]["measured"] == 40
    assert rows["uncertainty of the level [%]"]["measured"] < 15
    assert rows["hours with both values [%]"]["kept"] is True
    assert rows["reference, 95 % quantile"]["kept"] is False
    assert rows["inlets apart on the ground [m]"]["kept"] is False
    assert rows["free arc around the inlet [degrees]"]["kept"] is None
    assert run(hours, *columns, "--wanted", 0.1, "-o", "json") == 0
    [first, *_] = json.loads(capsys.readouterr().out)
    assert first["wanted"] == "more than 366"
    assert first["kept"] is False


def test_nothing_to_plan_with_and_missing_columns_are_wrong_usage(
    hours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 2
    assert "nothing to plan with" in capsys.readouterr().err
    assert run(hours, "--raw", "pm") == 2
    assert "--reference and --time" in capsys.readouterr().err
