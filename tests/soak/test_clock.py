# SPDX-License-Identifier: EUPL-1.2
"""The collector's clock jumps by a day, both ways, under load and under a restart: each reading keeps its own time."""

import time

import pytest

from tests.journeys.collecting import Collector, wait_until
from tests.soak import altered
from tests.soak.chain import PATIENCE, SOAK, audit, in_sqlite, standing

SHORTER = 1 if SOAK else 30
SETTLE = 600 / SHORTER  # of collector.ingest.steady [s]
DAY = 86_400
KITS, CLOCKLESS = 200, 100
STEP = 20  # between two readings [s]; a clockless kit's must be told from their neighbours by times that are not exact
BEFORE = 20  # readings that each kit has already


class Altered(Collector):
    command = altered.COMMAND


@pytest.mark.timeout(3000)
def test_a_clock_that_jumps_a_day_gives_no_reading_a_wrong_time_and_loses_none(tmp_path, mosquitto):
    clock = tmp_path / "clock"
    start = int(time.time()) - BEFORE * STEP
    env = {"CITIMEASURE_TEST_CLOCK": str(clock), "CITIMEASURE_TEST_PATIENCE": str(SHORTER)}

    clock.write_bytes(bytes(10))

    def set_clock(wrong):
        with clock.open("r+b", buffering=0) as file:  # never empty for a moment, as a new file would be
            file.write(b"%+010d" % wrong)

    def jump(to, says):
        at = len(log.read_text())
        set_clock(to)
        wait_until(lambda: f"it jumped by {says:+d} s" in log.read_text()[at:], PATIENCE, "a word about the jump")

    def told():
        return sum(map(len, chain.kits.acknowledged().values()))

    set_clock(0)
    load = [f"--start={start}", f"--step={STEP}", f"--clockless={CLOCKLESS}", "--now", "--most=2000"]
    with standing(tmp_path, *load, broker=mosquitto, kind=Altered, kits=KITS, rate=1 / STEP, **env) as chain:
        log = chain.collector.log
        wait_until(lambda: told() >= KITS * BEFORE, PATIENCE, "taking what there was before")
        for wrong in (DAY, -DAY):
            jump(wrong, wrong)
            time.sleep(2.5)
            if wrong < 0:  # a start does not see a jump, but it sees that the spool is ahead
                chain.collector.restart()
                wait_until(lambda: "behind the latest message" in log.read_text(), PATIENCE, "a word about the start")
                time.sleep(2.5)
            jump(0, -wrong)
        began, before = time.monotonic(), told()
        wait_until(lambda: told() >= before + 2 * KITS, SETTLE + PATIENCE, "readings of all kits")
        print(f"\nafter the last jump: {time.monotonic() - began:.0f} s until all kits were answered again")
        made = chain.stop()
    acknowledged = chain.kits.acknowledged()
    held = in_sqlite(chain.folder)
    found = audit(held, acknowledged, start, STEP, within=STEP / 2 - 1)
    exact = sum(one % STEP == start % STEP for rows in in_sqlite(chain.folder).values() for one, _, _ in rows)
    print(f"{made['acknowledged']} acknowledged, {found}; {exact} at their own second")
    assert made["rejected"] == made["left"] == 0
    assert found == {"stored": made["made"], "missing": 0, "duplicates": 0, "wrong": 0, "unknown": 0}
