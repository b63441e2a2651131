# SPDX-License-Identifier: EUPL-1.2
"""What a researcher does: export everything as it was calibrated on a day, check it, load it, redo a value by hand."""

import json

import duckdb
import pandas
import pytest
import xarray

from collector.registry import Registry
from collector.store.sqlite import SqliteStore
from tests.collector.export import city
from tests.journeys.collecting import citimeasure

KIT = city.KITS[0]


@pytest.mark.timeout(200)
def test_an_export_is_checked_loaded_and_one_value_is_redone_by_hand(tmp_path):
    folder, out, readings = tmp_path / "data", tmp_path / "winter", tmp_path / "readings"
    store = SqliteStore(folder)
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        city.fill(store, registry)
    store.close()

    formats = [word for name in ("csv", "parquet", "netcdf", "jsonl") for word in ("--format", name)]
    told = citimeasure("export", out, "--folder", folder, "--as-of", "2026-02-05", *formats).stderr
    assert "2 calibration records" in told and "not for testing against limit values" in told
    citimeasure("export", readings, "--folder", folder, "--device", KIT, "--quantity", "pm25", "--every", "minute")
    for made in (out, readings):
        assert "as they were made" in citimeasure("export", "verify", made).stderr

    # The same hours, whoever reads them.
    tables = [pandas.read_csv(path, parse_dates=["start", "end"]) for path in sorted((out / "data").glob("*.csv"))]
    data = pandas.concat(tables)
    pm25 = data[(data.quantity == "pm25") & (data.source == KIT) & (data.flag < 3)]
    with duckdb.connect() as db:
        sql = f"SELECT count(value), avg(value) FROM '{out}/data/*.parquet' WHERE quantity = 'pm25' AND flag < 3"
        assert db.sql(f"{sql} AND source = '{KIT}'").fetchall() == [
            (len(pm25), pytest.approx(pm25.value.mean(), rel=1e-12))
        ]
    with xarray.open_dataset(out / "data/2026-02-pm25.nc") as found:
        of_kit = found.isel(obs=found.source.values.repeat(found.row_size.values) == KIT)
        february = pm25[pm25.end > "2026-02-01"]
        assert float(of_kit.value.where(of_kit.flag < 3).mean()) == pytest.approx(february.value.mean(), rel=1e-12)
        assert str(found.time.dtype).startswith("datetime64")

    # One value by hand: the mean of its readings, put into the line of its record.
    row = pm25.iloc[len(pm25) // 2]
    one = pandas.concat(
        pandas.read_csv(path, parse_dates=["end"]) for path in sorted((readings / "data").glob("*.csv"))
    )
    of_hour = one[(one.end > row.start) & (one.end <= row.end) & (one.raw_flag < 4)]
    assert of_hour.raw.mean() == pytest.approx(row.raw, rel=1e-12)
    record = json.loads((out / f"calibrations/{row.record}.json").read_text())
    intercept, slope = record["model"]["parameters"]
    assert record["model"]["name"] == "huber_line"
    assert intercept + slope * row.raw == pytest.approx(row.value, rel=1e-12)
    assert row.lower < row.value < row.upper

    # A year later the answer is still the same, though the kits have another calibration now.
    citimeasure("export", tmp_path / "again", "--folder", folder, "--as-of", "2026-02-05", *formats)
    assert (tmp_path / "again/datapackage.json").read_bytes() == (out / "datapackage.json").read_bytes()
    told = citimeasure("export", tmp_path / "now", "--folder", folder, *formats)
    assert (tmp_path / "now/datapackage.json").read_bytes() != (out / "datapackage.json").read_bytes()
