# SPDX-License-Identifier: EUPL-1.2
"""What a sender does with a store's answers: wait, alarm, halve, set aside; and that nothing is given up by mistake."""

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from collector.errors import StoreUnavailable
from collector.ingest import delivery as delivering
from collector.ingest.delivery import Delivery, Stopped
from collector.ingest.intake import Intake
from collector.ingest.sender import Sender
from collector.ingest.sinks import replay, sinks
from collector.ingest.spool import Spool
from collector.message import Message, Reading, Reason, encode, readings_topic
from collector.settings import Settings
from collector.store.base import Row
from collector.store.influx import InfluxStore
from collector.store.sqlite import FILE, SqliteStore
from tests.fakes.influx import fake_influx
from tests.journeys.collecting import wait_until

NOON = 1767261600
ROWS = [Row(f"kit-{n % 7}", ("pm25", "laeq")[n % 2], NOON + 60 * n, 60, float(n), 1, 0) for n in range(200)]


@pytest.fixture
def influx():
    with fake_influx() as server:
        yield server


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, writer=True)
    yield spool
    spool.close()


class Pauses(threading.Event):
    """Waits for nothing, and remembers how long it should have; `then` is called at each."""

    def __init__(self, then=lambda n: None):
        super().__init__()
        self.asked, self._then = [], then

    def wait(self, timeout=None):
        self.asked.append(timeout)
        self._then(len(self.asked))
        return self.is_set()


def settings(folder, server, **more):
    token = folder / "token"
    if not token.exists():
        token.write_text("first")
    return Settings(
        folder=folder, stores=("influx",), influx_url=server.url, influx_token_file=str(token), free_mb=0, **more
    )


def delivery(folder, server, stop=None, tell=lambda state, trouble: None):
    return Delivery("influx", settings(folder, server), stop or Pauses(), tell)


def answer(status, words="", **headers):
    return lambda lines: (status, words, headers)


def fill(spool, n=30, clock=None):
    """Messages in a spool, as the intake writes them."""
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), Settings(folder=spool.path.parent, free_mb=0), clock)
    for seq in range(n):
        reading = Reading(seq=seq, dt=60, q={"pm25": float(seq), "laeq": 50.0}, t=NOON + 60 * seq)
        intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=1, readings=[reading])))
    assert intake.commit()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_store_is_tried_until_it_takes(tmp_path, spool, influx, status):
    def recovered(n):
        if n == 12:
            influx.answer = answer(204)

    influx.answer = answer(status, "busy")
    stop = Pauses(recovered)
    assert delivery(tmp_path, influx, stop).deliver(ROWS, spool) == 0
    assert len(influx.lines) == len(ROWS) and spool.quarantined() == []
    assert len(stop.asked) == 12 and len(set(stop.asked)) > 6, "the pauses are spread at random"
    assert 0.25 <= stop.asked[0] <= 0.5 and 30 <= stop.asked[-1] <= delivering.LONGEST_WAIT


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7.7),
        ("31536000", 300, 330),
        ("9" * 400, 300, 330),
        (timedelta(days=365), 300, 330),
        (timedelta(days=-1), 0, 0.5),
        ("soon", 0, 0.5),
        ("\u00b2".encode("latin-1").decode("latin-1"), 0, 0.5),
        ("-5", 0, 0.5),
    ],
)
def test_what_a_store_asks_for_is_waited_but_not_a_year(tmp_path, spool, influx, header, low, high):
    if isinstance(header, timedelta):  # from now on
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    influx.answer = lambda lines: (429, "slower", {"Retry-After": header})
    stop = Pauses(lambda n: setattr(influx, "answer", answer(204)))
    delivery(tmp_path, influx, stop).deliver(ROWS, spool)
    (asked,) = stop.asked
    assert low <= asked <= high


def test_a_store_that_does_not_answer_at_all_is_tried_again(tmp_path, spool, influx):
    gone = settings(tmp_path, influx)
    stop = Pauses(lambda n: n == 5 and stop.set())
    away = Delivery("influx", Settings(**{**vars(gone), "influx_url": "http://127.0.0.1:9"}), stop)
    with pytest.raises(Stopped):
        away.deliver(ROWS, spool)
    assert spool.quarantined() == []


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_token_stops_with_an_alarm_and_goes_on_when_it_is_right(tmp_path, spool, influx, caplog, status):
    def mended(n):
        if n == 3:
            (tmp_path / "token").write_text("second")

    influx.answer = lambda lines: (204, "", {}) if influx.tokens[-1] == "second" else (status, "no access", {})
    told = []
    one = delivery(tmp_path, influx, Pauses(mended), lambda *how: told.append(how))
    assert one.deliver(ROWS, spool) == 0
    assert len(influx.lines) == len(ROWS) and spool.quarantined() == []
    assert "ALARM" in caplog.text and "Everything is kept" in caplog.text and "no access" in caplog.text
    assert [state for state, _ in told] == ["refused"] * 3 + ["working"]
    assert "first" not in caplog.text and "second" not in caplog.text


