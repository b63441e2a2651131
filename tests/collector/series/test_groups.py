# SPDX-License-Identifier: EUPL-1.2
"""Groups: who belongs to one and when, what their mean is, and what an area must be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.answers import ask
from collector.columns import Question
from collector.errors import CitimeasureError, DataError, NothingFound, UsageError
from collector.moments import DAY, HOUR, parse_moment
from collector.registry import Registry
from collector.series import Every, hour_grid, longer, windows
from collector.series.groups import distance, is_group, mean, members, nearest_station
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.collector.series.examples import of_hours

START = parse_moment("2026-01-15T00:00:00Z")
STREET = {"kit-aaaaaa": (52.0901, 5.1201), "kit-bbbbbb": (52.0921, 5.1221), "kit-cccccc": (52.2001, 5.3001)}
LEVELS = {"kit-aaaaaa": 10.0, "kit-bbbbbb": 20.0, "kit-cccccc": 60.0}


@pytest.fixture
def town(tmp_path):
    """Three kits with two days of hours each, two of them of a project, and two stations."""
    store = SqliteStore(tmp_path)
    with Registry(f"sqlite:///{tmp_path / 'registry.sqlite'}") as registry:
        registry.add_project("street", "A street")
        for id_, (latitude, longitude) in STREET.items():
            registry.add_device("kit-1", id_)
            project = None if id_ == "kit-cccccc" else "street"
            registry.start_deployment(id_, START, latitude=latitude, longitude=longitude, project=project, zone="UTC")
            rows = [Row(id_, "pm25", START + (i + 1) * HOUR, HOUR, LEVELS[id_], 1, 0) for i in range(48)]
            store.write(rows)
        for id_, latitude in (("near01", 52.1), ("far001", 53.0)):
            registry.add_station(id_, id_, latitude=latitude, longitude=5.12)
            store.write([Row(f"station:{id_}", "pm25", START + (i + 1) * HOUR, HOUR, 15.0, 1, 0) for i in range(48)])
        yield store, registry
    store.close()


def asked(source, **how):
    return Question(source, "pm25", 0, 2**40, **how)


def polygon(tmp_path, *rings, kind="Polygon"):
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": rings}}))
    return path


AROUND_THE_STREET = [[5.11, 52.08], [5.13, 52.08], [5.13, 52.10], [5.11, 52.10], [5.11, 52.08]]


def test_a_group_is_a_project_an_area_or_a_circle(town, tmp_path):
    _, registry = town
    for group in ("project:street", f"within:{polygon(tmp_path, AROUND_THE_STREET)}", "around:52.0911,5.1211,1km"):
        assert [one.device for one in members(registry, group)] == ["kit-aaaaaa", "kit-bbbbbb"]
        assert is_group(group)
    assert not is_group("station:near01") and not is_group("kit-aaaaaa")


def test_a_hole_in_an_area_is_outside(town, tmp_path):
    _, registry = town
    hole = [[5.119, 52.089], [5.121, 52.089], [5.121, 52.091], [5.119, 52.091], [5.119, 52.089]]
    group = f"within:{polygon(tmp_path, AROUND_THE_STREET, hole)}"
    assert [one.device for one in members(registry, group)] == ["kit-bbbbbb"]


def test_the_mean_of_a_group_stands_beside_the_station(town):
    store, registry = town
    answer = ask(store, registry, asked("project:street", every="day", beside=True))
    assert [row["name"] for row in answer.rows] == ["2026-01-15", "2026-01-16"]
    for row in answer.rows:
        assert (row["value"], row["sensors"], row["coverage"], row["station"]) == (15, 2, 1, 15)
        assert row["spread"] == pytest.approx(np.std([10, 20], ddof=1))
    assert "near01" in answer.station and "0.9 km" in answer.station


def test_a_kit_counts_while_it_belongs_to_the_group(town):
    store, registry = town
    registry.start_deployment("kit-bbbbbb", START + DAY, latitude=52.5, longitude=5.5, zone="UTC")
    by_hour = ask(store, registry, asked("project:street")).rows
    assert [row["sensors"] for row in by_hour] == [2] * 24 + [1] * 24
    assert [row["value"] for row in by_hour] == [15] * 24 + [10] * 24
    assert by_hour[0]["coverage"] == 1 and by_hour[-1]["coverage"] == 0.5


def test_an_answer_by_day_is_that_of_each_kit(town):
    store, registry = town
    for source, value in LEVELS.items():
        rows = ask(store, registry, asked(source, every="day")).rows
        assert [(row["value"], row["hours"]) for row in rows] == [(value, 24)] * 2
    rows = ask(store, registry, asked("station:near01", every="month")).rows
    assert [(row["name"], row["value"], row["hours"]) for row in rows] == [("2026-01", None, 48)]
    rows = ask(store, registry, asked("station:near01", every="month", least=0.05)).rows
    assert [row["value"] for row in rows] == [15]


@pytest.mark.parametrize(
    ("group", "error", "words"),
    [
        ("project:nobody", NothingFound, "no kit in project:nobody"),
        ("around:52.09,5.12", UsageError, "no circle"),
        ("around:152.09,5.12,1km", UsageError, "no place on Earth"),
        ("around:10,5.12,1km", NothingFound, "no kit"),
        ("within:nothing.geojson", UsageError, "cannot be read"),
    ],
)
def test_groups_that_are_none_are_told(town, group, error, words):
    with pytest.raises(error, match=words):
        members(town[1], group)


@pytest.mark.parametrize(
    ("rings", "words"),
    [
        ([[[5.11, 52.08], [5.13, 52.10], [5.13, 52.08], [5.11, 52.10], [5.11, 52.08]]], "Self-intersection"),
        ([[[136000, 455000], [137000, 455000], [137000, 456000], [136000, 455000]]], "national grid"),
        ([], "empty"),
        ([[[5.11, 52.08], [5.13, 52.08]]], "no GeoJSON"),
    ],
)
def test_areas_that_are_none_are_told(town, tmp_path, rings, words):
    with pytest.raises(DataError) as told:
        members(town[1], f"within:{polygon(tmp_path, *rings)}")
    assert words in f"{told.value} {told.value.hint}"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"type": "Point", "coordinates": [5, 52]}', "\x00", '"x"', "3"])
def test_files_that_are_no_areas_are_told(town, tmp_path, content):
    path = tmp_path / "area.geojson"
    path.write_text(content)
    with pytest.raises(DataError, match=r"no GeoJSON|polygons"):
        members(town[1], f"within:{path}")


@given(st.text())
def test_no_text_is_an_uncaught_error(text):
    with pytest.raises(CitimeasureError):
        members(Nobody(), f"around:{text}")


class Nobody:
    """A registry without deployments."""

    def deployments(self):
        return []


def test_questions_that_have_no_answer_are_told(town):
    store, registry = town
    with pytest.raises(UsageError, match="by minute"):
        ask(store, registry, asked("project:street", every="minute"))
    with pytest.raises(NothingFound, match="no calibration"):
        ask(store, registry, asked("project:street", kind="calibrated"))
    nothing = ask(store, registry, replace(asked("project:street"), quantity="no2"))
    assert nothing.rows == [] and "None of its 2 kits" in nothing.hint
    with pytest.raises(NothingFound, match="no station beside"):
        ask(store, registry, asked("station:near01", beside=True))
    registry.start_deployment("kit-cccccc", START + DAY, zone="Europe/Lisbon")
    with pytest.raises(UsageError, match="time zone of station:near01"):
        ask(store, registry, asked("station:near01", every="day"))
    assert len(ask(store, registry, asked("station:near01", every="day", zone="UTC")).rows) == 2


def test_levels_of_a_group_are_averaged_by_energy():
    days = windows(Every.DAY, START, START + DAY, "UTC")
    grid = hour_grid(START, START + DAY)
    parts = [longer(of_hours(grid, np.full(24, level)), "laeq", days) for level in (50.0, 60.0)]
    found = mean(parts, "laeq")
    assert found.value[0] == pytest.approx(57.4036, abs=1e-4) and found.u is None


def test_the_nearest_station_is_the_nearest(town):
    _, registry = town
    station, far = nearest_station(registry.stations(), (52.2, 5.12))
    assert station.id == "near01" and far == pytest.approx(11_119, abs=2)
    assert distance((0, 179.999), (0, -179.999)) == pytest.approx(222.4, abs=0.1)
    assert nearest_station([], (52.2, 5.12)) is None
