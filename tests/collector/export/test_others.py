# SPDX-License-Identifier: EUPL-1.2
"""What other people's programs say of an export: the CF checker, xarray, frictionless, DuckDB, readers of YAML."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import frictionless
import numpy as np
import pytest
import xarray
import yaml

from collector.export.make import export
from collector.export.request import FORMATS, Request
from collector.moments import DAY
from tests.collector.export import city

FEBRUARY = {"after": 1769904000, "until": 1772323200}
QUESTIONS = {
    "hours of both levels": Request(formats=tuple(FORMATS), **FEBRUARY),
    "calibrated hours": Request(formats=("netcdf",), level="calibrated", **FEBRUARY),
    "raw hours": Request(formats=("netcdf",), level="raw", **FEBRUARY),
    "readings": Request(formats=("netcdf",), every="minute", **FEBRUARY),
}


@pytest.fixture
def whole(store, registry, tmp_path):
    request = Request(
        formats=tuple(FORMATS), quantities=("laeq", "pm25"), after=city.MOVED - 2 * DAY, until=city.MOVED + DAY
    )
    export(store, registry, tmp_path / "export", request)
    return tmp_path / "export"


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_cf_checker_finds_nothing_in_any_netcdf_file(question, store, registry, tmp_path):
    export(store, registry, tmp_path / "export", QUESTIONS[question])
    files = sorted((tmp_path / "export/data").glob("*.nc"))
    assert len(files) >= (1 if question == "calibrated hours" else 7)
    checker = Path(sys.executable).with_name("compliance-checker")
    command = [checker, "--test", "cf:1.11", "--criteria", "strict", "-f", "json_new", "-o", tmp_path / "found.json"]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0 and "exceptions occurred" not in done.stderr, done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert sorted(found) == sorted(map(str, files))
    for file, verdicts in found.items():
        verdict = verdicts["cf:1.11"]
        assert verdict["scored_points"] == verdict["possible_points"] > 20, file


def test_the_cf_checker_is_not_blind(whole, tmp_path):
    import h5netcdf

    bad = whole / "data/2026-02-pm25.nc"
    with h5netcdf.File(bad, "a") as file:
        file["value"].attrs["units"] = "furlong"
    checker = Path(sys.executable).with_name("compliance-checker")
    done = subprocess.run([checker, "--test", "cf:1.11", "--criteria", "strict", bad], capture_output=True, text=True)
    assert done.returncode != 0 and "furlong" in done.stdout


def test_xarray_reads_a_file_and_writes_one_that_says_the_same(whole, tmp_path):
    with xarray.open_dataset(whole / "data/2026-02-pm25.nc", engine="h5netcdf") as found:
        found.to_netcdf(tmp_path / "again.nc", engine="h5netcdf")
        with xarray.open_dataset(tmp_path / "again.nc", engine="h5netcdf") as again:
            xarray.testing.assert_identical(found, again)
        assert found.attrs["featureType"] == "timeSeries" and found.attrs["license"] == "CC-BY-4.0"
        assert str(found.time.values[0]) == "2026-02-02T01:00:00.000000000"
        # A kit that moved has two time series, each at its own place; the grid "none" tells no place.
        assert list(found.timeseries_id.values) == [
            "kit-one 2026-01-20T00:00:00Z", "kit-two 2026-01-20T00:00:00Z", "kit-two 2026-02-04T00:00:00Z",
            city.STATION,
        ]  # fmt: skip
        np.testing.assert_array_equal(found.latitude, [52.0905, 52.0905, np.nan, 52.1])
        ends = found.time.values[np.cumsum(found.row_size.values) - 1]
        assert str(ends[1])[:16] == "2026-02-04T00:00"
        assert found.value.attrs["units"] == "ug m-3" and "u" in found.value.attrs["ancillary_variables"].split()
        assert found.u.attrs["standard_name"] == f"{found.value.attrs['standard_name']} standard_error"
        assert list(found.flag.attrs["flag_values"]) == [1, 2, 3, 4, 9]


def test_frictionless_finds_the_package_valid(whole):
    report = frictionless.validate(str(whole / "datapackage.json"))
    assert report.valid, [(task.name, error.message) for task in report.tasks for error in task.errors[:2]]
    assert {task.type for task in report.tasks} >= {"table", "json", "file"}
    assert sum(task.type == "table" for task in report.tasks) == 6


@pytest.mark.parametrize("file", ["data/2026-02.csv", "data/2026-02.jsonl", "data/2026-02.parquet"])
def test_frictionless_is_not_blind(file, whole):
    package = json.loads((whole / "datapackage.json").read_text())
    resource = next(one for one in package["resources"] if one["path"] == file)
    resource["schema"]["fields"][5]["type"] = "boolean"  # the column value
    (whole / "datapackage.json").write_text(json.dumps(package))
    assert not frictionless.validate(str(whole / "datapackage.json")).valid


def test_duckdb_reads_types_and_metadata_of_parquet(whole):
    with duckdb.connect() as db:
        path = f"'{whole}/data/2026-02.parquet'"
        types = dict(db.sql(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM {path})").fetchall())
        assert (
            types["end"] == "TIMESTAMP WITH TIME ZONE" and types["value"] == "DOUBLE" and types["source"] == "VARCHAR"
        )
        found = db.sql(f"SELECT key, value FROM parquet_kv_metadata({path})").fetchall()
        about = {bytes(key).decode(): bytes(value).decode() for key, value in found}
        assert about["license"] == "CC-BY-4.0" and json.loads(about["units"])["pm25"] == "ug/m3"
        assert "citimeasure" in about["software"] and "not for testing against limit" in about["notice"]
        groups = db.sql(f"SELECT DISTINCT compression, row_group_id FROM parquet_metadata({path})").fetchall()
        assert groups == [("ZSTD", 0)]
        best = db.sql(f"SELECT max(value) FROM {path} WHERE source = 'kit-one' AND flag < 3").fetchall()[0][0]
        assert 5 < best < 60


def test_the_crate_names_every_file_and_holds_together(whole):
    crate = json.loads((whole / "ro-crate-metadata.json").read_text())
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    things = {thing["@id"]: thing for thing in crate["@graph"]}
    assert len(things) == len(crate["@graph"])
    descriptor, root = things["ro-crate-metadata.json"], things["./"]
    assert descriptor["about"] == {"@id": "./"} and descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert all(root[name] for name in ("name", "description", "datePublished", "license"))

    def references(value):
        if isinstance(value, dict):
            yield from (
                [value["@id"]] if set(value) == {"@id"} else [id_ for one in value.values() for id_ in references(one)]
            )
        elif isinstance(value, list):
            yield from (id_ for one in value for id_ in references(one))

    assert set(references([root, things["#export"]])) <= set(things)
    parts = {one["@id"] for one in root["hasPart"]}
    there = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert parts == there - {"ro-crate-metadata.json", "datapackage.json"}
    for part in parts:
        content = (whole / part).read_bytes()
        assert things[part]["sha256"] == hashlib.sha256(content).hexdigest()
        assert things[part]["contentSize"] == str(len(content))


def test_the_citation_file_has_what_its_format_asks_for(store, registry, tmp_path):
    words = Request(title='Air: "our" street #1', publisher="Buren voor lucht", licence="CC0-1.0", as_of=city.FIRST_FIT)
    export(store, registry, tmp_path / "e", words)
    found = yaml.safe_load((tmp_path / "e/CITATION.cff").read_text())
    assert found["cff-version"] == "1.2.0" and found["message"] and found["type"] == "dataset"
    assert found["title"] == words.title and found["authors"] == [{"name": words.publisher}]
    assert found["license"] == "CC0-1.0" and str(found["date-released"]) == "2026-02-01"
    assert "CC0-1.0" in (tmp_path / "e/LICENCE.md").read_text()
    package = json.loads((tmp_path / "e/datapackage.json").read_text())
    assert package["licenses"][0]["name"] == "CC0-1.0" and package["as_of"] == "2026-02-01T00:00:00Z"
