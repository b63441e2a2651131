# SPDX-License-Identifier: EUPL-1.2
"""However messages fall into commits, the same is stored, refused, noted and answered as if each came alone."""

import json
import sqlite3
import tempfile
from collections import defaultdict
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ingest.spool import SCHEMA_VERSION, Spool
from collector.message import Reading, encode, readings_topic
from tests.collector.test_intake import DEVICE, NOON, Bench, message, reading

KITS = (DEVICE, "kit-bbbbbb", "kit-cccccc")

_times = st.one_of(
    st.integers(0, 9).map(lambda n: {"t": NOON + 60 * n}),
    st.just({"t": 5}),  # before measuring began
    st.just({"t": NOON + 90_000}),  # in the future
    st.integers(0, 3).map(lambda n: {"age": 60_000 * n}),
)
_readings = st.lists(
    st.builds(lambda seq, when: Reading(seq=seq, dt=60, q={"pm25": float(seq)}, **when), st.integers(1, 6), _times),
    min_size=1,
    max_size=4,
)
_messages = st.lists(st.tuples(st.sampled_from(KITS), st.integers(1, 2), _readings), min_size=1, max_size=25)


def outcome(messages, groups):
    """All that is to be seen after messages came in groups of these sizes."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.devices.update(KITS)
        bench.intake.refresh()
        answers = defaultdict(list)
        waiting = list(messages)
        for size in groups:
            some, waiting = waiting[:size], waiting[size:]
            bench.intake.take_all([(readings_topic(kit), encode(message(*rs, boot=boot))) for kit, boot, rs in some])
            for topic, ack in bench.intake.commit():
                told = json.loads(ack)
                one = answers[topic, told["boot"]]
                one += [("safe", n) for low, high in told.get("seq", []) for n in range(low, high + 1)]
                one += [(why, *item) for why in ("rejected", "noted") for item in told.get(why, {}).items()]
        assert not waiting
        stored = [(one.device, r.seq, t) for one in bench.spool.after(0, 1000) for r, t in one.readings]
        kept = [(row.topic, row.reason, row.detail, row.seqs) for row in bench.spool.quarantined(limit=1000)]
        bench.spool.close()
        return stored, sorted(kept), bench_counters(Path(folder)), {key: set(found) for key, found in answers.items()}


def bench_counters(folder):
    spool = Spool(folder)
    try:
        return spool.counters()
    finally:
        spool.close()


@settings(max_examples=150, deadline=None)
@given(messages=_messages, data=st.data())
def test_messages_in_groups_come_to_the_same_as_one_by_one(messages, data):
    cuts = data.draw(st.lists(st.integers(1, 8), min_size=len(messages), max_size=len(messages)))
    stored, kept, counters, answers = outcome(messages, [1] * len(messages))
    in_groups = outcome(messages, cuts)
    assert (in_groups[0], in_groups[1], in_groups[2]) == (stored, kept, counters)
    # A group answers once for each kit and boot: of two words for one number the later is told.
    assert {key: {n for n in found if n[0] == "safe"} for key, found in in_groups[3].items()} == {
        key: {n for n in found if n[0] == "safe"} for key, found in answers.items()
    }
    assert all(found <= answers[key] for key, found in in_groups[3].items())


def test_a_spool_of_an_older_version_remembers_what_it_has_seen(tmp_path):
    bench = Bench(tmp_path)
    bench.send(message(reading(1), reading(2, NOON + 60)))
    bench.spool.close()
    db = sqlite3.connect(tmp_path / "spool.sqlite")
    columns = ("newest", "heard", "pace", "clock", "state", "since")
    db.executescript(
        "CREATE TABLE old (device INTEGER NOT NULL, t INTEGER NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY (device, t)) WITHOUT ROWID; INSERT INTO old SELECT device, t, boot, seq FROM seen;"
        "DROP TABLE due; DROP TABLE look; DROP TABLE refusal; DROP TABLE seen; ALTER TABLE old RENAME TO seen;"
        + "".join(f"ALTER TABLE device DROP COLUMN {one};" for one in columns)
        + "PRAGMA user_version = 2;"
    )
    db.close()
    bench.open()
    assert bench.spool.db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert bench.spool.device_row(DEVICE).newest == NOON + 60
    assert bench.send(message(reading(1)))["noted"] == {"1": "duplicate"}
    assert bench.send(message(reading(9, NOON + 30)))["noted"] == {"9": "late"}
    bench.spool.close()


def test_how_new_a_devices_newest_reading_is_outlives_a_restart_by_the_minute(tmp_path):
    bench = Bench(tmp_path)
    assert bench.send(message(reading(1, NOON)))["seq"]
    bench.reopen()
    assert bench.send(message(reading(2, NOON - 60)))["noted"] == {"2": "late"}
    bench.spool.close()


def test_two_readings_without_a_time_under_one_number_are_one(tmp_path):
    bench = Bench(tmp_path)
    undated = [Reading(seq=1, dt=60, q={"pm25": 5.0}, age=age) for age in (0, 60_000)]
    assert bench.send(message(*undated))["noted"] == {"1": "duplicate"}
    assert bench.stored() == [(1, NOON)]
    bench.spool.close()
