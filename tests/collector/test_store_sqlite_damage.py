# SPDX-License-Identifier: EUPL-1.2
"""The embedded store's first moments among processes, its damage, and values that are no numbers."""

import math
import subprocess
import sys

import pytest

from collector.errors import StoreRefused
from collector.store.base import Row
from collector.store.sqlite import FILE, SqliteStore

ROW = Row("kit-a", "pm25", 1767261600, 60, 1.5, 1, 0)
OPENER = """
import sys
from pathlib import Path
from collector.store.sqlite import SqliteStore
print("ready", flush=True)
for line in sys.stdin:
    SqliteStore(Path(line.strip())).close()
    print("opened", flush=True)
"""


def test_processes_may_open_a_new_store_at_the_same_moment(tmp_path):
    openers = [
        subprocess.Popen([sys.executable, "-c", OPENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout.readline() == "ready\n"
    for n in range(40):
        for opener in openers:
            opener.stdin.write(f"{tmp_path / str(n)}\n")
            opener.stdin.flush()
        assert [opener.stdout.readline() for opener in openers] == ["opened\n"] * 4
    for opener in openers:
        opener.communicate()


def test_a_damaged_file_is_told_and_not_tried_for_ever(tmp_path):
    store = SqliteStore(tmp_path)
    store.write([ROW._replace(t=ROW.t + 60 * n) for n in range(20_000)])
    store.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    store = SqliteStore(tmp_path)
    for do in (lambda: store.read("kit-a", "pm25", 0, 2**40), store.series, lambda: store.write([ROW])):
        with pytest.raises(StoreRefused, match="damaged") as refused:
            do()
        assert refused.value.access and "backup" in refused.value.hint
    store.close()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_no_number_keeps_its_batch_out(tmp_path, value):
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreRefused, match="pm10 of kit-b") as refused:
        store.write([ROW, ROW._replace(source="kit-b", quantity="pm10", value=value)])
    assert not refused.value.access and store.series() == []
    store.write([ROW])
    assert len(store.read("kit-a", "pm25", 0, 2**40)) == 1
    store.close()
