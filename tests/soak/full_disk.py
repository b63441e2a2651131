# SPDX-License-Identifier: EUPL-1.2
"""What test_full_disk.py runs inside a namespace of its own, where a small tmpfs can be mounted without rights.

The collector's folder lies on that disk, which is filled by a ballast file: first to under the guard's floor, then to
the last byte. Ends with 0 if everything was as it must be.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from tests.journeys.collecting import CITIMEASURE, environment, wait_until
from tests.soak.chain import PATIENCE, Chain, bounded, standing

MB = 1_000_000
FREE = 8  # the setting free_mb [MB]
QUIET = bounded(60, 4)  # how long nothing may be acknowledged [s]


class Disk:
    """The disk under a folder."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, left: int) -> None:
        """Leaves so many bytes free, or less."""
        with self._ballast.open("ab") as file:
            while (more := shutil.disk_usage(self._ballast.parent).free - left) > 0:
                try:
                    file.write(bytes(min(more, 1 << 20)))
                    file.flush()
                except OSError:  # somebody else was quicker
                    return

    def free(self) -> None:
        """Gives the room back."""
        self._ballast.unlink()


def scenario(chain: Chain, disk: Disk) -> None:
    """Twice short of room, once without any, and killed then."""
    log = chain.collector.log

    def wait_for(words: str, after: int = 0) -> None:
        wait_until(lambda: words in log.read_text()[after:], PATIENCE, f"the words {words!r}")

    disk.fill(FREE * MB // 2)
    wait_for("nothing is acknowledged now")
    assert "not taken" not in log.read_text(), "a write failed before the guard"
    time.sleep(0.5)  # what was on its way comes in
    told = chain.kits.noted
    time.sleep(QUIET)
    assert chain.kits.noted == told, "something was acknowledged on a disk without room"
    doctor = [*CITIMEASURE, "doctor", "--folder", str(chain.folder)]
    env = environment(CITIMEASURE_FREE_MB=str(FREE), CITIMEASURE_BROKER=chain.broker.url)
    said = subprocess.run(doctor, env=env, capture_output=True, text=True)
    words = " ".join((said.stdout + said.stderr).split())
    assert said.returncode and f"Under {FREE} MB nothing is acknowledged any more." in words, words

    disk.fill(0)
    time.sleep(QUIET)
    assert chain.collector.process is not None and chain.collector.process.poll() is None, log.read_text()
    chain.collector.kill()
    chain.collector.launch()
    wait_for("the collector waits for room")
    assert chain.kits.noted == told

    disk.free()
    print(f"disk freed under a collector that had started without room: {chain.wait_for_acknowledgements():.1f} s")

    at = len(log.read_text())
    disk.fill(FREE * MB // 2)
    wait_for("nothing is acknowledged now", at)
    disk.fill(0)
    time.sleep(QUIET)
    began = time.monotonic()
    disk.free()
    wait_for("MB free again; readings are taken", at)
    chain.wait_for_acknowledgements()
    print(f"disk freed, without a restart: acknowledgements {time.monotonic() - began:.1f} s after")


def main() -> None:
    folder, url = Path(sys.argv[1]), sys.argv[2]
    env = {"CITIMEASURE_FREE_MB": str(FREE), "CITIMEASURE_ARCHIVE_MB": "4"}
    with standing(folder, broker=SimpleNamespace(url=url), book=Path(sys.argv[3]), **env) as chain:
        scenario(chain, Disk(folder))
        chain.finish()


if __name__ == "__main__":
    main()
