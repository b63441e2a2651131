# SPDX-License-Identifier: EUPL-1.2
"""The flagger: notes of what is due, looks at a store, and a collector that runs."""

import logging
import sqlite3
import threading
import uuid

import pytest

from collector.errors import StoreUnavailable
from collector.flagging import Flagger
from collector.ingest import due
from collector.ingest.due import Due, Notebook, days_of
from collector.ingest.intake import Intake
from collector.ingest.sender import Sender
from collector.ingest.sinks import replay
from collector.ingest.spool import Spool
from collector.ingest.steady import SteadyClock
from collector.judge import LIMITS
from collector.judging import Judge
from collector.message import Message, Reading, encode, readings_topic
from collector.registry import Registry
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Row
from tests.collector.judge.city import DAY, KITS, START, STEP, contents, places, street
from tests.journeys.collecting import wait_until

HOUR = 3600
DAY_0 = START // DAY


def row(t, source="kit-00a", value=1.0, quantity="pm25"):
    return Row(source, quantity, t, 60, value, 1, 0)


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, writer=True)
    yield spool
    spool.close()


def test_a_day_begins_behind_midnight_and_counts_from_its_first_time():
    some = [row(START), row(START + 1), row(START + 9, "kit-00b"), row(START + 5, "kit-00b"), row(START + DAY)]
    assert days_of(some) == {
        ("kit-00a", DAY_0 - 1): START,
        ("kit-00a", DAY_0): START + 1,
        ("kit-00b", DAY_0): START + 5,
    }


def test_notes_are_dropped_unless_something_came_meanwhile(spool):
    book = Notebook("sqlite")
    book.note(spool, [row(START + 9), row(START + 9, "kit-00b")])
    taken = due.take(spool, "sqlite")
    assert taken == [Due("kit-00a", DAY_0, START + 9, 1), Due("kit-00b", DAY_0, START + 9, 1)]
    assert due.take(spool, "influx") == []
    book.note(spool, [row(START + 12)])  # while they are judged
    due.drop(spool, "sqlite", taken)
    assert due.take(spool, "sqlite") == [Due("kit-00a", DAY_0, START + 9, 2)]


def test_between_two_looks_a_day_is_noted_once_and_again_if_it_reaches_further_back(spool):
    book = Notebook("sqlite")
    for t in (START + 50, START + 60, START + 70):
        book.note(spool, [row(t)])
    assert due.take(spool, "sqlite") == [Due("kit-00a", DAY_0, START + 50, 1)]
    book.note(spool, [row(START + 80)])
    book.note(spool, [row(START + 20)])
    assert due.take(spool, "sqlite") == [Due("kit-00a", DAY_0, START + 20, 3)]


class City:
    """A spool and a store that a sender fills in the test's own thread, and a flagger with a clock to turn."""

    def __init__(self, folder, stores=("sqlite",), **more):
        self.settings = Settings(folder=folder, stores=stores, free_mb=0, limit_messages=0, **more)
        self.now = START + 2 * DAY
        with Registry(self.settings.registry_url) as registry:
            for n, kit in enumerate(KITS):
                registry.add_device("test", kit)
                registry.start_deployment(kit, START - DAY, latitude=52.0 + n * 0.0009, longitude=5.0)
        self.spool = Spool(folder, writer=True)
        clock = SteadyClock(lambda: self.now, lambda: self.now)
        self.intake = Intake(self.spool, lambda: frozenset(KITS), self.settings, clock)
        self.stop = threading.Event()
        self.flagger = Flagger(self.settings, self.stop, lambda: self.now)
        self.flagger._stop_judging = Quick(self.stop)
        self.seq = 0

    def take(self, rows):
        """Takes values as kits send them: those of a kit and time together."""
        readings: dict[tuple[str, int], dict[str, float]] = {}
        for one in rows:
            readings.setdefault((one.source, one.t), {})[one.quantity] = one.value
        for (kit, t), q in readings.items():
            self.seq += 1
            reading = Reading(seq=self.seq, dt=STEP, q=q, t=t)
            self.intake.take(readings_topic(kit), encode(Message(v=1, boot=1, readings=[reading])))
        self.intake.commit()
        for sink in self.settings.stores:
            stop = threading.Event()
            sender = Sender(sink, self.settings, stop)
            sender.start()
            wait_until(lambda sink=sink: not self.spool.backlog().get(sink, 1), what="storing")
            stop.set()
            sender.join()
            assert sender.failed is None

    def held(self, sink="sqlite"):
        store = open_store(sink, self.settings)
        try:
            return list(contents(store))
        finally:
            store.close()

    def judged_whole(self, sink="sqlite"):
        """What judging everything anew would still change."""
        store = open_store(sink, self.settings)
        try:
            return sum(part.changed for _, part in Judge(store, places(), LIMITS, dry_run=True).run(None, 0, 2**40))
        finally:
            store.close()


