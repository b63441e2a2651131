# SPDX-License-Identifier: EUPL-1.2
"""What the collector holds in memory while 1,000 kits send a message a second for a minute."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests import parts
from tests.bench.load import Load, run
from tests.bench.process import register
from tests.bench.table import Bar
from tests.journeys.collecting import Collector

SECONDS = 60
LOAD = Load(1_000 * SECONDS, rate=1_000)


def measure() -> list[Bar]:
    """The peak of the resident memory of `citimeasure run`, broker outside, embedded store [MiB]."""
    with parts.mosquitto() as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        register(folder, LOAD.kits)
        with Collector(folder, "--broker", server.url) as collector:
            run(server, LOAD, acknowledged=True)
            collector.wait_until_stored()
            assert collector.process is not None
            status = Path(f"/proc/{collector.process.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    note = f"{LOAD.messages} messages in {SECONDS} s"
    return [Bar("memory: 1,000 kits at 1 message/s [MiB]", peak, 150, 100, "lower", "the bar of 150 MiB", note)]
