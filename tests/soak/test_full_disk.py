# SPDX-License-Identifier: EUPL-1.2
"""A disk that is really full: a small tmpfs that holds the collector's folder, filled to the last byte and freed again.

It is mounted in a namespace, so no rights are needed where the kernel lets users have such; what happens there is in
full_disk.py.
"""

import shutil
import subprocess
import sys

import pytest

from tests import parts
from tests.journeys.collecting import environment
from tests.soak.chain import SOAK, bounded

SIZE = bounded(200, 64)  # of the disk [MiB]
_NO_MOUNT = 99
_MOUNT = f'mount -t tmpfs -o size={SIZE}m tmpfs "$1" || exit {_NO_MOUNT}; shift; exec "$@"'


@pytest.mark.timeout(1200)
def test_a_full_disk_stops_acknowledging_before_a_write_fails_and_goes_on_when_it_is_freed(tmp_path, mosquitto):
    unshare = shutil.which("unshare")
    if unshare is None:
        parts.missing("unshare", "install the package util-linux.")
    mount = tmp_path / "disk"
    mount.mkdir()
    scenario = [sys.executable, "-m", "tests.soak.full_disk", str(mount), mosquitto.url, str(tmp_path / "book")]
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(mount), *scenario],
        env={**environment(), "CITIMEASURE_SOAK": str(int(SOAK))}, capture_output=True, text=True, cwd=parts.ROOT,
    )  # fmt: skip
    print(f"\n{done.stdout}")
    if done.returncode == _NO_MOUNT or "unshare failed" in done.stderr:
        parts.missing("a mount of one's own", f"let users have namespaces; {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
