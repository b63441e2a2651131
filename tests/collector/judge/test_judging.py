# SPDX-License-Identifier: EUPL-1.2
"""Judging what a store holds; each test runs against SQLite and against a real InfluxDB."""

import uuid

import pytest

from collector.judge import LIMITS
from collector.judging import Judge, Places, Summary
from collector.store.base import FlagRow, Row
from collector.store.influx import InfluxStore
from collector.store.sqlite import SqliteStore
from tests.collector.judge.city import DAY, KITS, START, contents, deployment, flagged, places, street

HOUR = 3600
RANGE, HUMIDITY, ORDER, SPIKE, RATE, FLAT, NEIGHBOUR = 1, 32, 64, 128, 256, 512, 4096


@pytest.fixture(params=["sqlite", "influx"])
def store(request, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore(tmp_path)
    else:
        server = request.getfixturevalue("influx_server")
        store = InfluxStore(server.url, server.org, server.new_bucket(uuid.uuid4().hex), server.token)
    yield store
    store.close()


def run(store, devices=None, after=0, until=2**40, **more):
    whole = Summary()
    for _, part in Judge(store, places(), LIMITS, **more).run(devices, after, until):
        whole.add(part)
    return whole


def test_new_flags_leave_values_as_they_are_and_make_none(store):
    rows = [Row("kit-00a", "pm25", START + n, 60, 0.1 * n, 1, 4) for n in range(5)]
    store.write(rows)
    store.write_flags([])
    store.write_flags([FlagRow("kit-00a", "pm25", START + 1, 4, 5), FlagRow("kit-00a", "pm25", START + 3, 3, 128)])
    expected = [tuple(one) for one in rows]
    expected[1], expected[3] = (*rows[1][:5], 4, 5), (*rows[3][:5], 3, 128)
    assert [(s, q, t, dt, v, f, m) for s, q, t, dt, v, f, m in contents(store)] == expected
    assert [one.n for one in store.series()] == [5]
    store.write([rows[1]])  # a store that is filled again has the flags of then
    assert list(contents(store))[1] == tuple(rows[1])


def test_every_fault_of_the_street_is_found_and_only_those(store):
    store.write(street())
    before = [row[:5] for row in contents(store)]
    done = run(store)
    assert [row[:5] for row in contents(store)] == before
    found = flagged(store)

    def of(kit, quantity):
        return {hour: found[key] for key in found for s, q, hour in [key] if (s, q) == (kit, quantity)}

    temperature = of("kit-00a", "temperature")
    # 40 Cel up in ten minutes and down again: 4 in a minute; the spike is higher than 10.
    assert temperature.pop(10.0) == (4, SPIKE | RATE)
    assert temperature.pop(36_600 / 3600) == (3, RATE)
    # The same since 14:10; three hours of it, 18 values, are there at 17:00.
    assert min(temperature) == 17.0 and max(temperature) == 20.0
    assert set(temperature.values()) == {(3, FLAT)}
    assert of("kit-00b", "pm25") == of("kit-00b", "pm10") == {3.0: (3, HUMIDITY)}
    assert of("kit-00b", "humidity") == {3.0: (3, SPIKE)}  # 18 % up and down again
    assert of("kit-00c", "pm25") == of("kit-00c", "pm10") == {5.0: (3, ORDER)}
    assert of("kit-00d", "temperature") == {7.0: (4, RANGE)}
    assert set(of("kit-00e", "pm25").values()) == {(3, NEIGHBOUR)} and len(of("kit-00e", "pm25")) == 12
    assert set(of("kit-00e", "pm10").values()) == {(3, NEIGHBOUR)} and len(of("kit-00e", "pm10")) == 12
    assert len(found) == 2 + 19 + 3 + 2 + 1 + 24
    assert done.values == 5 * 4 * 288 and done.changed == len(found)
    assert done.found["kit-00a"] == {"spike": 1, "rate": 2, "flat_line": 19, "received_time": 1}
    assert ("kit-00a", "pm25", START + 600, 4) in [(s, q, t, m) for s, q, t, _, _, _, m in contents(store)]


def test_judging_again_changes_nothing_and_a_dry_run_writes_nothing(store):
    store.write(street())
    dry = run(store, dry_run=True)
    assert dry.changed and not flagged(store)
    assert run(store).changed == dry.changed
    whole = list(contents(store))
    assert run(store).changed == 0
    assert list(contents(store)) == whole


def test_pieces_of_time_and_single_kits_come_to_the_same(tmp_path, store):
    store.write(street())
    run(store)
    expected = list(contents(store))
    (tmp_path / "other").mkdir()
    other = SqliteStore(tmp_path / "other")
    other.write(street())
    for end in range(START, START + 2 * DAY, 5 * HOUR):
        for kit in reversed(KITS):
            run(other, [kit], end, end + 5 * HOUR)
    assert list(contents(other)) == expected
    other.close()


def test_flags_of_before_go_when_their_reason_is_gone(store):
    rows = street(1)
    store.write([one._replace(flag=4, tests=SPIKE | one.tests) for one in rows])
    run(store, until=START + HOUR)
    found = list(contents(store))
    assert {row[5:] for row in found if row[2] <= START + HOUR} == {(1, 0), (1, 4)}
    assert {row[5] for row in found if row[2] > START + HOUR} == {4}


def test_a_station_is_judged_by_nobody_and_a_store_without_values_has_nothing(store):
    assert run(store).values == 0
    store.write([Row("station:nl-1", "pm25", START + HOUR, HOUR, -5.0, 1, 0)])
    assert run(store).values == 0
    store.write(
        [Row("kit-00a", "pm25", START + HOUR, 60, -5.0, 1, 0), Row("kit-00a", "radon", START + HOUR, 60, 1.0, 1, 0)]
    )
    assert run(store).changed == 2
    assert sorted(row[5:] for row in contents(store)) == [(1, 0), (2, 2), (4, 1)]


def test_neighbours_are_the_nearest_within_2_km_outdoors_at_that_time():
    far = [deployment(n, f"kit-{n}", n * 0.15) for n in range(20)]
    found = Places([*far, deployment(90, "kit-in", 0.01, "indoor")])
    assert found.near("kit-0", START) == tuple(f"kit-{n}" for n in range(1, 9))
    assert found.near("kit-in", START) == () and found.near("kit-x", START) == ()
    edge = Places([deployment(1, "a", 0), deployment(2, "b", 1.99), deployment(3, "c", 2.01)])
    assert edge.near("a", START) == ("b",) and edge.near("b", START) == ("c", "a")
    moved = Places([deployment(1, "a", 0), deployment(2, "b", 0.5, until=START), deployment(3, "c", 0.6, start=START)])
    assert moved.near_at("a", [START - 1, START, START + 1]) == [("b",), ("b",), ("c",)]
