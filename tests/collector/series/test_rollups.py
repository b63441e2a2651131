# SPDX-License-Identifier: EUPL-1.2
"""Hours that the embedded store keeps ready are, to the bit, those that its values give; whatever came when."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.moments import DAY, HOUR, parse_moment
from collector.rolling import Roller, roll_up
from collector.series import hour_grid, read_hours
from collector.series.hours import MIN_COVERAGE, counted, hour_sums
from collector.settings import Settings
from collector.store.base import FlagRow, Row
from collector.store.rollups import BLOCK
from collector.store.sqlite import FILE, SqliteStore
from tests import parts
from tests.collector.store_of_before import version_1
from tests.journeys.collecting import Collector, wait_until

START = parse_moment("2026-01-01T00:00:00Z")
QUANTITIES = ("pm25", "laeq", "lafmax")
SOURCES = ("kit-aaaaaa", "kit-bbbbbb")


def slowly(store, source, quantity, grid, least=MIN_COVERAGE):
    """The hours of a grid from values alone."""
    values = store.read(source, quantity, int(grid[0]) - HOUR, int(grid[-1]))
    return counted(hour_sums(values, quantity, grid), grid, least)


def same(store, grid, least=None):
    for source in SOURCES:
        for quantity in QUANTITIES:
            quick = read_hours(store, source, quantity, grid, least=least)
            slow = slowly(store, source, quantity, grid, MIN_COVERAGE if least is None else least)
            for name in ("t", "value", "coverage", "flag", "tests"):
                one, other = getattr(quick, name), getattr(slow, name)
                assert one.dtype == other.dtype and one.tobytes() == other.tobytes(), (source, quantity, name)


def all_rolled(store, until):
    while store.roll_up(until, lambda q, v, g: hour_sums(v, q, g), slack=0):
        pass


minute = st.integers(1, 90 * 24 * 60)
source, quantity = st.sampled_from(SOURCES), st.sampled_from(QUANTITIES)
length, level, worth = st.sampled_from([60, 600, 3600, 7200]), st.floats(20, 90), st.integers(1, 4)
writes = st.tuples(st.just("write"), source, quantity, minute, length, level, worth)
rows_ = st.tuples(st.just("hour"), source, quantity, minute, level)
judged = st.tuples(st.just("flag"), source, quantity, minute, worth)
rolled = st.tuples(st.just("roll"), st.integers(0, 100 * 24))
looked = st.tuples(st.just("look"), st.integers(0, 80 * 24), st.integers(1, 400), st.sampled_from([None, 0.0, 0.5]))


@given(st.lists(st.one_of(writes, rows_, judged, rolled, looked), min_size=4, max_size=40))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_packed_hours_are_those_of_the_values(steps):
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        try:
            for kind, *rest in steps:
                if kind == "write":
                    source, quantity, n, dt, value, flag = rest
                    store.write([Row(source, quantity, START + n * 60, dt, value, flag, flag)])
                elif kind == "hour":
                    source, quantity, n, value = rest
                    t = START + n * 60
                    store.write([Row(source, quantity, t + i * 60, 60, value + i / 7, 1, 0) for i in range(60)])
                elif kind == "flag":
                    source, quantity, n, flag = rest
                    store.write_flags([FlagRow(source, quantity, START + n * 60, flag, 128)])
                elif kind == "roll":
                    all_rolled(store, START + rest[0] * HOUR)
                else:
                    first, n, least = rest
                    grid = hour_grid(START + first * HOUR, START + (first + n) * HOUR)
                    same(store, grid, least)
            whole = hour_grid(START - DAY, START + 95 * DAY)
            same(store, whole)
            all_rolled(store, START + 100 * DAY)
            same(store, whole)
            db = sqlite3.connect(Path(folder) / FILE)
            assert db.execute("SELECT count(*) FROM stale").fetchone() == (0,)
            db.close()
        finally:
            store.close()


def filled(folder, days=70, quantity="pm25"):
    store = SqliteStore(folder)
    store.write([Row(SOURCES[0], quantity, START + (i + 1) * 600, 600, 10 + i % 7, 1, 0) for i in range(days * 144)])
    return store


def test_hours_behind_the_end_of_a_short_block_are_missing(tmp_path):
    """A kit was packed, then silent for two months, then packed again: its first block stays short."""
    store = SqliteStore(tmp_path)
    for t in (START + HOUR, START + 60 * DAY):
        store.write([Row(SOURCES[0], "pm25", t, HOUR, 10.0, 1, 0)])
        all_rolled(store, t + HOUR)
    for n in range(100):
        same(store, hour_grid(START + n * HOUR, START + (n + 2) * HOUR))
    store.close()


def test_a_year_is_read_without_its_values(tmp_path):
    store = filled(tmp_path)
    all_rolled(store, START + 70 * DAY)
    same(store, hour_grid(START, START + 70 * DAY))
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("DELETE FROM value")
    db.commit()
    assert db.execute("SELECT count(*) FROM rollup").fetchone()[0] == -(-70 * 24 // BLOCK) + 1
    db.close()
    found = read_hours(store, SOURCES[0], "pm25", hour_grid(START, START + 70 * DAY))
    assert not np.isnan(found.value).any()
    store.close()


def test_a_late_reading_a_correction_and_a_new_flag_are_seen_at_once(tmp_path):
    store = filled(tmp_path)
    all_rolled(store, START + 70 * DAY)
    grid = hour_grid(START - DAY, START + 70 * DAY)
    store.write([Row(SOURCES[0], "pm25", START - HOUR, 3600, 99.0, 1, 0)])  # before all that is packed
    store.write([Row(SOURCES[0], "pm25", START + 600, 600, 70.0, 1, 0)])
    store.write([Row(SOURCES[0], "pm25", START + 70 * DAY, 600, 80.0, 1, 0)])  # the very last that is packed
    store.write_flags([FlagRow(SOURCES[0], "pm25", START + DAY + 600, 4, 1)])
    found = read_hours(store, SOURCES[0], "pm25", grid)
    assert found.value[22] == 99 and found.value[24] == pytest.approx((70 + 11 + 12 + 13 + 14 + 15) / 6)
    assert found.value[-1] == pytest.approx((80 + sum(10 + i % 7 for i in range(70 * 144 - 6, 70 * 144 - 1))) / 6)
    assert found.coverage[48] == pytest.approx(5 / 6)
    same(store, grid)
    store.close()


def test_a_store_of_before_keeps_its_values_and_learns_to_pack(tmp_path):
    version_1(tmp_path, [Row(SOURCES[0], "pm25", START + (i + 1) * HOUR, HOUR, 10.0, 1, 0) for i in range(48)])
    store = SqliteStore(tmp_path)
    same(store, hour_grid(START, START + 2 * DAY))
    all_rolled(store, START + 2 * DAY)
    same(store, hour_grid(START, START + 2 * DAY))
    store.close()
    SqliteStore(tmp_path).close()


def test_quantities_that_have_no_hours_are_passed_by(tmp_path):
    store = filled(tmp_path, quantity="la90")
    assert roll_up(store, START + 70 * DAY) == 1
    assert roll_up(store, START + 70 * DAY) == 0
    store.close()


def test_the_roller_packs_what_is_a_day_old_and_then_rests(tmp_path):
    settings_ = replace(Settings(), folder=tmp_path)
    filled(tmp_path).close()
    now = START + 60 * DAY
    roller = Roller(settings_, threading.Event(), lambda: now)
    assert roller.look() == 1 and roller.look() == 0
    now += 23 * HOUR
    assert roller.look() == 0
    now += 2 * HOUR
    assert roller.look() == 1
    store = SqliteStore(tmp_path)
    same(store, hour_grid(START, START + 70 * DAY))
    db = sqlite3.connect(tmp_path / FILE)
    assert db.execute("SELECT until FROM rolled").fetchone() == (now - 2 * HOUR,)
    db.close()
    store.close()


def test_a_series_without_new_values_does_not_keep_others_waiting(tmp_path):
    store = SqliteStore(tmp_path)
    for n in range(30):
        store.write([Row(f"kit-{n:06}", "pm25", START + HOUR, HOUR, 1.0, 1, 0)])
    assert [roll_up(store, START + 40 * DAY) for _ in range(3)] == [20, 10, 0]
    store.write([Row("kit-000029", "pm25", START + 35 * DAY, HOUR, 1.0, 1, 0)])
    assert roll_up(store, START + 40 * DAY) == 1
    store.close()


def test_a_damaged_or_locked_store_is_told_and_tried_again(tmp_path, caplog):
    (tmp_path / FILE).write_bytes(b"no store at all" * 1000)
    stop = threading.Event()
    roller = Roller(replace(Settings(), folder=tmp_path, rollup_s=1), stop)
    roller.start()
    wait_until(lambda: "roll up" in caplog.text)
    stop.set()
    roller.join(30)
    assert roller.failed is None and "Answers are slower" in caplog.text


def test_a_running_collector_packs(tmp_path):
    folder = tmp_path / "data"
    filled(folder).close()
    with Collector(folder, "--listen", f"127.0.0.1:{parts.free_port()}", CITIMEASURE_ROLLUP_S="1"):

        def packed():
            db = sqlite3.connect(folder / FILE)
            n = db.execute("SELECT count(*) FROM rolled").fetchone()[0]
            db.close()
            return n == 1

        wait_until(packed)
