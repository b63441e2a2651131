# SPDX-License-Identifier: EUPL-1.2
"""What the running API answers is what the engine answers, from both stores, and says nothing that is not public."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager

import pyarrow.parquet as pq
import pytest

from collector.answers import ask
from collector.columns import Question
from collector.export.cells import cell
from collector.moments import DAY, iso
from collector.registry import Registry
from collector.registry.entries import snap
from collector.store.sqlite import SqliteStore
from tests.collector.api.conftest import EXACT
from tests.collector.export import city

PARQUET = "application/vnd.apache.parquet"
PERIOD = {"from": iso(city.BEGIN), "to": iso(city.BEGIN + city.DAYS * DAY)}


@contextmanager
def engine(folder):
    store = SqliteStore(folder)
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        yield store, registry
    store.close()


def rows(folder, source, quantity, every="hour", **how):
    """What the engine itself says of the whole time."""
    with engine(folder) as (store, registry):
        question = Question(source, quantity, city.BEGIN, city.BEGIN + city.DAYS * DAY, every=every, **how)
        return ask(store, registry, question).rows


def close(found, wanted):
    """Equal, floats to 1e-9."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert list(one) == list(other)
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("page", "source", "quantity", "asked", "engine_asked"),
    [
        ("series", "kit-one", "pm25", {}, {}),
        ("series", "kit-one", "pm25", {"level": "raw"}, {"kind": "raw"}),
        ("series", "kit-two", "pm25", {"as_of": iso(city.FIRST_FIT)}, {"as_of": city.FIRST_FIT}),
        ("series", "kit-one", "laeq", {"coverage": 0.5}, {"least": 0.5}),
        ("series", city.STATION, "pm25", {}, {}),
        ("series", "kit-one", "pm25", {"beside_station": "true"}, {"beside": True}),
        ("series", "project:lombok", "pm25", {}, {}),
        ("aggregates", "kit-one", "pm25", {}, {"every": "day"}),
        ("aggregates", "kit-two", "laeq", {"every": "lden"}, {"every": "lden"}),
        ("aggregates", "around:52.1,5.12,5km", "pm25", {"every": "month"}, {"every": "month"}),
        ("aggregates", "kit-one", "no2", {"every": "max8h", "zone": "UTC"}, {"every": "max8h", "zone": "UTC"}),
    ],
)
def test_an_answer_is_the_engines(api, folder, page, source, quantity, asked, engine_asked):
    found = api.get(page, params={"source": source, "quantity": quantity, **PERIOD, **asked})
    assert found.status_code == 200, found.text
    body = found.json()
    close(body["items"], rows(folder, source, quantity, **engine_asked))
    assert body["items"] and body["next"] is None
    assert "Indicative" in body["notice"]


def test_json_csv_and_parquet_say_the_same(api):
    asked = {"source": "kit-one", "quantity": "pm25", **PERIOD}
    wanted = api.get("series", params=asked).json()["items"]
    text = api.get("series", params=asked, headers={"Accept": "text/csv"})
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(io.StringIO(text.text)))
    assert lines == [{name: cell(value) for name, value in row.items()} for row in wanted]
    file = api.get("series", params=asked, headers={"Accept": f"{PARQUET}, text/csv;q=0.5"})
    assert file.headers["content-type"] == PARQUET
    table = pq.read_table(io.BytesIO(file.content))
    assert table.column_names == list(wanted[0])
    assert table["value"].to_pylist() == [row["value"] for row in wanted]


def test_what_there_is(api):
    assert api.get("projects").json()["items"] == [{"id": "lombok", "title": "Air in Lombok"}]
    assert [one["id"] for one in api.get("devices").json()["items"]] == list(city.KITS)
    assert [one["id"] for one in api.get("devices", params={"project": "lombok"}).json()["items"]] == ["kit-one"]
    one = api.get("devices/kit-one").json()
    assert {had["quantity"] for had in one["series"]} == {
        row.quantity for row in city.rows() if row.source == "kit-one"
    }
    assert all(had["n"] > 1000 for had in one["series"])
    (station,) = api.get("stations").json()["items"]
    assert station["source"] == city.STATION and station["latitude"] == 52.1
    used = api.get("calibrations", params={"device": "kit-one"}).json()["items"]
    assert len(used) == 2 and used[0]["created"] == iso(city.FIRST_FIT)
    record = api.get(f"calibrations/{used[0]['record']}").json()
    assert record["quantity"] == "pm25"


def test_places_are_those_of_the_grid_and_hosts_are_not_named(api):
    found = api.get("deployments")
    first, second = (one for one in found.json()["items"] if one["device"] == "kit-one")
    assert first["to"] == second["from"] == iso(city.MOVED) and second["to"] is None
    exact = map(float, EXACT)
    assert (first["latitude"], first["longitude"]) == snap(*exact, "100m")
    assert second["project"] == "lombok" and second["grid"] == "1km"
    hidden = [one for one in found.json()["items"] if one["grid"] == "none"]
    assert hidden and all(one["latitude"] is None and one["longitude"] is None for one in hidden)
    assert not any(exact in found.text for exact in EXACT) and "host" not in found.text


def test_pages_follow_one_another_in_every_form(api):
    whole = api.get("deployments").json()["items"]
    found, address = [], "deployments?limit=1"
    while address:
        body = api.get(api.base_url.join(address)).json()
        found, address = found + body["items"], body["next"]
        assert len(body["items"]) == 1
    assert found == whole and len(whole) == 4
    text = api.get("deployments?limit=3", headers={"Accept": "text/csv"})
    following = api.get(api.base_url.join(text.links["next"]["url"]), headers={"Accept": "text/csv"})
    assert len(text.text.splitlines()) == 4 and len(following.text.splitlines()) == 2 and "next" not in following.links


def test_a_period_without_values_is_an_empty_answer(api):
    asked = {"source": "kit-one", "quantity": "pm25", "from": "2024-01-01", "to": "2024-02-01"}
    body = api.get("series", params=asked).json()
    assert body["items"] == [] and body["notes"] == ["There are no values in that period."]
    for form in ("text/csv", PARQUET):
        assert api.get("series", params=asked, headers={"Accept": form}).status_code == 200


def test_the_page_to_try_it_out_needs_nothing_from_outside(embedded_api):
    page = embedded_api.get("docs")
    assert page.status_code == 200 and "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    for file in ("docs/start.js", "docs/swagger-ui-bundle.js", "docs/swagger-ui.css"):
        assert f'"{file}"' in page.text and embedded_api.get(file).status_code == 200
    assert embedded_api.get("docs/swagger-ui/../../x").status_code == 404


def test_openapi_names_every_page_and_its_problems(embedded_api):
    document = embedded_api.get("openapi.json").json()
    assert document["openapi"].startswith("3.1")
    pages = ("projects", "devices", "deployments", "stations", "calibrations", "series", "aggregates")
    assert {f"/v1/{page}" for page in pages} <= set(document["paths"])
    for operations in document["paths"].values():
        assert {"422", "404", "503"} <= set(operations["get"]["responses"])
    assert "HTTPValidationError" not in json.dumps(document)
