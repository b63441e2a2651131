# SPDX-License-Identifier: EUPL-1.2
"""The embedded store between processes, and in a folder that may only be read."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from collector.store.base import Row
from collector.store.sqlite import FILE, SqliteStore

READER = """
import sys
from pathlib import Path
from collector.store.sqlite import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
print("ready", flush=True)
n = 0
while n < int(sys.argv[2]):
    times = store.read("kit-a", "pm25", -1, 2**40).t
    assert len(times) >= n and len(times) % 500 == 0, "a write is there whole, or not at all, and stays"
    assert (times == range(len(times))).all()
    n = len(times)
store.close()
"""

# Root may write everywhere: it becomes nobody once everything is imported.
OPENER = """
import os, pwd, sys
from pathlib import Path
from collector.errors import SettingError
from collector.store.sqlite import SqliteStore
if os.geteuid() == 0:
    os.setuid(pwd.getpwnam("nobody").pw_uid)
try:
    SqliteStore(Path(sys.argv[1]))
except SettingError as error:
    print(f"{error} {error.hint}")
"""


def test_another_process_reads_while_this_one_writes(tmp_path):
    store = SqliteStore(tmp_path)
    command = [sys.executable, "-c", READER, str(tmp_path), "20000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "ready\n"
        for start in range(0, 20_000, 500):
            store.write([Row("kit-a", "pm25", start + n, 60, float(n), 1, 0) for n in range(500)])
        complaint = reader.stderr.read()
    store.close()
    assert reader.returncode == 0, complaint


@pytest.mark.parametrize("filled", [False, True])
def test_a_folder_that_may_only_be_read_is_named(filled):
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        folder = Path(temporary) / "store"
        folder.mkdir()
        if filled:
            store = SqliteStore(folder)
            store.write([Row("kit-a", "pm25", 1, 60, 1.0, 1, 0)])
            store.close()
        folder.chmod(0o555)
        said = subprocess.run(
            [sys.executable, "-c", OPENER, str(folder)], capture_output=True, text=True, check=True
        ).stdout
        folder.chmod(0o755)
    assert f"{folder / FILE} cannot be opened" in said and "may be written" in said
