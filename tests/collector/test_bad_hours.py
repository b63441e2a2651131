# SPDX-License-Identifier: EUPL-1.2
"""Bad hours of every kind from a file: a sentence that says what was found and what to do, never a poor model."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from collector.errors import CitimeasureError
from collector.evaluating import Source, aim_of, evaluate, evaluate_elsewhere
from tests.calibration.simulated import simulate

Rows = list[dict[str, str]]
DAYS = 28
ALWAYS = (0, 2**62)


def hours(days: float = DAYS, seed: int = 1, unit: str = "a") -> Rows:
    town = simulate(days, seed=seed)
    columns = {
        "pm25_raw": town.sensor["raw"],
        "rh": town.sensor["humidity"],
        "temp": town.sensor["temperature"],
        "pm25_ugm3": town.reference,
    }
    return [
        {"time": datetime.fromtimestamp(int(t), UTC).strftime("%Y-%m-%d %H:%M"), "unit": unit}
        | {name: f"{x[row]:.3f}" for name, x in columns.items()}
        for row, t in enumerate(town.t)
    ]


def written(column: str, change: Callable[[str, int], str]) -> Rows:
    return [row | {column: change(row[column], at)} for at, row in enumerate(hours())]


def swapped(a: str, b: str, rows: Rows) -> Rows:
    return [row | {a: row[b], b: row[a]} for row in rows]


def twice_swapped() -> Rows:
    """Two sensors beside one reference, the columns of sensor and reference in each other's place."""
    one, other = hours(), hours(unit="b")
    for at, row in enumerate(other):
        row["pm25_raw"] = f"{float(row['pm25_raw']) * 1.2 + at % 3:.3f}"
    return swapped("pm25_raw", "pm25_ugm3", [*one, *other])


SOURCE = {"time": "time", "reference": "pm25_ugm3", "raw": "pm25_raw", "zone": "UTC", "unit": "unit"}
BESIDE = {"humidity": "rh", "temperature": "temp"}
half = DAYS * 12

# What is bad, the rows or a change of the source, what was found, what to do.
BAD: dict[str, tuple[Rows, dict[str, object], str, str]] = {
    "too few pairs": (hours(3), {}, "Too few pairs: 72 hours", "At least"),
    "constant reference": (written("pm25_ugm3", lambda x, at: "7.5"), {}, "reference is 7.5 in 100%", "right column"),
    "constant sensor": (written("pm25_raw", lambda x, at: "0"), {}, "raw value is 0 in 100%", "right column"),
    "empty column": (written("rh", lambda x, at: ""), {}, "hours of humidity are missing", "leave this one away"),
    "empty reference": (written("pm25_ugm3", lambda x, at: "NA"), {}, "the reference are missing", "another column"),
    "no number": (written("pm25_raw", lambda x, at: "off" if at == 100 else x), {}, "line 102", "number"),
    "duplicated hours": ([*hours(), hours()[5]], {}, "lines 7 and 674: the same hour of a twice", "Keep one row"),
    "mixed units": (
        written("pm25_raw", lambda x, at: x if at < half else f"{float(x) * 1000:.1f}"),
        {},
        "changes by a factor of",
        "bring the columns to one unit",
    ),
    "no zone": (hours(), {"zone": None}, "does not say of which clock", "--zone"),
    "unknown zone": (hours(), {"zone": "Europe/Nowhere"}, "Europe/Nowhere", "Write a name"),
    "wrong zone": (
        hours(120),
        {"zone": "Europe/Amsterdam"},
        "the same hour of a twice (2026-03-29",
        "another one than --zone",
    ),
    "share for percent": (written("rh", lambda x, at: str(float(x) / 100)), {}, "a share of one", "percent"),
    "kelvin": (written("temp", lambda x, at: str(float(x) + 273.15)), {}, "in kelvin", "Celsius"),
    "copy": (
        [row | {"pm25_raw": row["pm25_ugm3"]} for row in hours()],
        {},
        "one is a copy of the other",
        "two different columns",
    ),
    "swapped by their values": (twice_swapped(), {}, "swapped", "Swap the two columns"),
    "swapped by their names": (
        [row | {"pm25_ref": row["pm25_ugm3"]} for row in hours()],
        {"reference": "pm25_raw", "raw": "pm25_ref"},
        "swapped",
        "Swap the two options",
    ),
    "swapped weather": (swapped("rh", "temp", hours()), {}, "swapped", "Swap the two columns"),
    "a column that is not there": (hours(), {"raw": "pm25_rwa"}, "'pm25_rwa'", "pm25_raw"),
    "an unknown file": ([], {}, "hours.csv", ""),
}  # fmt: skip


def source_of(rows: Rows, tmp_path, **changes: object) -> Source:
    path = tmp_path / "hours.csv"
    if rows:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return replace(Source(path, beside=BESIDE, **SOURCE), **changes)


@pytest.mark.parametrize("name", BAD)
def test_bad_hours_are_refused_with_what_was_found_and_what_to_do(name, tmp_path):
    rows, changes, found, todo = BAD[name]
    source = source_of(rows, tmp_path, **changes)
    with pytest.raises(CitimeasureError) as error:
        evaluate(source, source.read(*ALWAYS), aim_of(source, "pm25", "ug/m3", None)[0])
    assert found in str(error.value)
    assert todo in error.value.hint


def test_good_hours_pass(tmp_path):
    source = source_of([*hours(), *hours(unit="b")], tmp_path)
    evaluated = evaluate(source, source.read(*ALWAYS), aim_of(source, "pm25", "ug/m3", None)[0])
    assert not evaluated.refused
    assert set(evaluated.units) == {"a", "b"}


def test_reversed_time_is_put_in_order_and_told(tmp_path):
    straight = source_of(hours(), tmp_path)
    expected = straight.read(*ALWAYS)
    found = source_of(hours()[::-1], tmp_path).read(*ALWAYS)
    assert found.time.tolist() == expected.time.tolist()
    assert found.columns["raw"].tolist() == expected.columns["raw"].tolist()
    assert any("not in the order of time" in note for note in found.notes)


def test_an_electrode_below_zero_is_told_and_used(tmp_path):
    rows = [row | {"we": f"{np.sin(at) - 0.2:.3f}"} for at, row in enumerate(hours())]
    source = source_of(rows, tmp_path, beside=BESIDE | {"op1": "we"})
    evaluated = evaluate(source, source.read(*ALWAYS), aim_of(source, "pm25", "ug/m3", None)[0])
    assert any("op1 is below zero in" in note for note in evaluated.notes)


def test_bad_hours_of_one_unit_are_refused_wherever_units_teach_each_other(tmp_path):
    rows = [*hours(), *(row | {"unit": "b", "pm25_ugm3": "7.5"} for row in hours(seed=2))]
    source = source_of(rows, tmp_path)
    with pytest.raises(CitimeasureError, match="nothing can be learned from a constant"):
        evaluate_elsewhere(source, source.read(*ALWAYS), aim_of(source, "pm25", "ug/m3", None)[0], "unit")
