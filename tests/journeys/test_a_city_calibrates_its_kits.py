# SPDX-License-Identifier: EUPL-1.2
"""What a municipality does, on real data: register, replay, import, fit, query, export; the same on both stores.

Three units beside a reference instrument for a month; the files are awkward and used as they are.
"""

import csv
import hashlib
import json
import math
from pathlib import Path

import pytest

from tests import parts
from tests.journeys.collecting import Collector, citimeasure, wait_until

UNITS = ("01", "02", "03")
STATION = "burdens-creek"
# The first 60 % of the time trains; a day later the rest begins.
TRAIN_UNTIL, TEST_FROM = "2019-08-19T12:00", "2019-08-20T12:00"


def kit(unit):
    return f"kit-rt{unit}"


class City:
    """The chain with its files, as one store holds them."""

    def __init__(self, folder: Path, broker: str, **env: str):
        self.folder, self.broker = folder, broker
        self.env = {"CITIMEASURE_FOLDER": str(folder), "CITIMEASURE_BROKER": broker, **env}

    def do(self, *args, ok=True):
        return citimeasure(*args, ok=ok, **self.env)

    def collect(self):
        for unit in UNITS:
            self.do("device", "add", "--id", kit(unit), "--from", "2019-08-01", "--zone", "America/New_York")
        with Collector(self.folder, **self.env) as collector:
            for unit in UNITS:
                told = self.do(
                    "replay", parts.data(f"toco_toucan_RT{unit}_minute.csv.gz"), "--device", kit(unit),
                    "--time", "Time", "--zone", "UTC-5", "--label", "begin",
                    "--map", "pm25=PM2.5 (µg/m³)", "--map", "temperature=TEMP (°C)", "--map", "humidity=RH (%)",
                    "--map", "o3=O3 (ppb)", "--map", "no2=NO2 (ppb)",
                ).stderr  # fmt: skip
                assert "0 open; refused: none" in told
            collector.wait_until_stored(240)
            assert collector.stop() == 0

    def calibrate(self):
        self.do(
            "reference", "import", parts.data("toco_toucan_reference.csv.gz"), "--station", STATION,
            "--time", "Date (UTC)", "--time", "Time (UTC)", "--label", "begin", "--map", "pm25=Value",
            "--where", "Param=PM2.5-88101", "--unit-column", "Unit", "--yes",
        )  # fmt: skip
        self.do("calibrate", "fit", *map(kit, UNITS), "pm25", "--station", STATION, "--to", TRAIN_UNTIL)

    def evaluate(self):
        told = self.do(
            "calibrate", "evaluate", *map(kit, UNITS), "pm25", "--station", STATION, "--from", TEST_FROM, "-o", "json"
        )
        return {row["device"]: row for row in json.loads(told.stdout)}

    def query(self, source, *more):
        told = self.do("query", source, "pm25", "--from", TEST_FROM, "-o", "json", *more)
        return {row["end"]: row for row in json.loads(told.stdout)}


def rmse(pairs):
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    return math.sqrt(sum(d * d for d in differences) / len(differences))


@pytest.fixture(scope="module")
def answers():
    """What each store answered, to be compared at the end."""
    return {}


@pytest.mark.timeout(600)
@pytest.mark.xdist_group("city")
@pytest.mark.parametrize("store", ["sqlite", "influx"])
def test_hourly_pm25_is_right_to_a_microgram(store, tmp_path, request, mosquitto, answers):
    env = {"CITIMEASURE_STORES": store}
    if store == "influx":
        server = request.getfixturevalue("influx_server")
        (tmp_path / "token").write_text(server.token)
        bucket = server.new_bucket("city")
        env |= {
            "CITIMEASURE_INFLUX_URL": server.url,
            "CITIMEASURE_INFLUX_BUCKET": bucket,
            "CITIMEASURE_INFLUX_TOKEN_FILE": str(tmp_path / "token"),
        }
    city = City(tmp_path / "data", mosquitto.url, **env)
    city.collect()
    city.calibrate()
    judged = city.evaluate()
    assert sum(row["rmse"] for row in judged.values()) / 3 <= 1.35
    assert sum(row["raw_rmse"] for row in judged.values()) / 3 == pytest.approx(4.20, abs=0.06)

    station = city.query(f"station:{STATION}")
    series = {unit: city.query(kit(unit)) for unit in UNITS}
    for unit, rows in series.items():
        both = [(row["value"], station[end]["value"]) for end, row in rows.items() if end in station]
        assert rmse(both) == pytest.approx(judged[kit(unit)]["rmse"], rel=1e-9)
        assert all(
            row["record"] and row["lower"] <= row["value"] <= row["upper"] for row in rows.values() if row["value"]
        )

    city.do("export", tmp_path / "export", "--from", TEST_FROM, "--quantity", "pm25")
    check_export(tmp_path / "export", series)
    answers[store] = (judged, series)
    if len(answers) == 2:
        assert answers["sqlite"] == answers["influx"]


