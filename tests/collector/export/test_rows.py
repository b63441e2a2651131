# SPDX-License-Identifier: EUPL-1.2
"""What an export holds: the same rows in every format, from both stores, and the same bytes for the same question."""

import math

import frictionless
import numpy as np
import pytest

from collector.errors import NothingFound, SettingError, UsageError
from collector.export.make import export
from collector.export.request import FORMATS, Request
from collector.export.verify import verify
from collector.moments import HOUR
from collector.quantities import QUANTITIES
from collector.series import calibrated, hour_grid
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.collector.export import city, loading

READERS = {
    "csv": loading.from_csv,
    "jsonl": loading.from_jsonl,
    "parquet": loading.from_parquet,
    "netcdf": loading.from_netcdf,
}
QUESTIONS = {
    "hours of both levels": Request(formats=tuple(FORMATS)),
    "calibrated hours": Request(formats=tuple(FORMATS), level="calibrated"),
    "raw hours": Request(formats=tuple(FORMATS), level="raw"),
    "readings": Request(formats=tuple(FORMATS), every="minute", after=city.BEGIN + 5, until=city.MOVED + 7),
}


@pytest.fixture(scope="module", params=QUESTIONS)
def asked(request):
    return QUESTIONS[request.param]


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def known(value):
    """A number as rows have it."""
    return None if math.isnan(value) else float(value)


def slow_rows(store, registry, request):
    """The rows, one by one, from the same functions that answer `citimeasure query`; without an export's blocks."""
    found = []
    for one in store.series():
        unit = QUANTITIES[one.quantity].unit if one.quantity in QUANTITIES else None
        head = {"source": one.source, "quantity": one.quantity, "unit": unit}
        if request.every == "minute":
            values = store.read(one.source, one.quantity, request.after, request.until)
            for t, dt, value, flag, tests in zip(
                values.t, values.dt, values.value, values.flag, values.tests, strict=True
            ):
                row = {**head, "start": int(t - dt), "end": int(t), "tests": int(tests), "raw": float(value)}
                found.append({**row, "raw_flag": int(flag)})
        elif one.quantity != "la90":
            grid = hour_grid(city.BEGIN, city.BEGIN + city.DAYS * 24 * HOUR)
            hours = calibrated(store, registry, one.source, one.quantity, grid)
            for n, t in enumerate(grid):
                row = {**head, "start": int(t) - HOUR, "end": int(t)}
                row |= {name: known(getattr(hours, name)[n]) for name in ("value", "u", "lower", "upper")}
                row |= {"coverage": round(float(hours.raw.coverage[n]), 4), "flag": int(hours.flag[n])}
                row |= {"tests": int(hours.tests[n]), "raw": known(hours.raw.value[n])}
                row |= {"raw_flag": int(hours.raw.flag[n]), "record": hours.record[n]}
                if row["coverage"] and (request.level != "calibrated" or row["value"] is not None):
                    found.append(row)
    names = [column.name for column in request.columns]
    return loading.keyed([{name: row[name] for name in names} for row in found])


@pytest.fixture(scope="module")
def whole(asked, embedded, tmp_path_factory):
    from collector.registry import Registry

    folder = tmp_path_factory.mktemp("export") / "all"
    store = SqliteStore(embedded)
    with Registry(f"sqlite:///{embedded}/registry.sqlite") as registry:
        export(store, registry, folder, asked)
    store.close()
    return folder


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_holds_the_rows_that_a_query_gives(format, asked, whole, store, registry):
    want, got = slow_rows(store, registry, asked), READERS[format](whole)
    assert len(want) > 500
    if format == "netcdf":  # a unit is an attribute there
        want = {key: {name: cell for name, cell in row.items() if name != "unit"} for key, row in want.items()}
    assert got.keys() == want.keys()
    differing = [(got[key], want[key]) for key in want if got[key] != want[key]]
    assert not differing, differing[:3]


def test_the_other_store_gives_the_same_bytes(asked, whole, influx, registry, tmp_path):
    export(influx, registry, tmp_path / "influx", asked)
    assert contents(tmp_path / "influx") == contents(whole)


def test_the_same_question_gives_the_same_bytes(asked, whole, store, registry, tmp_path):
    export(store, registry, tmp_path / "again", asked)
    again = contents(tmp_path / "again")
    assert {path.rpartition(".")[2] for path in again} >= {"csv", "jsonl", "nc", "parquet"}
    assert again == contents(whole)


def test_rows_stand_in_order_of_source_quantity_and_time(whole):
    for path in sorted((whole / "data").glob("*.csv")):
        rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
        keys = [(row[0], row[1], row[4]) for row in rows]
        assert keys == sorted(keys) and all(path.stem[:4] == row[4][:4] for row in rows)


def test_an_interval_belongs_to_the_month_in_which_it_ends(store, registry, tmp_path):
    export(store, registry, tmp_path / "e", Request(sources=(city.KITS[0],), quantities=("pm25",)))
    january, february = ((tmp_path / "e/data" / f"2026-0{n}.csv").read_text().splitlines() for n in (1, 2))
    assert january[-1].split(",")[3:5] == ["2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z"]
    assert february[1].split(",")[3:5] == ["2026-02-01T00:00:00Z", "2026-02-01T01:00:00Z"]


