# SPDX-License-Identifier: EUPL-1.2
"""What only the embedded store can suffer: kills, full disks, folders and files that are not right."""

import signal
import sqlite3
import subprocess
import sys

import pytest

from collector.errors import SettingError, StoreRefused, StoreUnavailable
from collector.store.base import Row
from collector.store.sqlite import FILE, SqliteStore

WRITER = """
import sys
from pathlib import Path
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 10**6):
    store.write([Row("kit-a", "pm25", 1000 * n + m, 60, float(n), 1, 0) for m in range(1000)])
    print(n, flush=True)
"""


def test_a_kill_loses_no_write_that_returned(tmp_path):
    written = -1
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(written + 1)], stdout=subprocess.PIPE, text=True
        )
        with process:
            for _ in range(8):
                written = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            written = max([written, *(int(line) for line in process.stdout.read().split())])
        store = SqliteStore(tmp_path)
        times = store.read("kit-a", "pm25", -1, 2**40).t
        store.close()
        assert len(times) % 1000 == 0 and len(times) >= 1000 * (written + 1)
        written = len(times) // 1000 - 1
    db = sqlite3.connect(tmp_path / FILE)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_a_full_disk_is_waited_for_and_nothing_is_half_written(tmp_path):
    store = SqliteStore(tmp_path)
    store.write([Row("kit-a", "pm25", 1, 60, 1.0, 1, 0)])
    store._db.execute(f"PRAGMA max_page_count = {store._db.execute('PRAGMA page_count').fetchone()[0]}")
    many = [Row(f"kit-{n % 7}", "pm10", n, 60, 1.0, 1, 0) for n in range(50_000)]
    with pytest.raises(StoreUnavailable, match="full"):
        store.write(many)
    assert [one.n for one in store.series()] == [1]
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.write(many)
    assert sum(one.n for one in store.series()) == 50_001
    store.close()


def test_a_value_that_is_no_number_is_refused(tmp_path):
    store = SqliteStore(tmp_path)
    with pytest.raises(StoreRefused):
        store.write([Row("kit-a", "pm25", 1, 60, float("nan"), 1, 0)])
    store.close()


def test_a_file_that_is_no_store_is_named(tmp_path):
    (tmp_path / FILE).write_text("this is a letter to my aunt, and not a database at all" * 100)
    with pytest.raises(StoreRefused, match=FILE) as refused:
        SqliteStore(tmp_path)
    assert refused.value.access and "rebuild" in refused.value.hint


def test_a_store_of_a_newer_version_is_left_alone(tmp_path):
    SqliteStore(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(SettingError, match="schema 99"):
        SqliteStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="file/sub"):
        SqliteStore(tmp_path / "file" / "sub")
