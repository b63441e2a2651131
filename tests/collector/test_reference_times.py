# SPDX-License-Identifier: EUPL-1.2
"""Times and zones in CSV files: as people write them, and through the nights when the clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.errors import DataError, UsageError
from collector.reference.clock import parse_zone
from tests.collector.csvfiles import HOUR, at, read

# Times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-01 07:00", "2026-03-01T07:00"),
        ("2026-03-01T07:00:00Z", "2026-03-01T07:00"),
        ("2026-03-01T07:00:00.000+01:00", "2026-03-01T06:00"),
        ("2026-03-01 07:00:00-0530", "2026-03-01T12:30"),
        ("2026/3/1 7:00", "2026-03-01T07:00"),
        ("2026-03-01 0700", "2026-03-01T07:00"),
        ("2026-03-01 7", "2026-03-01T07:00"),
        ("2026-03-01", "2026-03-01T00:00"),
        ("2026-02-28 24:00", "2026-03-01T00:00"),
        ("31.3.2026 07:00", "2026-03-31T07:00"),
        ("01.03.2026 07:00", "2026-03-01T07:00"),
        ("3/31/2026 12:15 AM", "2026-03-31T00:15"),
        ("31/3/2026 12:15 p.m.", "2026-03-31T12:15"),
        ("20260301 0700", "2026-03-01T07:00"),
        ("20260301T070000Z", "2026-03-01T07:00"),
        ("2026030107", "2026-03-01T07:00"),
        ("20260301 7", "2026-03-01T07:00"),
    ],
)
def test_times_are_read_as_people_write_them(write, text, seconds):
    assert read(write(f"time,pm25\n{text},1\n")).t.tolist() == [at(seconds)]


@pytest.mark.parametrize(
    ("format", "text"),
    [("%d-%b-%Y %H:%M", "01-Mar-2026 07:00"), ("%d/%m/%y %H", "01/03/26 07"), ("unix", "1772348400")],
)
def test_a_time_format_can_be_given(write, format, text):
    path = write(f"time,pm25\n{text},1\n")
    assert read(path, time_format=format).t.tolist() == [at("2026-03-01T07:00")]


def test_an_offset_in_a_format_goes_before_the_zone(write):
    path = write("time,pm25\n01-Mar-2026 07:00 +0200,1\n")
    assert read(path, time_format="%d-%b-%Y %H:%M %z", zone="UTC-9").t.tolist() == [at("2026-03-01T05:00")]


def test_the_days_that_can_be_only_one_thing_decide_for_all(write):
    month_first = read(write("time,pm25\n1/2/2026 0:00,1\n1/13/2026 0:00,2\n"), interval=86400)
    assert month_first.t.tolist() == [at("2026-01-02"), at("2026-01-13")]
    day_first = read(write("time,pm25\n1/2/2026 0:00,1\n13/2/2026 0:00,2\n"), interval=86400)
    assert day_first.t.tolist() == [at("2026-02-01"), at("2026-02-13")]


@pytest.mark.parametrize("dates", [["1/2/2026"], ["1/13/2026", "13/1/2026"]])
def test_dates_that_may_be_either_are_refused(write, dates):
    with pytest.raises(DataError, match="day or with the month") as refused:
        read(write("time,pm25\n" + "".join(f"{date},1\n" for date in dates)))
    assert "time format" in refused.value.hint


@pytest.mark.parametrize(
    "text", ["2026-02-30 07:00", "2026-13-01 07:00", "2026-03-01 25:00", "2026-03-01 24:30", "0026-03-01", "soon", ""]
)
def test_what_is_no_time_is_counted_and_shown(write, text):
    report = read(write(f"time,pm25\n2026-03-01 06:00,1\n{text},2\n")).report
    assert (report.kept, report.unparsable) == (1, 1)
    assert report.examples == (f"line 3: {text!r} is no time",)


def test_date_and_time_may_stand_in_two_columns(write):
    path = write("Date (UTC);Time (UTC);pm25\n1.3.2026;7:00;1\n")
    assert read(path, time=("Date (UTC)", "Time (UTC)")).t.tolist() == [at("2026-03-01T07:00")]


def test_a_label_at_the_beginning_becomes_the_end(write):
    path = write("time,pm25\n2026-03-01 06:00,1\n")
    assert read(path, label="begin").t.tolist() == [at("2026-03-01T07:00")]
    assert read(path, label="begin", interval=900).t.tolist() == [at("2026-03-01T06:15")]


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("UTC", 0), ("utc+01:00", 1), ("+01:00", 1), ("-0530", -5.5), ("GMT-5", -5), ("Europe/Amsterdam", 1)],
)
def test_zones(write, zone, hours):
    assert read(write("time,pm25\n2026-03-01 06:00,1\n"), zone=zone).t[0] == at("2026-03-01T06:00") - hours * HOUR


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Europe", "../etc/passwd", "UTC+25", "+1 hour"])
def test_what_is_no_zone_is_said(zone):
    with pytest.raises(UsageError, match="no time zone"):
        parse_zone(zone)


# Summer time

AUTUMN = ["01:00", "02:00", "02:00", "03:00"]  # 25 October 2026: 02:00 is there twice


@pytest.mark.parametrize("turn", [1, -1])
def test_the_hour_that_comes_twice_is_summer_time_first(write, turn):
    lines = [f"2026-10-25 {clock},{n}\n" for n, clock in enumerate(AUTUMN)][::turn]
    table = read(write("time,pm25\n" + "".join(lines)), zone="Europe/Amsterdam", label="begin")
    assert table.t.tolist() == [at("2026-10-25T00:00") + n * HOUR for n in range(4)]
    assert table.value.tolist() == [0, 1, 2, 3]
    assert table.report.ambiguous == 2 and "twice" in table.report.notes[0]


def test_minutes_of_the_hour_that_comes_twice_stay_in_order(write):
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    moments = [start + timedelta(minutes=10 * n) for n in range(24)]
    del moments[5]  # a hole in the first run must not move the second
    amsterdam = ZoneInfo("Europe/Amsterdam")
    lines = [f"{moment.astimezone(amsterdam):%Y-%m-%d %H:%M},1\n" for moment in moments]
    table = read(write("time,pm25\n" + "".join(lines)), zone="Europe/Amsterdam", interval=600)
    assert table.t.tolist() == [int(moment.timestamp()) for moment in moments]


def test_a_value_that_is_missing_does_not_shift_the_hour_that_comes_twice(write):
    path = write("time,pm25\n2026-10-25 02:00,NA\n2026-10-25 02:00,7\n")
    assert read(path, zone="Europe/Amsterdam").t.tolist() == [at("2026-10-25T01:00")]


def test_the_hour_that_spring_skips_is_left_out_and_told(write):
    path = write("time,pm25\n2026-03-29 01:00,1\n2026-03-29 02:00,2\n2026-03-29 03:00,3\n")
    table = read(path, zone="Europe/Amsterdam", label="begin")
    assert table.t.tolist() == [at("2026-03-29T01:00"), at("2026-03-29T02:00")]
    assert table.report.skipped == 1 and "standard time" in table.report.notes[0]


@pytest.mark.parametrize("clock", ["02:00", "03:00"])
def test_the_last_hour_of_winter_may_end_on_either_side_of_the_jump(write, clock):
    table = read(write(f"time,pm25\n2026-03-29 {clock},1\n"), zone="Europe/Amsterdam")
    assert table.t.tolist() == [at("2026-03-29T01:00")] and table.report.skipped == 0


def test_a_whole_year_of_a_zone_with_summer_time_has_all_its_hours(write):
    zone = ZoneInfo("Europe/Amsterdam")
    ends = np.arange(at("2026-01-01"), at("2027-01-01"), HOUR)
    lines = [f"{datetime.fromtimestamp(t, zone):%d-%m-%Y %H:%M},{n}\n" for n, t in enumerate(ends)]
    table = read(write("time,pm25\n" + "".join(lines)), zone="Europe/Amsterdam")
    assert np.array_equal(table.t, ends) and np.array_equal(table.value, np.arange(8760))
