# SPDX-License-Identifier: EUPL-1.2
"""The record: named by its content, unchangeable, and the same on both sides of JSON."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import calibration
from calibration import BadRecord, Lineage, Record, Station
from calibration.models import suiting
from tests.calibration.simulated import simulate


def record(model: str = "guarded_blend", **options: object) -> Record:
    town = simulate(30)
    return calibration.fit(
        town.t,
        town.sensor,
        town.reference,
        quantity="pm25",
        unit="ug/m3",
        model=model,
        limit_value=25.0,
        lineage=Lineage(
            devices=("kit-7h3kq2aa",),
            stations=(Station("NL10404", "verified"),),
            qc={"spike": 3},
            valid_from=1_767_225_600,
            supersedes="0" * 64,
        ),
    )


RECORD = record()


@pytest.mark.parametrize("model", suiting(("raw", "humidity", "temperature"), "pm25"))
def test_round_trip(model: str) -> None:
    one = record(model)
    again = Record.from_json(one.to_json())
    assert again == one
    assert again.id == one.id
    assert again.to_json() == one.to_json()


def test_the_id_is_the_hash_of_the_content() -> None:
    content = json.loads(RECORD.to_json())
    claimed = content.pop("id")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert claimed == RECORD.id == hashlib.sha256(text.encode()).hexdigest()


def test_the_same_data_give_the_same_record_whatever_the_order_of_inputs() -> None:
    town = simulate(30)
    turned = dict(reversed(town.sensor.items()))
    a, b = (
        calibration.fit(town.t, sensor, town.reference, quantity="pm25", unit="ug/m3")
        for sensor in (town.sensor, turned)
    )
    assert a.to_json() == b.to_json()


def test_what_a_record_says() -> None:
    town = simulate(30)
    content = json.loads(RECORD.to_json())
    assert content["features"] == {
        "raw": "ug/m3",
        "humidity": "%",
        "temperature": "Cel",
        "raw_lag1": "ug/m3",
        "humidity_lag1": "%",
        "temperature_lag1": "Cel",
    }
    assert RECORD.covariates == ("humidity", "temperature")
    assert content["training"]["start"] == int(town.t[0]) - 3600
    assert content["training"]["end"] == int(town.t[-1])
    assert content["training"]["hours"] == 720
    assert [score["model"] for score in content["scores"]] == ["raw", "no sensor", "guarded_blend"]
    assert content["expanded"]["averaging"] == "day"
    assert content["lineage"]["stations"] == [{"id": "NL10404", "verification": "verified"}]
    assert content["software"].startswith("citimeasure ")


def leaves(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to every number, text and null of a document."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))]
    return [path]


LEAVES = leaves(json.loads(RECORD.to_json()))


@given(st.sampled_from(LEAVES), st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.text(), st.none()))
def test_any_change_is_noticed(path: tuple[object, ...], value: object) -> None:
    content = json.loads(RECORD.to_json())
    place = content
    for key in path[:-1]:
        place = place[key]
    if place[path[-1]] == value:
        return
    place[path[-1]] = value
    with pytest.raises(BadRecord):
        Record.from_json(json.dumps(content).encode())


@given(st.binary(max_size=200))
def test_other_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(BadRecord) as caught:
        Record.from_json(data)
    assert caught.value.hint


def signed(**changes: object) -> bytes:
    """A document with other content and an id that fits it."""
    content = json.loads(RECORD.to_json())
    del content["id"]
    content |= changes
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(content | {"id": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_records_of_other_versions_are_refused_in_words() -> None:
    with pytest.raises(BadRecord, match="format 2"):
        Record.from_json(signed(format=2))
    with pytest.raises(BadRecord, match="lacks a part"):
        Record.from_json(signed(spread={}))
    with pytest.raises(BadRecord, match="'forest'"):
        Record.from_json(signed(model={"name": "forest"}))
    with pytest.raises(BadRecord, match="number"):
        Record.from_json(RECORD.to_json().replace(b'"penalty":', b'"penalty":NaN,"x":'))


def test_a_record_cannot_be_edited() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECORD.unit = "ppb"  # type: ignore[misc]
