# SPDX-License-Identifier: EUPL-1.2
"""A plain CSV is read exactly, or refused with the line and what to do."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calibration.align import HOUR
from calibration.errors import BadInput
from calibration.table import Table, read_table
from tests.calibration.simulated import START

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(folder: Path, text: str | bytes, **how: object) -> Table:
    path = folder / "hours.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, **{"time": "time", "zone": "UTC", "columns": {"raw": "pm"}} | how)  # type: ignore[arg-type]


def local_hours(zone: str, first: datetime, n: int) -> list[str]:
    """What a clock of the zone shows at n ends of hours, from a moment on."""
    moments = [first.astimezone(UTC) + k * timedelta(hours=1) for k in range(n)]
    return [moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") for moment in moments]


def as_csv(times: list[str]) -> str:
    return "time,pm\n" + "".join(f"{time},{k}\n" for k, time in enumerate(times))


@SAME_FOLDER
@given(
    hours=st.lists(st.integers(0, 40_000), min_size=1, max_size=20, unique=True),
    data=st.data(),
    delimiter=st.sampled_from(",;\t"),
    comma=st.booleans(),
    mark=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    style=st.sampled_from(["epoch", "offset", "zulu", "zone"]),
    packed=st.booleans(),
)
def test_what_was_written_is_read(tmp_path, hours, data, delimiter, comma, mark, end, style, packed):
    comma = comma and delimiter != ","
    t = START + HOUR * np.array(hours)
    numbers = st.none() | st.floats(-1e6, 1e6).filter(lambda x: x not in (-999, -9999))
    x = [data.draw(numbers) for _ in hours]
    ways = {
        "epoch": str,
        "offset": lambda s: datetime.fromtimestamp(s, ZoneInfo("Asia/Kolkata")).isoformat(),
        "zulu": lambda s: datetime.fromtimestamp(s, UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "zone": lambda s: datetime.fromtimestamp(s - 5 * HOUR, UTC).strftime("%Y-%m-%d %H:%M:%S"),
    }
    cells = ["" if value is None else repr(value) for value in x]
    if comma:
        cells = [cell.replace(".", ",") for cell in cells]
    rows = [["more, or less" if delimiter == ";" else "more", "time", "pm"]]
    rows += [["words", ways[style](int(s)), cell] for s, cell in zip(t, cells, strict=True)]
    text = end.join(delimiter.join(row) for row in rows) + end
    content = (b"\xef\xbb\xbf" if mark else b"") + text.encode()
    table = read(tmp_path, gzip.compress(content) if packed else content, zone="UTC-5")
    order = np.argsort(t)
    np.testing.assert_array_equal(table.time, t[order])
    np.testing.assert_array_equal(table.columns["raw"], np.array(x, float)[order])
    assert table.line.tolist() == (order + 2).tolist()
    assert bool(table.notes) == bool((np.diff(t) < 0).any())


@SAME_FOLDER
@given(st.binary(max_size=200) | st.text('time,pm;\t"\r\n0123456789-:T .Z+\x00é', max_size=200).map(str.encode))
def test_any_bytes_give_a_table_or_a_sentence(tmp_path, body):
    for content in (body, b"time,pm\n" + body, b"time;pm\n2026-01-01T01:00Z;1\n" + body):
        try:
            table = read(tmp_path, content)
        except BadInput as error:
            assert error.hint
            assert "hours.csv" in str(error)
        else:
            assert len(table.time) == len(table.columns["raw"]) == len(table.line)
            assert (np.diff(table.time) > 0).all()
            assert not np.isinf(table.columns["raw"]).any()


def test_labels_at_the_beginning_become_ends(tmp_path):
    text = "time,pm\n2026-01-01T00:00,1\n"
    assert read(tmp_path, text).time.tolist() == [START]
    assert read(tmp_path, text, label="begin").time.tolist() == [START + HOUR]


def test_the_end_of_a_day_may_be_24_o_clock(tmp_path):
    assert read(tmp_path, "time,pm\n2025-12-31 24:00,1\n").time.tolist() == [START]


def test_units_and_sites_are_kept_apart(tmp_path):
    text = "time,pm,id,place\n" + "".join(
        f"2026-01-01T0{hour}:00,{hour},{unit},{place}\n"
        for unit, place in (("b", "roof"), ("a", "street"))
        for hour in (2, 1)
    )
    table = read(tmp_path, text, unit="id", site="place")
    assert list(table.unit) == ["b", "b", "a", "a"]
    assert list(table.site) == ["roof", "roof", "street", "street"]
    assert table.columns["raw"].tolist() == [1, 2, 1, 2]
    parts = table.by_unit()
    assert list(parts) == ["b", "a"]
    assert parts["a"].line.tolist() == [5, 4]
    assert "line 3" in table.notes[0]


def test_a_file_without_units_is_one_unit(tmp_path):
    assert list(read(tmp_path, "time,pm\n2026-01-01T00:00,1\n").by_unit()) == [""]


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "America/Denver", "Australia/Lord_Howe"])
@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hour_that_comes_twice_is_told_by_the_order_of_rows(tmp_path, zone, newest_first):
    first = datetime(2025, 1, 1, tzinfo=UTC)
    if zone == "Australia/Lord_Howe":  # its summer time is half an hour: labels of a clock there are not hours
        with pytest.raises(BadInput, match="whole hours from the first"):
            read(tmp_path, as_csv(local_hours(zone, first, 24 * 200)), zone=zone)
        return
    times = local_hours(zone, first, 24 * 365)
    table = read(tmp_path, as_csv(times[::-1] if newest_first else times), zone=zone)
    assert table.time.tolist() == [int(first.timestamp()) + k * HOUR for k in range(24 * 365)]
    expected = np.arange(24 * 365)
    np.testing.assert_array_equal(table.columns["raw"], expected[::-1] if newest_first else expected)


def test_the_hour_that_comes_twice_and_stands_there_once_is_left_out_and_said(tmp_path):
    times = local_hours("Europe/Amsterdam", datetime(2025, 10, 25, 20, tzinfo=UTC), 12)
    del times[times.index("2025-10-26 02:00")]
    table = read(tmp_path, as_csv(times), zone="Europe/Amsterdam")
    assert len(table.time) == 10
    assert "1 hours that the clock of Europe/Amsterdam shows twice" in table.notes[0]


def test_labels_of_beginnings_go_through_both_changes_of_the_clock(tmp_path):
    for first in (datetime(2025, 3, 29, 20, tzinfo=UTC), datetime(2025, 10, 25, 20, tzinfo=UTC)):
        times = local_hours("Europe/Amsterdam", first, 12)
        table = read(tmp_path, as_csv(times), zone="Europe/Amsterdam", label="begin")
        assert table.time.tolist() == [int(first.timestamp()) + (k + 1) * HOUR for k in range(12)]


def test_times_that_a_clock_never_shows_tell_of_the_wrong_zone(tmp_path):
    winter_clock = [f"2025-03-30 0{hour}:00" for hour in range(1, 6)]
    with pytest.raises(BadInput, match="never shows '2025-03-30 02:00'") as caught:
        read(tmp_path, as_csv(winter_clock), zone="Europe/Amsterdam", label="begin")
    assert "UTC+1" in caught.value.hint
    with pytest.raises(BadInput, match="lines 3 and 4: the same hour twice"):
        read(tmp_path, as_csv(winter_clock), zone="Europe/Amsterdam")


def test_numbers_that_mean_missing_are_missing_and_said(tmp_path):
    table = read(tmp_path, "time,pm\n2026-01-01T00:00,-999\n2026-01-01T01:00,NA\n2026-01-01T02:00,3\n")
    np.testing.assert_array_equal(table.columns["raw"], [np.nan, np.nan, 3])
    assert table.notes == ("1 times -999 or -9999 in 'pm' were taken as missing.",)


HOURS = "2026-01-01T01:00,1\n2026-01-01T02:00,2\n"


@pytest.mark.parametrize(
    ("text", "how", "found", "do"),
    [
        ("", {}, "no rows below its header", "a row for each hour"),
        ("time,pm\n", {}, "no rows below its header", "a row for each hour"),
        ("time,pm25\n" + HOURS, {}, "line 1: there is no column 'pm'", "Perhaps 'pm25'"),
        ("time,pm,pm\n2026-01-01T01:00,1,2\n", {}, "'pm' is there twice", "Rename"),
        ("time,pm\n2026-01-01T01:00,1,5\n", {}, "line 2: 3 cells, where the header has 2", "decimal comma"),
        ('time,pm\n"2026-01-01T01:00,1\n', {}, "cannot be split into cells", "Mend"),
        (b"time,pm\n2026-01-01T01:00,\xb5\n", {}, "line 2: the byte 0xb5 is not UTF-8", "Save"),
        (b"\x1f\x8bnot gzip", {}, "cannot be read", "whole"),
        ("time,pm\n2026-01-01T01:00,one\n", {}, "line 2: 'one' in 'pm' is no number", "plain numbers"),
        ("time,pm\n2026-01-01T01:00,1_000\n", {}, "'1_000' in 'pm' is no number", "plain numbers"),
        ("time,pm\n2026-01-01T01:00,inf\n", {}, "'inf' in 'pm' is no number", "plain numbers"),
        ("time;pm\n2026-01-01T01:00;1,5\n2026-01-01T02:00;1.5\n", {}, "line 3: '1.5' in 'pm' has a point", "one way"),
        ("time,pm\n01/02/2026 01:00,1\n", {}, "'01/02/2026 01:00' is no time", "2026-03-01 14:00"),
        ("time,pm\n2026-01-01,1\n", {}, "'2026-01-01' is no time", "2026-03-01 14:00"),
        ("time,pm\n1767225600000,1\n", {}, "'1767225600000' is no time", "milliseconds"),
        ("time,pm\n1767225600,1\n2026-01-01T01:00,1\n", {}, "line 3: '2026-01-01T01:00' is no time", "Mend"),
        ("time,pm\n2026-02-30T01:00,1\n", {}, "line 2: there is no day '2026-02-30'", "Mend"),
        ("time,pm\n0026-02-03T05:00,1\n", {"zone": "Europe/Amsterdam"}, "outside of the years 1970 to 2100", "Mend"),
        ("time,pm\n2026-02-03T25:00,1\n", {}, "'2026-02-03T25:00' is no time of a day", "Mend"),
        ("time,pm\n" + HOURS, {"zone": None}, "line 2: the time '2026-01-01T01:00' does not say", "--zone"),
        ("time,pm\n2026-01-01T01:00Z,1\n2026-01-01T02:00,1\n", {}, "line 3: this time has no offset", "one way"),
        ("time,pm\n" + HOURS, {"zone": "Europe/Amsterdaam"}, "'Europe/Amsterdaam' is no time zone", "Europe/Amsterdam"),
        ("time,pm\n" + HOURS + "2026-01-01T02:10,3\n", {}, "line 4: '2026-01-01T02:10' does", "Average to hours"),
        ("time,pm\n" + HOURS + HOURS, {}, "lines 2 and 4: the same hour twice", "--unit"),
        ("time,pm,id\n2026-01-01T01:00,1,\n", {"unit": "id"}, "line 2: no name in the column 'id'", "Fill it in"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_for_certain_is_refused(tmp_path, text, how, found, do):
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text, **how)
    assert found in str(caught.value)
    assert do in caught.value.hint


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(BadInput, match="No such file"):
        read_table(tmp_path / "none.csv", time="time", zone="UTC", columns={"raw": "pm"})
