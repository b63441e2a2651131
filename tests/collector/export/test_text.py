# SPDX-License-Identifier: EUPL-1.2
"""Text of whole blocks: what is written reads back exactly, whatever the numbers, times and words are."""

import csv
import json
import math
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.export.blocks import Block, Month, months
from collector.export.columns import DATA
from collector.export.scope import Span
from collector.export.text import TextWriter, numbers_as_text, times
from collector.store.base import Row
from collector.store.sqlite import SqliteStore

FLOATS = st.floats(allow_infinity=False)
COLUMNS = DATA["hour", "both"]


def block(source, quantity, values, records):
    n = len(values)
    end = 1767261600 + 3600 * np.arange(n)
    numbers = {name: np.array(values) for name in ("value", "u", "lower", "upper", "coverage", "raw")}
    flags = {name: np.arange(n) % 10 for name in ("flag", "raw_flag", "tests")}
    which = (np.arange(n) % (len(records) + 1) - 1).astype(np.int32)
    columns = {"start": end - 3600, "end": end, **numbers, **flags, "record": which}
    return Block(Span(source, quantity, 0, 1, 1.0), columns, tuple(records))


@given(
    source=st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1),
    values=st.lists(FLOATS, min_size=1, max_size=20),
    records=st.lists(st.text("abcdef0123456789", min_size=64, max_size=64), max_size=2, unique=True),
)
def test_rows_read_back_exactly(tmp_path_factory, source, values, records):
    folder = tmp_path_factory.mktemp("text")
    for format in ("csv", "jsonl"):
        writer = TextWriter(folder, "rows", COLUMNS, format)
        writer.add(block(source, "radon", values, records))
        assert writer.close()[0].rows == len(values)
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        from_csv = list(csv.DictReader(file))
    from_json = [json.loads(line) for line in (folder / "rows.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert len(from_csv) == len(from_json) == len(values)
    for n, (row, other, value) in enumerate(zip(from_csv, from_json, values, strict=True)):
        assert row["source"] == other["source"] == source
        wanted = None if math.isnan(value) else value
        assert (float(row["value"]) if row["value"] else None) == other["value"] == wanted
        assert int(row["flag"]) == other["flag"] == n % 10
        record = ([None, *records])[n % (len(records) + 1)]
        assert row["record"] == (record or "") and other["record"] == record and other["unit"] is None


@given(st.lists(st.integers(0, 253402300799), min_size=1, max_size=50))
def test_times_are_iso_8601(moments):
    # A block holds some days; a few of its times are enough to make a table of days.
    near = [min(moments) + (t - min(moments)) % (40 * 86400) for t in moments]
    found = times(np.array(near), b"").tolist()
    assert [datetime.fromisoformat(text.decode()) for text in np.atleast_1d(found)] == [
        datetime.fromtimestamp(t, UTC) for t in near
    ]


@given(st.lists(FLOATS, min_size=1), st.sampled_from([b"", b"null"]))
def test_numbers_read_back_exactly(values, missing):
    found = np.broadcast_to(numbers_as_text(np.array(values), missing), len(values)).tolist()
    for text, value in zip(found, values, strict=True):
        assert text == missing if math.isnan(value) else float(text) == value


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), st.floats(-1e308, 1e308)),
            st.sampled_from([(60, 1, 0), (30, 3, 128), (3600, 4, 2**31 - 1)]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_the_embedded_store_reads_what_was_written_with_many_decimals_and_with_few(tmp_path_factory, given_):
    store = SqliteStore(tmp_path_factory.mktemp("store"))
    rows = [Row("kit-a", "pm25", 100 * n, dt, v, flag, tests) for n, (v, (dt, flag, tests)) in enumerate(given_, 1)]
    store.write(rows)
    found = store.read("kit-a", "pm25", 0, 2**40)
    store.close()
    columns = (found.t, found.dt, found.value, found.flag, found.tests)
    assert [tuple(column[n].item() for column in columns) for n in range(len(found))] == [row[2:] for row in rows]


def test_the_embedded_store_reads_page_after_page(tmp_path, monkeypatch):
    monkeypatch.setattr("collector.store.columns._PAGE", 7)
    store = SqliteStore(tmp_path)
    for n in (0, 1, 6, 7, 8, 14, 50):
        rows = [Row("kit-a", f"q{n}", t, 60, t / 3 if t == 33 else t / 10, 1, 0) for t in range(1, n + 1)]
        store.write(rows)
        found = store.read("kit-a", f"q{n}", 0, 99)
        assert found.t.tolist() == list(range(1, n + 1)) and found.value.tolist() == [row.value for row in rows]
    store.close()


def test_months_are_those_that_a_series_touches():
    def span(after, until):
        return Span("a", "pm25", after, until, 1.0)

    january, february = 1767225600, 1769904000
    assert months((span(january, february),)) == [Month("2026-01", january, february)]
    assert [one.name for one in months((span(january - 1, february + 1),))] == ["2025-12", "2026-01", "2026-02"]
    # Nothing is made of the months between two series.
    names = [one.name for one in months((span(january, january + 9), span(january + 10**7, january + 10**7 + 9)))]
    assert names == ["2026-01", "2026-04"]
