# SPDX-License-Identifier: EUPL-1.2
"""The reader of reference files: awkward files of our own making, real ones, and round trips of random tables."""

import dataclasses
import gzip
import time
from datetime import datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.errors import DataError, UsageError
from collector.reference import Mapping, preview, read_columns, read_table, write_reference
from collector.reference.clock import parse_zone
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests import parts
from tests.collector.csvfiles import HOUR, SIMPLE, accounted, at, read

# Files


def test_the_header_is_found_below_other_lines(write):
    path = write("\ufeffStation: X, Y\n\n'Exported, by ; hand'\ntime;PM2.5 (µg/m³);x\n2026-03-01 06:00;1;2\n")
    table = read(path, value="pm2.5", unit=None)
    assert table.value.tolist() == [1] and table.unit_found == "µg/m³"
    assert read(path, value="pm2.5", unit=None, skip=3, delimiter=";").value.tolist() == [1]
    with pytest.raises(DataError, match="no column 'time'"):
        read(path, skip=2)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(write, delimiter):
    path = write(f'time{delimiter}note{delimiter}pm25\r\n2026-03-01 06:00{delimiter}"a{delimiter}b"{delimiter}4\r\n')
    assert read(path).value.tolist() == [4]


def test_encodings(write):
    text = "time,Ozon [µg/m³]\n2026-03-01 06:00,1\n"
    for encoding, note in (("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "Latin-1"), ("utf-16", "UTF-16")):
        table = read(write(text.encode(encoding)), "o3", value="Ozon", unit=None)
        assert table.unit_found == "µg/m³" and note in "".join(table.report.notes)
        assert bool(note) == bool(table.report.notes)


def test_compressed_files_are_known_by_their_content(write):
    packed = gzip.compress(b"time,pm25\n2026-03-01 06:00,1\n")
    assert read(write(packed)).value.tolist() == [1]
    with pytest.raises(DataError, match="cannot be read"):
        read(write(packed[:-9]))


def test_numbers_with_a_decimal_comma(write):
    path = write('time;pm25\n2026-03-01 06:00;1,5\n2026-03-01 07:00;"2"\n2026-03-01 08:00;1.234\n')
    table = read(path, decimal=",")
    assert table.value.tolist() == [1.5, 2]
    assert table.report.examples == ("line 4: '1.234' is no number",)
    assert "comma" in "".join(read(path).report.notes)


def test_missing_codes_match_as_texts_and_as_numbers(write):
    cells = ["-999.00", "na", "NaN", "", " ", "-9999", "3"]
    path = write("time,pm25\n" + "".join(f"2026-03-01 {n:02}:00,{cell}\n" for n, cell in enumerate(cells)))
    table = read(path)
    assert table.value.tolist() == [3] and table.report.missing == 6 and table.report.unparsable == 0
    assert read(path, missing=frozenset({"3", "NA", "NaN"})).value.tolist() == [-999, -9999]


@pytest.mark.parametrize("cell", ["<0.5", "1_000", "inf", "1e999", "12 ug"])
def test_what_is_no_number_is_counted_and_shown(write, cell):
    report = read(write(f"time,pm25\n2026-03-01 06:00,1\n2026-03-01 07:00,{cell}\n")).report
    assert report.unparsable == 1 and report.examples == (f"line 3: {cell!r} is no number",)


def test_short_rows_and_empty_lines_do_no_harm(write):
    report = read(write("time,x,pm25\n\n2026-03-01 06:00,1,2\n,,\n2026-03-01 07:00\nTotal: 1 row\n")).report
    assert (report.rows, report.kept, report.missing, report.unparsable) == (3, 1, 1, 1)
    assert report.examples == ("line 6: 'Total: 1 row' is no time",)


def test_long_files_are_filtered(write):
    path = write(
        "time,what,pm25,unit,code\n"
        "2026-03-01 06:00,PM2.5,5,ug/m3,0\n2026-03-01 06:00,NO2,10,PPB,0\n"
        "2026-03-01 07:00,NO2,11,PPB,9\n2026-03-01 08:00,NO2,12,PPB,1\n"
    )
    changes = {"unit": None, "unit_column": "unit", "where": (("what", "no2"),)}
    table = read(path, "no2", **changes, quality=("code", frozenset({"0", "1"})))
    assert table.value == pytest.approx([19.125, 22.950], abs=0.01)
    assert (table.report.rows, table.report.selected, table.report.rejected) == (4, 3, 1)
    with pytest.raises(DataError, match="'NO' in the column 'what'") as nothing:
        read(path, "no2", where=(("what", "NO"),))
    assert nothing.value.hint == "It has PM2.5, NO2."
    with pytest.raises(DataError, match="several units: PPB, ug/m3"):
        read(path, "no2", unit=None, unit_column="unit", where=(("code", "0"), ("time", "2026-03-01 06:00")))


def test_the_first_of_two_rows_of_one_hour_is_kept(write):
    rows = ["07:00,2", "06:00,NA", "06:00,1", "06:00,1", "07:00,3"]
    table = read(write("time,pm25\n" + "".join(f"2026-03-01 {row}\n" for row in rows)))
    assert table.value.tolist() == [1, 2] and table.report.duplicates == 2 and table.report.missing == 1
    assert table.report.notes == ("1 duplicates have other values than the rows before them: a filter may be missing.",)


# Units


@pytest.mark.parametrize(
    ("quantity", "header", "said", "factor"),
    [
        ("no2", "v (ppb)", None, 1.9125),
        ("no2", "v [μg/m3]", None, 1),
        ("no2", "v", "PPB", 1.9125),
        ("co", "v (µg/m³)", None, 0.001),
        ("laeq", "v [dB(A)]", None, 1),
        ("pressure", "v (Pa)", None, 0.01),
        ("temperature", "v (°C)", "C", 1),
    ],
)
def test_units_are_converted(write, quantity, header, said, factor):
    table = read(write(f"time,{header}\n2026-03-01 06:00,40\n"), quantity, value="v", unit=said)
    assert table.value == pytest.approx([40 * factor], rel=1e-4)


def test_a_unit_must_be_known_and_fit(write):
    path = write("time,v,w (ppb)\n2026-03-01 06:00,40,40\n")
    with pytest.raises(DataError, match="does not say in which unit 'v'"):
        read(path, value="v", unit=None)
    with pytest.raises(DataError, match="pm25 cannot be had from 'ppb'"):
        read(path, value="w", unit=None)
    table = read(path, "no2", value="w", unit="ug/m3")
    assert table.value.tolist() == [40] and "states ppb" in table.report.notes[0]


# What is wrong is said


def test_a_column_that_is_not_there(write):
    with pytest.raises(DataError, match=r"no column 'pm2\.5'") as absent:
        read(write("about: this\ntime,pm25,no2\n2026-03-01 06:00,1,2\n"), value="pm2.5")
    assert absent.value.hint == "Perhaps pm25? It has the columns 'time', 'pm25', 'no2'."


@pytest.mark.parametrize("content", ["", "\n\n", b"\x00\xff\xfe\x00" * 500])
def test_files_that_are_no_tables(write, content):
    with pytest.raises(DataError):
        read(write(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "none.csv")


def test_a_file_without_one_value(write):
    with pytest.raises(DataError, match=r"2 rows to read and not one value: 1 missing, 1 unparsable") as nothing:
        read(write("time,pm25\n2026-03-01 06:00,NA\n2026-03-01 07:00,off\n"))
    assert nothing.value.hint == "line 3: 'off' is no number"


@pytest.mark.parametrize(
    "wrong",
    [{"time": ()}, {"value": ""}, {"label": "middle"}, {"interval": 0}, {"decimal": "'"}, {"delimiter": "::"},
     {"time_format": "%Q"}, {"zone": "Nowhere"}],
)  # fmt: skip
def test_mappings_that_cannot_be(write, wrong):
    with pytest.raises(UsageError):
        read(write("time,pm25\n2026-03-01 06:00,1\n"), **wrong)
    with pytest.raises(UsageError, match=r"'pm2\.5' is no quantity"):
        read(write("time,pm25\n2026-03-01 06:00,1\n"), "pm2.5")


def test_intervals_that_do_not_fit_the_times_are_noted(write):
    rows = "".join(f"2026-03-01 06:{n:02},1\n" for n in range(0, 60, 15))
    notes = read(write("time,pm25\n" + rows)).report.notes
    assert "900 s apart" in notes[0] and "3 intervals do not end" in notes[1]
    assert read(write("time,pm25\n" + rows), interval=900).report.notes == ()


# Several columns, and the way into a store


def test_several_columns_share_their_times(write):
    path = write("time,a (ppb),b (%)\n2026-03-01 06:00,1,\n2026-03-01 06:01,,50\n2026-03-01 06:02,,\n")
    found = read_columns(path, {"no2": ("a", None), "humidity": ("b", None)}, Mapping(time=("time",), interval=60))
    assert found.t.tolist() == [at("2026-03-01T06:00"), at("2026-03-01T06:01")]
    np.testing.assert_allclose(found.values["no2"], [1.9125, np.nan], rtol=1e-4)
    np.testing.assert_array_equal(found.values["humidity"], [np.nan, 50])
    assert found.report.missing == 1 and found.units_found == {"no2": "ppb", "humidity": "%"}


def test_a_table_is_written_as_its_preview_shows(write, tmp_path):
    table = read(write("time,pm25\n2026-03-01 06:00,1\n2026-03-01 07:00,2.5\n"))
    assert preview("nl10636", "pm25", table, 1) == [
        Row("station:nl10636", "pm25", at("2026-03-01T06:00"), HOUR, 1.0, 1, 0)
    ]
    store = SqliteStore(tmp_path)
    try:
        for _ in range(2):
            assert write_reference(store, "nl10636", "pm25", table) == 2
        kept = store.read("station:nl10636", "pm25", 0, 2**40)
    finally:
        store.close()
    assert np.array_equal(kept.t, table.t) and np.array_equal(kept.value, table.value)
    assert kept.dt.tolist() == [HOUR] * 2 and kept.flag.tolist() == [1] * 2 and kept.tests.tolist() == [0] * 2


# Real files


def test_the_reference_of_burdens_creek():
    mapping = Mapping(
        time=("Date (UTC)", "Time (UTC)"), value="Value", unit_column="Unit", label="begin",
        where=(("Param", "PM2.5-88101"),), quality=("QC Code", frozenset({"0"})),
    )  # fmt: skip
    table = read_table(parts.data("toco_toucan_reference.csv.gz"), "pm25", mapping)
    report = table.report
    assert (report.rows, report.selected, report.kept, report.rejected) == (3595, 734, 730, 4)
    assert accounted(report) and report.notes == ()
    # The local columns of the same rows, with their own zone, say the same.
    local = dataclasses.replace(mapping, time=("Date (LST)", "Time (LST)"), zone="UTC-5")
    again = read_table(parts.data("toco_toucan_reference.csv.gz"), "pm25", local)
    assert np.array_equal(again.t, table.t) and np.array_equal(again.value, table.value)
    hourly = read_table(
        parts.data("toco_toucan_pm25_hourly.csv.gz"),
        "pm25",
        Mapping(("time_utc",), "pm25_ref_ugm3", "ug/m3", label="begin", where=(("sensor_id", "RT01"),)),
    )
    there = np.isin(hourly.t, table.t)
    assert there.sum() > 700
    np.testing.assert_array_equal(hourly.value[there], table.value[np.isin(table.t, hourly.t)])


MINUTES = Mapping(time=("Time",), zone="UTC-5", label="begin", interval=60)
MINUTE_COLUMNS = {
    "no2": ("NO2", None),
    "o3": ("O3 (ppb)", None),
    "pm25": ("PM2.5", None),
    "temperature": ("TEMP", None),
    "humidity": ("RH", None),
}


def test_the_minutes_of_a_kit_become_the_hours_that_others_made_of_them():
    found = read_columns(parts.data("toco_toucan_RT01_minute.csv.gz"), MINUTE_COLUMNS, MINUTES)
    assert found.report.rows == 42836 and found.report.unparsable == 0 and accounted(found.report)
    hourly = read_table(
        parts.data("toco_toucan_pm25_hourly.csv.gz"),
        "pm25",
        Mapping(("time_utc",), "pm25_raw_ugm3", "ug/m3", label="begin", where=(("sensor_id", "RT01"),)),
    )
    hour = (found.t - 1) // HOUR
    ours = [np.nanmean(found.values["pm25"][hour == t // HOUR - 1]) for t in hourly.t[1:200]]
    np.testing.assert_allclose(ours, hourly.value[1:200], atol=6e-5)


def test_a_month_of_minutes_is_read_within_a_second():
    path = parts.data("toco_toucan_RT01_minute.csv.gz")
    start = time.process_time()
    read_columns(path, MINUTE_COLUMNS, MINUTES)
    assert time.process_time() - start < 1


# Round trips

FORMATS = {
    "%Y-%m-%d %H:%M": None,
    "%Y-%m-%dT%H:%M:%S": None,
    "%Y%m%d%H%M": None,
    "%d.%m.%Y %H:%M": None,
    "%m/%d/%Y %I:%M %p": "%m/%d/%Y %I:%M %p",
}
ZONES = ["UTC", "UTC-5", "+05:30", "Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]


@st.composite
def tables(draw):
    """A file's text, the mapping that reads it, and what must come out."""
    n = draw(st.integers(1, 60))
    first = draw(st.integers(at("2015-01-01") // HOUR, at("2035-01-01") // HOUR))
    begins = np.array(sorted(draw(st.sets(st.integers(0, 90), min_size=n, max_size=n)))) * HOUR + first * HOUR
    zone, label = draw(st.sampled_from(ZONES)), draw(st.sampled_from(["begin", "end"]))
    code, decimal = draw(st.sampled_from(["", "NA", "-999", "-99.9"])), draw(st.sampled_from([".", ","]))
    delimiter = draw(st.sampled_from([";", "\t", "|"] + ([","] if decimal == "." else [])))
    format, given_format = draw(st.sampled_from(list(FORMATS.items())))
    numbers = st.floats(-50, 1000).map(lambda x: round(x, 3)).filter(lambda x: x not in (-999, -99.9))
    values = draw(st.lists(st.none() | numbers, min_size=n, max_size=n).filter(any_value))
    lines = draw(st.lists(st.sampled_from(["Station 7", "", "µg/m³; PM", 'so "it" is', "a,b|c;d"]), max_size=4))
    lines.append(delimiter.join(["when", "other", "value"]))
    for begin, value in zip(begins, values, strict=True):
        shown = begin if label == "begin" else begin + HOUR
        clock = datetime.fromtimestamp(int(shown), parse_zone(zone)).strftime(format)
        cell = code if value is None else repr(value).replace(".", decimal)
        lines.append(delimiter.join([clock, "x", cell]))
    mapping = Mapping(
        ("when",), "value", "ug/m3", zone=zone, label=label, decimal=decimal, time_format=given_format,
        missing=frozenset({code.replace(".", decimal)}),
    )  # fmt: skip
    kept = [i for i, value in enumerate(values) if value is not None]
    return "\n".join(lines) + "\n", mapping, (begins + HOUR)[kept], [values[i] for i in kept]


def any_value(values):
    return any(value is not None for value in values)


def twice(t, zone):
    """Whether a zone's clock shows this moment's time twice."""
    local = datetime.fromtimestamp(int(t), parse_zone(zone))
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.booleans())
def test_whatever_is_written_is_read_back(tmp_path, made, encoding, packed):
    text, mapping, ends, values = made
    data = text.encode(encoding)
    path = tmp_path / "table"
    path.write_bytes(gzip.compress(data) if packed else data)
    table = read_table(path, "pm25", mapping)
    assert accounted(table.report)
    shown = ends - (HOUR if mapping.label == "begin" else 0)
    # With holes in the hour that comes twice, nobody can tell; whole hours are tested above.
    sure = np.array([not twice(t, mapping.zone) for t in shown])
    wanted = dict(zip(ends[sure].tolist(), np.array(values)[sure].tolist(), strict=True))
    found = dict(zip(table.t.tolist(), table.value.tolist(), strict=True))
    assert {t: found.get(t) for t in wanted} == wanted
    assert len(found) == len(values) or not sure.all()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.booleans())
def test_no_bytes_whatever_bring_it_down(tmp_path, noise, headed):
    path = tmp_path / "noise"
    path.write_bytes(b"time,pm25\n2026-03-01 06:00,1\n" * headed + noise)
    try:
        table = read_table(path, "pm25", SIMPLE)
    except DataError as error:
        assert str(error) and error.hint
    else:
        assert accounted(table.report) and np.isfinite(table.value).all() and (np.diff(table.t) > 0).all()
