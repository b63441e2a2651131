# SPDX-License-Identifier: EUPL-1.2
"""What the collector holds in memory while 1,000 kits send a message a second for a minute."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.bench.ingest import DEVICES, device
from tests.bench.table import Bar
from tests.journeys.collecting import Collector

SECONDS = 60


def measure() -> list[Bar]:
    """The peak of the resident memory of `citimeasure run`, broker outside, embedded store [MiB]."""
    with parts.mosquitto() as server, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        folder.mkdir()
        with Registry(Settings(folder=folder).registry_url) as registry:
            for n in range(DEVICES):
                registry.add_device("kit-1", device(n), simulated=True)
        total = DEVICES * SECONDS
        publisher = [sys.executable, "-m", "tests.bench.ingest", "publish", server.host, str(server.port)]
        with Collector(folder, "--broker", server.url) as collector:
            subprocess.run([*publisher, str(total), str(DEVICES)], check=True, timeout=10 * SECONDS)
            collector.wait_until_stored()
            assert collector.process is not None
            status = Path(f"/proc/{collector.process.pid}/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    note = f"{total} messages in {SECONDS} s"
    return [Bar("memory: 1,000 kits at 1 message/s [MiB]", peak, 150, 100, "lower", "the bar of 150 MiB", note)]
