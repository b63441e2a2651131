# SPDX-License-Identifier: EUPL-1.2
"""What benches of whole processes share: the kernel's word on what one costs, and a folder that knows a load's kits."""

from __future__ import annotations

import os
from pathlib import Path

from collector.registry import Registry
from collector.settings import Settings
from tests.bench.load import device

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process: int) -> float:
    """User and system time of a process so far, all its threads together [s]; in steps of a hundredth."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def register(folder: Path, kits: int) -> None:
    """Makes a collector's folder in which the kits of a load are known."""
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        for n in range(kits):
            registry.add_device("kit-1", device(n), simulated=True)
