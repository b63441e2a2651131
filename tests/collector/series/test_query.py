# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure query` on a folder: days, groups and stations on the screen, and words for what cannot be."""

from __future__ import annotations

import csv
import io
import json
import subprocess

import pyarrow.parquet as pq
import pytest

from collector.cli.asking import EVERY, SHORT
from collector.moments import HOUR, parse_moment
from collector.registry import Registry
from collector.series import Every
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment

START = parse_moment("2026-03-28T23:00:00Z")  # the first moment of 29 March in Amsterdam, a day of 23 hours


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city") / "data"
    store = SqliteStore(folder)
    settings = Settings(folder=folder)
    with Registry(settings.registry_url) as registry:
        registry.add_project("street", "A street")
        registry.add_device("kit-1", "kit-aaaaaa")
        registry.start_deployment("kit-aaaaaa", START, latitude=52.09, longitude=5.12, project="street")
        registry.add_station("near01", "The Square", latitude=52.1, longitude=5.12)
        for source, level in (("kit-aaaaaa", 50.0), ("station:near01", 55.0)):
            store.write([Row(source, "laeq", START + (i + 1) * HOUR, HOUR, level, 1, 0) for i in range(55)])
    store.close()
    return folder


def test_the_names_of_the_command_are_those_of_the_engine():
    assert tuple(Every) == EVERY
    assert set(SHORT.values()) <= set(EVERY)


def test_a_day_of_23_hours_beside_the_station(folder):
    ask = ("query", "kit-aaaaaa", "laeq", "--every", "1d", "--beside-station", "--folder", folder)
    rows = json.loads(citimeasure(*ask, "-o", "json").stdout)
    assert [(row["name"], row["hours"], row["value"], row["station"]) for row in rows] == [
        ("2026-03-29", 23, 50, 55),
        ("2026-03-30", 24, 50, 55),
        ("2026-03-31", 8, None, None),
    ]
    assert rows[0]["start"] == "2026-03-28T23:00:00Z" and rows[0]["end"] == "2026-03-29T22:00:00Z"
    shown = citimeasure(*ask)
    assert "The Square (near01), 1.1 km away" in shown.stderr and "2026-03-29" in shown.stdout


def test_parquet_goes_into_a_pipe_as_csv_does(folder):
    ask = [*CITIMEASURE, "query", "kit-aaaaaa", "laeq", "--last", "10000d", "--folder", str(folder), "-o"]
    file = subprocess.run([*ask, "parquet"], check=True, capture_output=True, env=environment())
    found = pq.read_table(io.BytesIO(file.stdout))
    text = subprocess.run([*ask, "csv"], check=True, capture_output=True, env=environment(), text=True).stdout
    rows = list(csv.DictReader(text.splitlines()))
    assert found.column_names == list(rows[0])
    ends = [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in found["end"].to_pylist()]
    assert ends == [row["end"] for row in rows]
    assert found["value"].to_pylist() == [float(row["value"]) for row in rows]
    assert b"Indicative" in found.schema.metadata[b"notice"] and b"Indicative" in file.stderr


def completed(folder, words):
    """What a shell is offered for the last of the words."""
    asked = {"_CITIMEASURE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    asked["CITIMEASURE_FOLDER"] = str(folder)
    done = subprocess.run(CITIMEASURE, capture_output=True, text=True, env=environment() | asked, check=True)
    return [line.split(",", 1)[1] for line in done.stdout.splitlines() if line]


def test_a_shell_completes_commands_kits_stations_quantities_and_lengths(folder, tmp_path):
    assert completed(folder, "citimeasure qu") == ["query"]
    assert completed(folder, "citimeasure query kit-") == ["kit-aaaaaa"]
    assert completed(folder, "citimeasure query station:") == ["station:near01"]
    assert completed(folder, "citimeasure query kit-aaaaaa pm") == ["pm1", "pm25", "pm4", "pm10"]
    assert completed(folder, "citimeasure query kit-aaaaaa laeq --every l") == ["lday", "leve", "lnight", "lden"]
    assert completed(tmp_path / "nowhere", "citimeasure query kit-") == []
    assert not (tmp_path / "nowhere").exists()
    for shell in ("bash", "zsh", "fish"):
        assert "_CITIMEASURE_COMPLETE" in citimeasure("completion", shell).stdout


def test_nights_and_lden_of_a_group(folder):
    ask = ("query", "project:street", "laeq", "--folder", folder, "-o", "csv", "--every")
    nights = list(csv.DictReader(citimeasure(*ask, "lnight").stdout.splitlines()))
    found = [(row["name"], row["value"], row["sensors"]) for row in nights]
    # Of the first night, that of the change of the clock, six of seven hours were measured.
    assert found == [("2026-03-28", "50.0", "1"), ("2026-03-29", "50.0", "1"), ("2026-03-30", "50.0", "1")]
    days = list(csv.DictReader(citimeasure(*ask, "lden").stdout.splitlines()))
    # A level that never changes: Lden is 6.395 dB above it.
    assert float(next(row["value"] for row in days if row["name"] == "2026-03-29")) == pytest.approx(56.3952, abs=1e-4)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("kit-aaaaaa", "laeq", "--every", "fortnight"), 2, "none of minute, hour"),
        (("kit-aaaaaa", "laeq", "--every", "day", "--zone", "Mars/Olympus"), 2, "no time zone"),
        (("kit-aaaaaa", "laeq", "--coverage", "7"), 2, "0<=x<=1"),
        (("project:nobody", "laeq"), 4, "no kit in project:nobody"),
        (("within:nowhere.geojson", "laeq"), 2, "cannot be read"),
        (("kit-aaaaaa", "pm25"), 4, "no values of pm25"),
        (("'; DROP TABLE value; --", "laeq"), 4, "no values"),
        (("kit-aaaaaa", "laeq", "--from", "2026-05-01", "--to", "2026-04-01"), 2, "ends before it begins"),
    ],
)
def test_questions_without_an_answer_are_told(folder, args, code, words):
    done = citimeasure("query", *args, "--folder", folder, ok=False)
    assert done.returncode == code and words in done.stderr and done.stdout == ""
