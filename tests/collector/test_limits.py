# SPDX-License-Identifier: EUPL-1.2
"""What one device may bring in: the rest is not acknowledged, honest kits go on, and disks do not fill."""

import json

import pytest

from collector.ingest.answers import MAX_ACK
from collector.message import readings_topic
from tests.collector.test_intake import DEVICE, NOON, Bench, message, reading


@pytest.fixture
def make(tmp_path):
    made = []

    def make(**settings):
        made.append(Bench(tmp_path, **settings))
        return made[-1]

    yield make
    for bench in made:
        bench.spool.close()


def test_a_flood_of_one_device_is_not_acknowledged_and_another_kit_goes_on(make):
    bench = make(limit_messages=1, limit_burst=5)
    bench.devices.add("kit-honest")
    bench.intake.refresh()
    answers = [bench.send(message(reading(n, NOON + n))) for n in range(50)]
    assert [bool(one) for one in answers] == [True] * 5 + [False] * 45
    assert bench.send(message(reading(1)), readings_topic("kit-honest"))["seq"] == [[1, 1]]
    bench.intake.refresh()
    assert bench.spool.counters()[DEVICE] == {"held": 45, "taken": 5}


def test_too_many_readings_close_the_door_for_the_next_message(make):
    bench = make(limit_readings=1, limit_burst=5)
    assert bench.send(message(*(reading(n, NOON + n) for n in range(20))))
    assert bench.send(message(reading(30, NOON + 30))) is None


def test_strangers_fill_one_shelf_and_then_get_no_answer(make):
    bench = make(quarantine_messages=10, limit_messages=0)
    answers = [bench.send(message(reading(1)), readings_topic(f"kit-stranger-{n}")) for n in range(30)]
    assert [bool(one) for one in answers] == [True] * 10 + [False] * 20
    bench.reopen()
    assert bench.send(message(reading(1)), readings_topic("kit-stranger-99")) is None
    assert bench.send(message(reading(1)))["seq"] == [[1, 1]]


def test_the_newest_refusals_of_a_device_are_kept(make):
    bench = make(quarantine_messages=10, limit_messages=0)
    for n in range(200):
        bench.send(b"no JSON %d" % n)
    kept = bench.spool.quarantined(limit=1000)
    assert len(kept) <= 111 and kept[0].payload == b"no JSON 199"


def test_who_is_locked_out_is_not_taken_or_answered(make):
    bench = make()
    bench.intake._read_locked_out = lambda: frozenset({DEVICE})
    bench.intake.refresh()
    assert bench.send(message(reading(1))) is None and bench.stored() == []


def test_acknowledgements_stay_small_however_much_is_refused(make):
    bench = make()
    payload = json.dumps({"v": 1, "boot": 1, "readings": [{"seq": n} for n in range(600)]}, separators=(",", ":"))
    bench.intake.take(readings_topic(DEVICE), payload.encode())
    acks = [ack for _, ack in bench.intake.commit()]
    named = [int(seq) for ack in acks for seq in json.loads(ack)["rejected"]]
    assert all(len(ack) <= MAX_ACK for ack in acks) and sorted(named) == list(range(600))
