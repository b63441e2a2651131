# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure` with its time altered, as a process: another time of day, or less patience.

The file CITIMEASURE_TEST_CLOCK holds how far the time of day is wrong [s], and may change while it runs.
CITIMEASURE_TEST_PATIENCE divides how long the collector waits for a word of a broker or InfluxDB, and until it believes
a clock again that has jumped. Tests start it instead of `collector.cli`.
"""

from __future__ import annotations

import os
import sys
import time

COMMAND = [sys.executable, "-m", "tests.soak.altered"]


def _set_clock(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    right = time.time
    time.time = lambda: right() + float(os.pread(file, 100, 0))


def _shorten_patience(divisor: float) -> None:
    import urllib3

    from collector.ingest import connection, steady
    from collector.store import influx

    connection.QUIET /= divisor
    connection.ANSWER /= divisor
    connection._PATIENCE /= divisor
    steady.SETTLE /= divisor
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
