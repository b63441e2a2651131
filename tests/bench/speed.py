# SPDX-License-Identifier: EUPL-1.2
"""`make bench`: every speed as a ratio with its rival in the same run, and the memory, into build/bench.json."""

from __future__ import annotations

from tests.bench import export, ingest, kit, many, memory, noise, series, start, store, telegraf
from tests.bench.table import finish


def main() -> None:
    measures = ingest, telegraf, store, series, export, start, memory, noise, kit, many
    bars = [bar for part in measures for bar in part.measure()]
    finish(bars, "bench.json")


if __name__ == "__main__":
    main()