def test_a_token_that_is_being_replaced_stops_nobody(tmp_path, spool, influx):
    def replaced(n):
        (tmp_path / "token").write_text("" if n == 1 else "second")

    influx.answer = lambda lines: (204, "", {}) if influx.tokens[-1] == "second" else (401, "no", {})
    assert delivery(tmp_path, influx, Pauses(replaced)).deliver(ROWS, spool) == 0
    assert len(influx.lines) == len(ROWS)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_batch_is_halved_to_the_poison_line(tmp_path, spool, influx, status):
    poison = {100, 101, 102, 163}

    def taken(lines):
        bad = [line for line in lines if int(line.split(" ")[-1]) in {NOON + 60 * n for n in poison}]
        return (status, f"unable to parse {bad[0]!r}", {}) if bad else (204, "", {})

    influx.answer = taken
    assert delivery(tmp_path, influx).deliver(ROWS, spool) == len(poison)
    assert len(influx.lines) == len(ROWS) - len(poison)
    kept = spool.quarantined()
    assert {one.reason for one in kept} == {Reason.STORE} and len(kept) == len(poison)
    for n, one in zip(sorted(poison, reverse=True), kept, strict=True):
        assert "unable to parse" in one.detail and f"={float(n)} at {NOON + 60 * n}" in one.detail
    assert influx.requests < 70


def test_a_long_run_of_poison_is_set_aside_if_the_store_takes_others(tmp_path, spool, influx):
    influx.answer = lambda lines: (400, "odd", {}) if any("kit-bad" in line for line in lines) else (204, "", {})
    one = delivery(tmp_path, influx)
    assert one.deliver(ROWS, spool) == 0
    assert one.deliver([row._replace(source="kit-bad") for row in ROWS], spool) == len(ROWS)
    assert len(spool.quarantined(limit=1000)) == len(ROWS)


def test_a_store_that_refuses_everything_is_set_up_wrongly_and_nothing_is_set_aside(tmp_path, spool, influx, caplog):
    influx.answer = answer(204)
    stop = Pauses(lambda n: n == 4 and setattr(influx, "answer", answer(204)))
    one = delivery(tmp_path, influx, stop)
    one.deliver(ROWS[:1], spool)
    influx.answer = answer(400, "max-values-per-tag limit exceeded")
    assert one.deliver(ROWS, spool) == 0
    assert len(influx.lines) == len(ROWS) and spool.quarantined() == []
    assert "refuses every value" in caplog.text and "max-values-per-tag" in caplog.text


def test_a_field_of_another_type_is_told_apart(tmp_path, spool, influx_server):
    bucket = influx_server.new_bucket(f"types-{tmp_path.name}")
    (tmp_path / "token").write_text(influx_server.token)
    now = int(time.time()) // 60 * 60 - 20_000
    rows = [row._replace(t=row.t - NOON + now) for row in ROWS]
    there = Settings(**{**vars(settings(tmp_path, influx_server)), "influx_bucket": bucket})
    store = InfluxStore(there.influx_url, there.influx_org, bucket, influx_server.token)
    query = f"/api/v2/write?org={influx_server.org}&bucket={bucket}&precision=s"
    store._ask("POST", query, f"reading,source=other pm25=1i {now + 30}".encode())
    one = Delivery("influx", there, Pauses())
    wrong = [row for row in rows if row.quantity == "pm25"]
    assert one.deliver(rows, spool) == len(wrong)
    one.close()
    kept = spool.quarantined(limit=1000)
    assert {kept_one.reason for kept_one in kept} == {Reason.STORE_TYPE} and len(kept) == len(wrong)
    assert "already exists as type integer" in kept[0].detail and "sink replay influx" in kept[0].detail
    assert sum(found.n for found in store.series() if found.quantity == "laeq") == len(rows) - len(wrong)
    store.close()


