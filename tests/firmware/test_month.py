# SPDX-License-Identifier: EUPL-1.2
"""A kit's hard month on the real MicroPython; see sim/month.py for what happens to it.

Five days of it in 80 kB of heap; all thirty in a megabyte, as a board with PSRAM has, with CITIMEASURE_SOAK=1.
"""

import collections
import json
import os

import pytest

from tests.firmware import board

DAYS = [pytest.param(((0, 3), (3, 5)), 80 * 1024, id="five-days")]
if os.environ.get("CITIMEASURE_SOAK") == "1":
    DAYS.append(pytest.param(((0, 3), (3, 12), (12, 21), (21, 30)), 1024 * 1024, id="thirty-days"))
ROOM = 12 * 1024  # too little for a day alone


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("parts", "heap"), DAYS)
def test_every_reading_of_a_hard_month_arrives_or_is_counted_as_dropped(tmp_path, parts, heap):
    flash, book = tmp_path / "flash", tmp_path / "book"
    runs = []
    for first, last in parts:
        args = (flash, book, first, last, ROOM, int(last == parts[-1][1]))
        out = board.run("month", *args, heap=board.kit_heap("month", heap), timeout=500)
        runs.append(json.loads(out.splitlines()[-1]))
    arrived = collections.defaultdict(dict)
    for line in book.read_text().splitlines():
        boot, seq, t = map(int, line.split())
        first_t = arrived[boot].setdefault(seq, t)
        assert abs(first_t - t) <= 1, "the same reading came with two times"
    made = sum(run["made"] for run in runs)
    end = runs[-1]
    assert end["held"] == 0 and all(run["torn"] == 0 for run in runs)
    for run in runs:
        assert arrived[run["boot"]].keys() <= set(range(1, run["made"] + 1))
        first, last = parts[run["boot"] - 1]
        # A minute in which every frame was damaged makes no reading.
        assert run["made"] >= 0.9 * (last - first) * 1440, "a task died"
        assert run["late"] is None and not [name for name in run["errors"] if name.endswith("restarts")]
    lost = made - sum(len(one) for one in arrived.values())
    # Exactly as many are missing as the kit says: dropped for lack of room, and it says so to the collector as well.
    assert lost == end["dropped"] == end["told"] > 0
    for kind in ("SHT4x bad frames", "SPS30 bad frames", "SHT4x no answer"):
        assert sum(run["errors"].get(kind, 0) for run in runs) > 10
