# SPDX-License-Identifier: EUPL-1.2
"""One contract for every store; each test runs against SQLite and against a real InfluxDB."""

import threading
import uuid

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.store.base import Row, Series
from collector.store.influx import InfluxStore
from collector.store.sqlite import SqliteStore

NOON = 1767261600
ROWS = st.builds(
    Row,
    source=st.sampled_from(["kit-a", "kit-b", "station:nl-1"]),
    quantity=st.sampled_from(["pm25", "laeq", "radon"]),
    t=st.integers(1, 4_102_444_800),
    dt=st.integers(1, 86400),
    value=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.sampled_from([1, 2, 3, 4]),
    tests=st.integers(0, 2**31 - 1),
)


class Opener:
    """Opens the same store again and again, and closes what the test left open."""

    def __init__(self, open_):
        self._open = open_
        self._opened = []

    def __call__(self):
        self._opened.append(self._open())
        return self._opened[-1]

    def close(self):
        for store in self._opened:
            store.close()


@pytest.fixture(params=["sqlite", "influx"])
def open_(request, tmp_path):
    if request.param == "sqlite":
        opener = Opener(lambda: SqliteStore(tmp_path))
    else:
        server = request.getfixturevalue("influx_server")
        bucket = server.new_bucket(uuid.uuid4().hex)
        opener = Opener(lambda: InfluxStore(server.url, server.org, bucket, server.token))
    yield opener
    opener.close()


def row(t=NOON, value=1.5, source="kit-a", quantity="pm25", flag=1, tests=0, dt=60):
    return Row(source, quantity, t, dt, value, flag, tests)


def contents(store, source="kit-a", quantity="pm25", after=0, until=2**40):
    found = store.read(source, quantity, after, until)
    return [
        Row(source, quantity, int(t), int(dt), float(value), int(flag), int(tests))
        for t, dt, value, flag, tests in zip(found.t, found.dt, found.value, found.flag, found.tests, strict=True)
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(ROWS, min_size=1, max_size=30))
def test_what_is_written_is_read_bit_for_bit(open_, rows):
    # Each example has series of its own: the store goes on living.
    mark = uuid.uuid4().hex
    rows = [one._replace(source=f"{one.source}-{mark}") for one in rows]
    store = open_()
    store.write(rows)
    expected = {(one.source, one.quantity, one.t): one for one in rows}
    for source, quantity in {key[:2] for key in expected}:
        want = sorted((one for key, one in expected.items() if key[:2] == (source, quantity)), key=lambda one: one.t)
        got = contents(store, source, quantity)
        assert got == want


def test_arrays_have_the_promised_types(open_):
    store = open_()
    store.write([row()])
    found = store.read("kit-a", "pm25", 0, 2**40)
    kinds = (found.t.dtype, found.dt.dtype, found.value.dtype, found.flag.dtype, found.tests.dtype)
    assert kinds == (np.int64, np.int32, np.float64, np.uint8, np.int32)
    assert all(column.flags.c_contiguous for column in (found.t, found.value))


def test_a_store_beside_another_reads_the_same_in_another_thread(open_):
    store = open_()
    store.write([row(NOON + 60 * n, n) for n in range(100)])
    other, found = store.beside(), []
    thread = threading.Thread(target=lambda: found.extend(contents(other)))
    thread.start()
    assert contents(store) == [row(NOON + 60 * n, n) for n in range(100)]
    thread.join()
    other.close()
    assert found == contents(store), "closing one closes the other"


def test_writing_again_changes_nothing(open_):
    store = open_()
    rows = [row(NOON + 60 * n, n) for n in range(100)]
    store.write(rows)
    store.write(rows[::-1])
    assert contents(store) == rows


def test_the_last_write_of_a_key_counts(open_):
    store = open_()
    store.write([row(value=1.0), row(value=2.0, flag=4, tests=1)])
    assert contents(store) == [row(value=2.0, flag=4, tests=1)]
    store.write([row(value=3.0)])
    assert contents(store) == [row(value=3.0)]


def test_quantities_of_one_time_lie_beside_each_other(open_):
    store = open_()
    store.write([row(), row(quantity="laeq", value=55.0, dt=30)])
    store.write([row(quantity="humidity", value=70.0)])
    assert contents(store) == [row()]
    assert contents(store, quantity="laeq") == [row(quantity="laeq", value=55.0, dt=30)]
    assert contents(store, quantity="humidity") == [row(quantity="humidity", value=70.0)]


def test_a_period_is_open_at_its_start_and_closed_at_its_end(open_):
    store = open_()
    store.write([row(NOON + n) for n in range(4)])
    assert [one.t for one in contents(store, after=NOON, until=NOON + 2)] == [NOON + 1, NOON + 2]


def test_nothing_is_an_answer_too(open_):
    store = open_()
    assert contents(store) == [] and store.series() == []
    store.write([])
    store.write([row()])
    assert contents(store, "kit-b") == [] and contents(store, quantity="pm10") == []


def test_series_tells_what_there_is(open_):
    store = open_()
    store.write([row(NOON + 60 * n) for n in range(5)] + [row(source="kit-b", quantity="laeq"), row(source="kit-b")])
    assert store.series() == [
        Series("kit-a", "pm25", 5, NOON, NOON + 240),
        Series("kit-b", "laeq", 1, NOON, NOON),
        Series("kit-b", "pm25", 1, NOON, NOON),
    ]
    assert store.series("kit-b") == store.series()[1:]
    assert store.series("kit-c") == []


def test_a_series_has_a_first_and_a_last_moment(open_):
    store = open_()
    store.write([row(NOON + 60 * n) for n in range(5)] + [row(NOON + 9, source="kit-b", quantity="laeq")])
    assert store.span("kit-a", "pm25") == (NOON, NOON + 240)
    assert store.span("kit-b", "laeq") == (NOON + 9, NOON + 9)
    assert store.span("kit-b", "pm25") is store.span("kit-c", "laeq") is store.span("kit-a", "pm10") is None


def test_odd_names_survive(open_):
    store = open_()
    source = "station:a b,c=d'e\"f"
    store.write([row(source=source)])
    assert contents(store, source) == [row(source=source)]
    assert [one.source for one in store.series()] == [source]


def test_a_store_that_is_opened_again_has_everything(open_):
    first = open_()
    first.write([row()])
    first.close()
    assert contents(open_()) == [row()]


def test_a_long_series_is_read_whole(open_):
    store = open_()
    rows = [row(NOON + n, float(n)) for n in range(250_000)]
    for start in range(0, len(rows), 50_000):
        store.write(rows[start : start + 50_000])
    found = store.read("kit-a", "pm25", 0, 2**40)
    assert len(found) == len(rows)
    assert np.array_equal(found.value, np.arange(len(rows), dtype=float)) and (np.diff(found.t) == 1).all()


def test_one_writes_while_others_read(open_):
    open_().write([row(NOON - 60)])
    failed = []

    def write(source):
        store = open_()
        for n in range(20):
            store.write([row(NOON + 60 * (100 * n + m), source=source) for m in range(100)])

    def read(done):
        store = open_()
        while not done.is_set():
            times = [one.t for one in contents(store, "kit-b")]
            if times != sorted(times) or len(times) % 100:
                failed.append(times)  # a write is there whole, or not at all

    done = threading.Event()
    reader = threading.Thread(target=read, args=(done,))
    writers = [threading.Thread(target=write, args=(name,)) for name in ("kit-a", "kit-b")]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failed
    assert len(contents(open_(), "kit-a")) == 2001 and len(contents(open_(), "kit-b")) == 2000