def check_export(folder, series):
    """The export holds what the query gave, and describes itself."""
    package = json.loads((folder / "datapackage.json").read_text())
    assert not package["simulated"]
    for resource in package["resources"]:
        content = (folder / resource["path"]).read_bytes()
        assert resource["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
    rows = []
    for path in sorted((folder / "data").glob("*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    assert list(rows[0]) == [field["name"] for field in package["resources"][0]["schema"]["fields"]]
    for unit, queried in series.items():
        exported = {row["end"]: row for row in rows if row["source"] == kit(unit)}
        assert exported.keys() == queried.keys()
        for end, row in queried.items():
            for column in ("value", "u", "lower", "upper", "raw", "coverage"):
                assert (float(exported[end][column]) if exported[end][column] else None) == row[column]
            assert exported[end]["record"] == (row["record"] or "")
            assert not row["record"] or (folder / "calibrations" / f"{row['record']}.json").exists()


@pytest.mark.timeout(300)
def test_a_newer_calibration_leaves_old_answers_as_they_were(tmp_path, mosquitto):
    city = City(tmp_path / "data", mosquitto.url)
    city.do("device", "add", "--id", kit("01"), "--from", "2019-08-01")
    with Collector(city.folder, **city.env) as collector:
        city.do(
            "replay", parts.data("toco_toucan_pm25_hourly.csv.gz"), "--device", kit("01"), "--time", "time_utc",
            "--label", "begin", "--interval", "1h", "--where", "sensor_id=RT01", "--map", "pm25=pm25_raw_ugm3",
            "--unit", "pm25=ug/m3", "--map", "humidity=rh_pct", "--unit", "humidity=%",
        )  # fmt: skip
        collector.wait_until_stored()
        assert collector.stop() == 0
    city.do(
        "reference", "import", parts.data("toco_toucan_pm25_hourly.csv.gz"), "--station", STATION, "--yes",
        "--time", "time_utc", "--label", "begin", "--map", "pm25=pm25_ref_ugm3", "--unit", "pm25=ug/m3",
        "--where", "sensor_id=RT01",
    )  # fmt: skip
    fit = ("calibrate", "fit", kit("01"), "pm25", "--station", STATION)
    city.do(*fit, "--to", "2019-08-16", "--use-from", "2019-08-01")
    first = json.loads(city.do("calibrate", "list", "-o", "json").stdout)[0]
    moment = first["assigned"]
    ask = ("query", kit("01"), "pm25", "--from", "2019-08-20", "-o", "csv")
    before = city.do(*ask).stdout
    assert city.do(*ask, "--as-of", moment).stdout == before

    wait_until(lambda: _now() > moment, what="the next second")
    city.do(*fit, "--to", "2019-08-25", "--use-from", "2019-08-01")
    after = city.do(*ask).stdout
    assert after != before
    assert city.do(*ask, "--as-of", moment).stdout == before
    assert len(json.loads(city.do("calibrate", "list", "-o", "json").stdout)) == 2
    too_early = city.do(*ask, "--level", "calibrated", "--as-of", "2019-01-01", ok=False)
    assert too_early.returncode == 4 and "had no calibration at that moment" in too_early.stderr


def _now():
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
