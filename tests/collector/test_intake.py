# SPDX-License-Identifier: EUPL-1.2
"""From a message's bytes to the spool and the acknowledgement, on the vectors that the firmware reads too."""

import json
import sqlite3
from pathlib import Path

import pytest

from collector.ingest.intake import Intake
from collector.ingest.spool import Spool
from collector.ingest.steady import SteadyClock
from collector.message import Message, Reading, Reason, encode, readings_topic
from collector.settings import Settings

VECTORS = Path(__file__).parents[1] / "vectors" / "messages"
DEVICE = "kit-a1b2c3"
TOPIC = readings_topic(DEVICE)
NOON = 1767261600


class Bench:
    """An intake on a folder, with a clock and a list of devices to turn."""

    def __init__(self, folder: Path, **settings):
        self.now = float(NOON)
        self.devices = {DEVICE}
        self.settings = Settings(folder=folder, free_mb=0, **settings)
        self.jumped = 0.0
        self.clock = SteadyClock(lambda: self.now, lambda: self.now - self.jumped)
        self.open()

    def open(self):
        self.spool = Spool(self.settings.folder, writer=True)
        self.intake = Intake(self.spool, lambda: frozenset(self.devices), self.settings, self.clock)

    def reopen(self):
        self.spool.close()
        self.open()

    def send(self, payload, topic=TOPIC):
        self.intake.take(topic, payload if isinstance(payload, bytes) else encode(payload))
        return {topic: json.loads(ack) for topic, ack in self.intake.commit()}.get(topic.replace("readings", "ack"))

    def stored(self):
        return [(r.seq, t) for one in self.spool.after(0, 1000) for r, t in one.readings]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.spool.close()


def reading(seq, t=NOON, **more):
    return Reading(seq=seq, dt=60, q={"pm25": 5.0}, t=t, **more)


def message(*readings, boot=17):
    return Message(v=1, boot=boot, readings=list(readings), fw="1")


@pytest.mark.parametrize("path", sorted(VECTORS.glob("good-*.json")), ids=lambda path: path.stem)
def test_good_messages_are_taken(bench, path):
    vector = json.loads(path.read_text())
    bench.now = vector["received"]
    ack = bench.send(json.dumps(vector["payload"]).encode(), vector["topic"])
    assert [list(one) for one in bench.stored()] == vector["taken"]
    assert ack.get("noted", {}) == vector["noted"]
    assert "rejected" not in ack and "error" not in ack
    assert {n for low, high in ack["seq"] for n in range(low, high + 1)} == {seq for seq, _ in vector["taken"]}


@pytest.mark.parametrize("path", sorted(VECTORS.glob("bad-*.json")), ids=lambda path: path.stem)
def test_bad_messages_are_answered_kept_apart_and_counted(bench, path):
    vector = json.loads(path.read_text())
    bench.now = vector["received"]
    assert bench.send(vector["raw"].encode(), vector["topic"]) == vector["ack"]
    assert [list(one) for one in bench.stored()] == vector["taken"]
    ack = vector["ack"] or {"error": "topic"}
    reasons = {ack[key] for key in ("error",) if key in ack} | set(ack.get("rejected", {}).values())
    reasons |= set(ack.get("noted", {}).values())
    rows = bench.spool.quarantined()
    assert {row.reason for row in rows} == reasons
    for row in rows:
        assert row.detail and (row.kept or row.payload == vector["raw"].encode()[:8192])
    counted = {name for names in bench.spool.counters().values() for name in names} - {"taken"}
    assert counted == reasons


def test_a_duplicate_is_acknowledged_and_kept_once(bench):
    first = bench.send(message(reading(1), reading(2, NOON + 60)))
    assert first == {"boot": 17, "seq": [[1, 2]]}
    bench.reopen()
    assert bench.send(message(reading(1))) == {"boot": 17, "seq": [[1, 1]], "noted": {"1": "duplicate"}}
    assert bench.stored() == [(1, NOON), (2, NOON + 60)]


def test_a_time_that_is_taken_stays_with_the_first(bench):
    bench.send(message(reading(1)))
    assert bench.send(message(reading(1), boot=18)) == {"boot": 18, "rejected": {"1": "conflict"}}
    assert bench.spool.quarantined()[0].reason == Reason.CONFLICT


def test_a_reading_without_a_time_gets_one_and_keeps_it(bench):
    undated = Reading(seq=1, dt=60, q={"pm25": 5.0}, age=5000)
    bench.now = NOON + 5.4
    assert bench.send(message(undated)) == {"boot": 17, "seq": [[1, 1]], "now": NOON * 1000 + 5400}
    bench.reopen()
    bench.now = NOON + 99.0
    assert bench.send(message(Reading(seq=1, dt=60, q={"pm25": 5.0}, age=98000)))["noted"] == {"1": "duplicate"}
    # Later the kit knows the time, and it is a second off from what the collector said.
    assert bench.send(message(reading(1, NOON + 1)))["noted"] == {"1": "duplicate"}
    assert bench.stored() == [(1, NOON)]


