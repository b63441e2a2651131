# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure` with its time altered, as a process: another time of day, or less patience with who does not answer.

The file CITIMEASURE_TEST_CLOCK holds two numbers that may change while it runs: how far the time of day is wrong, and
how much time has passed that nobody waited for [s]. CITIMEASURE_TEST_PATIENCE divides how long the collector waits for
a broker and InfluxDB to say a word. Tests start it instead of `collector.cli`.
"""

from __future__ import annotations

import os
import sys
import time

COMMAND = [sys.executable, "-m", "tests.soak.altered"]


def _set_clock(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    of_day, since_boot = time.time, time.clock_gettime

    def offsets() -> tuple[float, float]:
        wrong, passed = os.pread(file, 100, 0).split()
        return float(wrong), float(passed)

    time.time = lambda: of_day() + sum(offsets())
    time.clock_gettime = lambda which: since_boot(which) + offsets()[1]


def _shorten_patience(divisor: float) -> None:
    import urllib3

    from collector.ingest import connection
    from collector.store import influx

    connection.QUIET /= divisor
    connection.ANSWER /= divisor
    connection._PATIENCE /= divisor
    influx._TIMEOUT = urllib3.Timeout(connect=5, read=60 / divisor)


def main() -> None:
    # Before anything of the collector's is imported, since its defaults hold the functions themselves.
    if path := os.environ.pop("CITIMEASURE_TEST_CLOCK", ""):
        _set_clock(path)
    if patience := os.environ.pop("CITIMEASURE_TEST_PATIENCE", ""):
        _shorten_patience(float(patience))
    from collector.cli import main as citimeasure

    citimeasure()


if __name__ == "__main__":
    main()
