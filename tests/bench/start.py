# SPDX-License-Identifier: EUPL-1.2
"""How long `citimeasure --help` takes beside a Python that imports click, `query` beside one that imports numpy."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from collector.moments import DAY, iso
from collector.registry import Registry
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.bench.table import Bar

PAIRS = 9
START = 1_767_225_600


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def measure() -> list[Bar]:
    """The ratios of wall times, medians of pairs after one warm-up."""
    ours = [sys.executable, "-m", "collector.cli", "--help"]
    rival = [sys.executable, "-c", "import click"]
    bars = [Bar("start: citimeasure --help", _ratio(ours, rival), 2.5, 1.5, "lower", "python -c 'import click'")]
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder))
        store.write([Row("kit-000001", "pm25", START + 60 * n, 60, n % 97 / 4, 1, 0) for n in range(1, 14 * 1440 + 1)])
        store.close()
        Registry(f"sqlite:///{folder}/registry.db").close()
        week = ("--from", iso(START + 7 * DAY), "--to", iso(START + 14 * DAY))
        ours = [
            sys.executable,
            "-m",
            "collector.cli",
            "query",
            "--folder",
            folder,
            "kit-000001",
            "pm25",
            *week,
            "-o",
            "json",
        ]
        answer = json.loads(subprocess.run(ours, check=True, capture_output=True).stdout)
        assert len(answer) == 7 * 24, len(answer)
        rival = [sys.executable, "-c", "import numpy"]
        bars.append(Bar("start: query of a week", _ratio(ours, rival), 5, 4, "lower", "python -c 'import numpy'"))
    return bars


def _ratio(ours: list[str], rival: list[str]) -> float:
    _seconds(ours), _seconds(rival)
    return statistics.median(_seconds(ours) / _seconds(rival) for _ in range(PAIRS))