def test_late_readings_are_kept_and_noted(bench):
    bench.send(message(reading(5, NOON)))
    bench.reopen()
    assert bench.send(message(reading(4, NOON - 60))) == {"boot": 17, "seq": [[4, 4]], "noted": {"4": "late"}}
    assert bench.spool.counters(DEVICE) == {DEVICE: {"taken": 2, "late": 1}}


def test_acknowledgements_are_joined_by_device_and_boot(bench):
    bench.devices.add("kit-other1")
    for seq in (1, 2, 4):
        bench.intake.take(TOPIC, encode(message(reading(seq, NOON - 600 + 60 * seq))))
    bench.intake.take(TOPIC, encode(message(reading(1), boot=18)))
    bench.intake.take(readings_topic("kit-other1"), encode(message(reading(9))))
    acks = [(topic, json.loads(payload)) for topic, payload in bench.intake.commit()]
    assert acks == [
        ("citimeasure/v1/kit-a1b2c3/ack", {"boot": 17, "seq": [[1, 2], [4, 4]]}),
        ("citimeasure/v1/kit-a1b2c3/ack", {"boot": 18, "seq": [[1, 1]]}),
        ("citimeasure/v1/kit-other1/ack", {"boot": 17, "seq": [[9, 9]]}),
    ]


def test_messages_from_before_a_device_was_registered_are_taken_when_it_is(bench):
    topic = readings_topic("kit-newone")
    assert bench.send(message(reading(1)), topic)["rejected"] == {"1": "unknown_device"}
    bench.intake.refresh()
    assert bench.stored() == []
    bench.intake._next_look = float("inf")  # or the next message would find the device by itself
    bench.devices.add("kit-newone")
    bench.intake.refresh()
    assert bench.stored() == [(1, NOON)]
    assert bench.spool.quarantined() == []


def test_a_device_that_was_registered_while_the_collector_was_off_is_taken_at_the_start(bench):
    topic = readings_topic("kit-newone")
    bench.send(message(reading(1)), topic)
    bench.devices.add("kit-newone")
    bench.reopen()
    bench.intake.refresh()
    assert bench.stored() == [(1, NOON)]
    assert bench.spool.quarantined() == []


def test_a_disk_that_is_full_when_the_registry_is_looked_at_ends_nothing(bench, caplog, monkeypatch):
    bench.send(message(reading(1)), readings_topic("kit-newone"))
    bench.intake._limits.held[DEVICE] = 3
    bench.devices.add("kit-newone")

    def full(_):
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.spool, "count", full)
        bench.intake.refresh()
    assert "disk is full" in caplog.text and bench.stored() == []
    bench.intake.refresh()
    assert bench.spool.counters(DEVICE)[DEVICE]["held"] == 3
    assert bench.stored() == [(1, NOON)]


def test_a_device_that_was_just_registered_is_known_at_once(bench):
    bench.devices.add("kit-newone")
    assert bench.send(message(reading(1)), readings_topic("kit-newone")) == {"boot": 17, "seq": [[1, 1]]}


def test_nothing_is_acknowledged_on_a_full_disk(bench, caplog):
    bench.intake._settings = Settings(folder=bench.settings.folder, free_mb=10**9)
    assert bench.send(message(reading(1))) is None
    assert bench.stored() == [] and "kits keep their readings" in caplog.text
    bench.intake._settings = bench.settings
    assert bench.send(message(reading(1))) == {"boot": 17, "seq": [[1, 1]]}


def test_nothing_is_acknowledged_if_the_commit_fails(bench, caplog):
    bench.spool.db.execute("PRAGMA max_page_count = 1")  # SQLite takes the size the file has as the limit: full
    acks = [
        bench.send(message(*[reading(60 * n + m, NOON - 86400 + 60 * (60 * n + m)) for m in range(60)]))
        for n in range(20)
    ]
    assert None in acks and "not taken" in caplog.text
    told = {n for ack in acks if ack for low, high in ack["seq"] for n in range(low, high + 1)}
    assert told == {seq for seq, _ in bench.stored()}


def test_a_spool_of_a_newer_version_is_left_alone(tmp_path):
    Spool(tmp_path, writer=True).close()
    db = sqlite3.connect(tmp_path / "spool.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(Exception, match="schema 99"):
        Spool(tmp_path, writer=True)
