# SPDX-License-Identifier: EUPL-1.2
"""How long `citimeasure --help` takes, beside a Python that imports click."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from tests.bench.table import Bar

PAIRS = 9


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def measure() -> list[Bar]:
    """The ratio of wall times, median of pairs after one warm-up."""
    ours = [sys.executable, "-m", "collector.cli", "--help"]
    rival = [sys.executable, "-c", "import click"]
    _seconds(ours), _seconds(rival)
    ratios = [_seconds(ours) / _seconds(rival) for _ in range(PAIRS)]
    return [Bar("start: citimeasure --help", statistics.median(ratios), 2.5, 1.5, "lower", "python -c 'import click'")]