def test_values_older_than_a_bucket_keeps_are_told_apart(tmp_path, spool, influx_server):
    name = f"short-{tmp_path.name}"
    rule = [{"type": "expire", "everySeconds": 3600}]
    made = {"orgID": influx_server.org_id, "name": name, "retentionRules": rule}
    influx_server._post("/api/v2/buckets", made, Authorization=f"Token {influx_server.token}")
    (tmp_path / "token").write_text(influx_server.token)
    now = int(time.time()) // 60 * 60
    rows = [Row("kit-a", "pm25", now - 60 * n, 60, 1.0, 1, 0) for n in (*range(10), *range(100, 400))]
    one = Delivery("influx", Settings(**{**vars(settings(tmp_path, influx_server)), "influx_bucket": name}), Pauses())
    assert one.deliver(rows, spool) == 300
    one.close()
    assert {kept.reason for kept in spool.quarantined(limit=1000)} == {Reason.STORE_AGE}


def test_a_damaged_embedded_store_stops_with_an_alarm_and_everything_is_kept(tmp_path, spool, caplog):
    (tmp_path / FILE).write_bytes(b"this is no database" * 1000)

    def mended(n):
        if n == 2:
            (tmp_path / FILE).unlink()

    one = Delivery("sqlite", Settings(folder=tmp_path), Pauses(mended))
    one.open()
    assert one.deliver(ROWS, spool) == 0 and spool.quarantined() == []
    one.close()
    assert "ALARM" in caplog.text and "sink rebuild sqlite" in caplog.text
    store = SqliteStore(tmp_path)
    assert sum(found.n for found in store.series()) == len(ROWS)
    store.close()


def test_a_sender_sits_out_a_spool_that_cannot_be_written(tmp_path, spool, monkeypatch):
    fill(spool)
    moves = Spool.move
    full = [True]

    def move(self, *args):
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        moves(self, *args)

    monkeypatch.setattr(Spool, "move", move)
    stop = threading.Event()
    sender = Sender("sqlite", Settings(folder=tmp_path), stop)
    sender.start()
    store = SqliteStore(tmp_path)
    wait_until(lambda: sum(one.n for one in store.series()) == 60, what="writing")
    assert sender.is_alive() and spool.backlog() == {"sqlite": 30}
    full.clear()
    wait_until(lambda: spool.backlog() == {"sqlite": 0}, what="moving on")
    stop.set()
    sender.join()
    store.close()
    assert sender.failed is None


def test_the_state_of_a_store_can_be_asked_for(tmp_path, spool, influx):
    fill(spool)
    influx.answer = answer(503, "still starting")
    stop = threading.Event()
    sender = Sender("influx", settings(tmp_path, influx), stop)
    sender.start()
    wait_until(lambda: [one.state for one in sinks(spool)] == ["waiting"], what="the state")
    (one,) = sinks(spool)
    assert "still starting" in one.last_error and one.lag_messages == 30 and one.oldest_waiting
    assert sinks(spool, one.oldest_waiting + 70.0)[0].lag_s == 70
    influx.answer = answer(204)
    wait_until(lambda: [one.lag_messages for one in sinks(spool)] == [0], what="the delivery")
    stop.set()
    sender.join()
    (one,) = sinks(spool)
    assert one.state == "working" and one.last_error and one.oldest_waiting is None and one.lag_s == 0


def test_what_was_damaged_in_the_spool_is_kept_apart_and_holds_up_nobody(tmp_path, spool):
    fill(spool)
    spool.db.execute("UPDATE message SET payload = x'00ff' WHERE id = 7")
    spool.db.execute("UPDATE message SET taken = x'00ff' WHERE id = 8")
    stop = threading.Event()
    sender = Sender("sqlite", Settings(folder=tmp_path), stop)
    sender.start()
    wait_until(lambda: spool.backlog() == {"sqlite": 0}, what="the delivery")
    stop.set()
    sender.join()
    assert sender.failed is None
    assert [one.reason for one in spool.quarantined()] == [Reason.DAMAGED] * 2
    assert spool.counters()["kit-a1b2c3"][Reason.DAMAGED] == 2


def test_a_period_of_the_archive_can_be_replayed_into_one_store(tmp_path, spool, influx):
    fill(spool)
    assert replay(settings(tmp_path, influx), "influx", NOON, NOON + 600) == (20, 0)
    assert sorted(int(key.split(" ")[-1]) for key in influx.lines) == [NOON + 60 * n for n in range(1, 11)]
    assert spool.backlog() == {}, "no cursor was moved"


def test_a_full_embedded_store_waits_for_room(tmp_path, spool):
    room = []

    class Full(SqliteStore):
        def write(self, rows):
            if not room:
                raise StoreUnavailable("The store is full.")
            super().write(rows)

    one = Delivery("sqlite", Settings(folder=tmp_path), Pauses(room.append), open_=lambda *_: Full(tmp_path))
    assert one.deliver(ROWS, spool) == 0 and room == [1]
    one.close()
