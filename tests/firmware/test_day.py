# SPDX-License-Identifier: EUPL-1.2
"""A kit's virtual day on the real MicroPython with 64 kB of heap for the firmware; sim/day.py tells what happens."""

import json

from tests.firmware import board

START = 1767225600


def part(*args):
    """Some hours of the day; the books at their end."""
    return json.loads(board.run("day", *args, heap=board.kit_heap()).splitlines()[-1])


def test_a_day_with_six_hours_without_a_broker_loses_nothing(tmp_path):
    flash, book = tmp_path / "flash", tmp_path / "book"
    before = part(flash, book, 0, 17, 2 * 3600)
    after = part(flash, book, 17, 24, 1800)
    arrived = {1: {}, 2: {}}
    again = 0
    for line in book.read_text().splitlines():
        boot, seq, t = map(int, line.split())
        again += seq in arrived[boot]
        first = arrived[boot].setdefault(seq, t)
        assert abs(first - t) <= 1, "the same reading came with two times"
    # 17 hours and 7 hours of minutes; the first minute of each boot is not whole.
    assert (before["made"], after["made"]) == (17 * 60 - 2, 7 * 60 - 2)
    assert after["held"] == before["dropped"] == after["dropped"] == after["torn"] == 0
    for boot, run, start in ((1, before, START), (2, after, START + 17 * 3600)):
        assert sorted(arrived[boot]) == list(range(1, run["made"] + 1))
        for seq, t in arrived[boot].items():
            assert abs(t - (start + 60 + 60 * seq)) <= 1
    # It was no easy day.
    assert before["lost"] > 20 and again > 20
    assert before["link"]["connects"] >= 2 and before["link"]["errors"] > 10
    for kind in ("SHT4x bad frames", "SPS30 bad frames", "SHT4x no answer", "SPS30 no answer"):
        assert before["errors"][kind] > 3
