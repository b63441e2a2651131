# SPDX-License-Identifier: EUPL-1.2
"""What benches share: a bar to reach, its table on the screen, its file under build/, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Bar:
    """One figure with what it must be and what it aims at."""

    name: str
    reached: float
    must: float
    aim: float
    better: str  # "higher" or "lower"
    rival: str
    note: str = ""

    @property
    def met(self) -> bool:
        return self.reached >= self.must if self.better == "higher" else self.reached <= self.must


def finish(bars: Sequence[Bar], file: str) -> None:
    """Prints the bars, writes build/<file>, and exits with 1 if a must is missed."""
    print(f"{'':2}{'what':58} {'reached':>9} {'must':>9} {'aim':>9}  beside")
    for bar in bars:
        sign = ">=" if bar.better == "higher" else "<="
        mark = "ok" if bar.met else "NO"
        print(f"{mark} {bar.name:57} {bar.reached:9.3g} {sign}{bar.must:7.3g} {sign}{bar.aim:7.3g}  {bar.rival}")
    path = ROOT / "build" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(bar) for bar in bars], indent=1) + "\n")
    sys.exit(0 if all(bar.met for bar in bars) else 1)