class Quick:
    """An event that nobody waits for, and that remembers how long they would have."""

    def __init__(self, event):
        self._event, self.asked = event, []

    def wait(self, seconds):
        self.asked.append(seconds)
        return self._event.is_set()

    def is_set(self):
        return self._event.is_set()


@pytest.fixture(params=["sqlite", "influx"])
def city(request, tmp_path):
    more = {}
    if request.param == "influx":
        server = request.getfixturevalue("influx_server")
        bucket = server.new_bucket(uuid.uuid4().hex)
        more = {
            "influx_url": server.url,
            "influx_org": server.org,
            "influx_bucket": bucket,
            "influx_token": server.token,
        }
    city = City(tmp_path, (request.param,), **more)
    yield city
    city.spool.close()


def test_a_street_that_comes_in_pieces_has_the_flags_of_judging_it_whole(city):
    (sink,) = city.settings.stores
    rows = street()
    changed = 0
    for end in range(START + 7 * HOUR, START + 2 * DAY + 7 * HOUR, 7 * HOUR):
        city.now = end
        city.take([one for one in rows if end - 7 * HOUR < one.t <= end])
        changed += city.flagger.look(sink, city.spool).changed
    assert changed and city.judged_whole(sink) == 0
    assert [one[:5] for one in city.held(sink)] == sorted(one[:5] for one in rows)
    assert city.flagger.look(sink, city.spool).values == 0
    assert all(seconds < 30 for seconds in city.flagger._stop_judging.asked)


def test_values_that_come_late_change_what_was_said_behind_them_and_nearby(tmp_path):
    city = City(tmp_path)
    rows = street()
    # Three neighbours are there only a day later, so is the midday of kit-00a; what stands still does so anew.
    late = [
        one
        for one in rows
        if one.source in KITS[1:4] or (one.source == "kit-00a" and START + 11 * HOUR < one.t <= START + 19 * HOUR)
    ]
    city.take([one for one in rows if one not in set(late)])
    city.flagger.look("sqlite", city.spool)
    assert not any(tests & 4096 for *_, tests in city.held())
    city.now += DAY
    city.take(late)
    assert city.judged_whole() > 0
    city.flagger.look("sqlite", city.spool)
    assert city.judged_whole() == 0
    assert any(source == "kit-00e" and tests & 4096 for source, *_, tests in city.held())
    city.spool.close()


def test_a_look_that_is_stopped_is_done_by_the_next_one(tmp_path):
    city = City(tmp_path)
    city.take(street(1))
    city.stop.set()
    part = city.flagger.look("sqlite", city.spool)
    assert 0 < part.values < 5 * 4 * 144
    city.stop.clear()
    assert city.flagger.look("sqlite", city.spool).values >= 5 * 4 * 144
    assert city.judged_whole() == 0
    city.spool.close()


def test_a_replay_puts_back_the_first_flags_and_they_are_judged_again(tmp_path):
    city = City(tmp_path)
    city.take(street(1))
    city.flagger.look("sqlite", city.spool)
    expected = city.held()
    replay(city.settings, "sqlite", 0, 2**40)
    assert city.held() != expected
    city.flagger.look("sqlite", city.spool)
    assert city.held() == expected
    city.spool.close()


@pytest.mark.parametrize(
    "error", [StoreUnavailable("The store is away.", "Wait."), sqlite3.OperationalError("database is locked")]
)
def test_a_store_that_is_away_is_tried_again_at_the_next_look(tmp_path, monkeypatch, caplog, error):
    city = City(tmp_path)
    city.take(street(1))

    def away(*_):
        raise error

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("collector.flagging.open_store", away)
        city.flagger._try("sqlite", city.spool)
    assert "New values keep the flags that they came with until the next try." in caplog.text
    city.flagger._try("sqlite", city.spool)
    assert city.judged_whole() == 0
    city.spool.close()


def test_a_collector_that_does_not_judge_notes_nothing(tmp_path):
    city = City(tmp_path, judge_s=0)
    city.take(street(1))
    assert due.take(city.spool, "sqlite") == []
    replay(city.settings, "sqlite", 0, 2**40)
    assert due.take(city.spool, "sqlite") == []
    city.spool.close()