def test_as_of_gives_what_was_known_then(store, registry, tmp_path):
    records = {}
    for name, moment in (("before", city.FIRST_FIT - 1), ("first", city.FIRST_FIT), ("now", None)):
        made = export(store, registry, tmp_path / name, Request(quantities=("pm25",), as_of=moment))
        rows = loading.from_csv(tmp_path / name)
        records[name] = {row["record"] for row in rows.values()} - {None}
        there = {path.stem for path in (tmp_path / name).glob("calibrations/*.json")}
        assert there == records[name] and made["records"] == len(there)
    assert records["before"] == set() and len(records["first"]) == len(records["now"]) == 2
    assert not records["first"] & records["now"]


def test_a_value_follows_from_raw_and_record(store, registry, tmp_path):
    import calibration

    export(store, registry, tmp_path / "e", Request(sources=(city.KITS[0],), quantities=("pm25",)))
    rows = [row for row in loading.from_csv(tmp_path / "e").values() if row["value"] is not None][300:310]
    record = calibration.Record.from_json((tmp_path / f"e/calibrations/{rows[0]['record']}.json").read_bytes())
    t, raw = (np.array([row[name] for row in rows]) for name in ("end", "raw"))
    found = calibration.apply(record, {"raw": raw}, t)
    assert found.value == pytest.approx([row["value"] for row in rows], rel=1e-12)
    assert found.u == pytest.approx([row["u"] for row in rows], rel=1e-12)


def test_exact_places_are_in_no_file(whole):
    for path, content in contents(whole).items():
        assert b"52.0907" not in content and b"5.1214" not in content.replace(b"5.12143", b""), path
    devices = (whole / "devices.csv").read_text()
    assert "52.0905,5.1" in devices and devices.count("none,outdoor") == 1


def test_coverage_adds_up(whole, asked):
    import csv

    with (whole / "coverage.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["rows"]) for row in rows) == len(loading.from_csv(whole))
    for row in rows:
        flags = sum(int(row[name]) for name in ("good", "not_evaluated", "suspect", "failed", "missing"))
        assert flags == int(row["rows"]) and 0 < float(row["share"]) <= 1
    if asked.every == "minute":
        january = next(row for row in rows if row["source"] == city.KITS[0] and row["quantity"] == "laeq")
        assert float(january["share"]) == pytest.approx(int(january["rows"]) * city.DT / (12 * 86400), abs=1e-4)


def test_a_long_month_of_quick_readings_is_cut_into_blocks(store, registry, tmp_path, monkeypatch):
    request = Request(every="minute", formats=("csv", "parquet"))
    export(store, registry, tmp_path / "one", request)
    monkeypatch.setattr("collector.export.blocks._VALUES", 100)
    export(store, registry, tmp_path / "many", request)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"every": "minute", "level": "calibrated"}, UsageError),
        ({"every": "minute", "level": "both"}, UsageError),
    ],
)
def test_what_cannot_be_asked(how, error):
    with pytest.raises(error):
        Request(**how)


def test_a_format_whose_package_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for format, extra in (("parquet", "parquet"), ("netcdf", "netcdf")):
        with pytest.raises(SettingError) as caught:
            Request(formats=(format,))
        assert caught.value.hint == f"pip install 'citimeasure[{extra}]'"
    Request(formats=("csv", "jsonl"))


def test_progress_is_told_up_to_the_end(store, registry, tmp_path):
    told = []
    export(store, registry, tmp_path / "e", Request(), lambda done, of: told.append((done, of)))
    hours = city.DAYS * 24
    assert [done for done, _ in told] == sorted(done for done, _ in told) and len(told) > 20
    # A kit has seven quantities that have hours, the station one.
    assert told[-1] == (15 * hours, 15 * hours) and {of for _, of in told} == {15 * hours}


def test_names_that_are_paths_or_programs_stay_names(registry, tmp_path):
    names = ["../../evil", "x'; DROP TABLE value; --", 'a,"b"', "=cmd()", "naïve µ"]
    store = SqliteStore(tmp_path / "s")
    store.write([Row(f"station:{name}", name, city.BEGIN + 60 * n, 60, 1.5, 1, 0) for name in names for n in range(9)])
    export(store, registry, tmp_path / "in/e", Request(every="minute", formats=tuple(FORMATS)))
    store.close()
    for read in READERS.values():
        found = {(row["source"], row["quantity"]) for row in read(tmp_path / "in/e").values()}
        assert found == {(f"station:{name}", name) for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {"s", "in"} and len(list((tmp_path / "in").iterdir())) == 1
    assert not [one for one in verify(tmp_path / "in/e") if one.problem]
    assert frictionless.validate(str(tmp_path / "in/e/datapackage.json")).valid


@pytest.mark.parametrize("how", [{"until": city.BEGIN}, {"quantities": ("pm1",)}, {"sources": ("kit-none",)}])
def test_nothing_to_export_leaves_no_folder(how, store, registry, tmp_path):
    with pytest.raises(NothingFound):
        export(store, registry, tmp_path / "e", Request(**how))
    assert not (tmp_path / "e").exists()
