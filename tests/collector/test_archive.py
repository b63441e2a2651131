# SPDX-License-Identifier: EUPL-1.2
"""The archive keeps to its days and megabytes and never lets go of what a store lacks; clocks that jump are noticed."""

import json
import threading

import pytest

from collector.ingest.archive import Keeper, archived
from collector.ingest.intake import Intake
from collector.ingest.spool import Spool
from collector.ingest.steady import SETTLE, SteadyClock
from collector.message import Message, Reading, encode, readings_topic
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests.collector.test_cli import citimeasure, fails

NOON = 1767261600
DAY = 86400


class Clock:
    def __init__(self, now=NOON + 10 * DAY):
        self.now, self.boot = now, 1000.0

    def steady(self):
        return SteadyClock(lambda: self.now, lambda: self.boot)

    def pass_by(self, seconds, jump=0.0):
        self.now, self.boot = self.now + seconds + jump, self.boot + seconds


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path, writer=True)
    yield spool
    spool.close()


def settings(folder, **more):
    return Settings(folder=folder, stores=("sqlite", "influx"), free_mb=0, limit_messages=0, **more)


def take(spool, clock, n, first=0):
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), settings(spool.path.parent), clock.steady())
    for seq in range(first, first + n):
        reading = Reading(seq=seq, dt=60, q={"pm25": float(seq)}, t=NOON + 60 * seq)
        intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=1, readings=[reading])))
    return intake.commit()


def keeper(folder, clock, **more):
    made = Keeper(settings(folder, **more), threading.Event(), lambda: clock.now)
    made._clock = clock.steady()
    return made


def test_only_what_every_store_has_goes_and_only_when_it_is_old(tmp_path, spool):
    clock = Clock()
    take(spool, clock, 100)
    clock.pass_by(8 * DAY)
    take(spool, clock, 100, first=100)
    keeping = keeper(tmp_path, clock, archive_days=7)
    assert keeping.trim(spool) == 0, "no store has any of it"
    spool.move("sqlite", 200)
    assert keeping.trim(spool) == 0, "the other store has none of it"
    spool.move("influx", 60)
    assert keeping.trim(spool) == 60
    spool.move("influx", 200)
    assert keeping.trim(spool) == 40, "the second hundred is not old"
    assert archived(spool).messages == 100


def test_the_archive_keeps_to_its_megabytes(tmp_path, spool):
    clock = Clock()
    take(spool, clock, 5000)
    for sink in ("sqlite", "influx"):
        spool.move(sink, 5000)
    keeping = keeper(tmp_path, clock, archive_days=7, archive_mb=0)
    assert keeping.trim(spool) == 5000 and archived(spool) == (0, 0, None)


def test_refusals_are_kept_as_long_as_is_said_and_the_doctor_says_how_long(tmp_path, spool):
    clock = Clock()

    def refuse(word):
        intake = Intake(spool, frozenset, settings(tmp_path), clock.steady())
        intake.take(readings_topic("kit-a1b2c3"), word)
        intake.commit()

    refuse(b"old")
    clock.pass_by(20 * DAY)
    refuse(b"newer")
    clock.pass_by(11 * DAY)
    keeper(tmp_path, clock).forget(spool)
    assert [one.payload for one in spool.quarantined()] == [b"newer", b"old"]
    keeper(tmp_path, clock, quarantine_days=30).forget(spool)
    assert [one.payload for one in spool.quarantined()] == [b"newer"]
    told = citimeasure("doctor", "--folder", tmp_path, ok=False, CITIMEASURE_QUARANTINE_DAYS="30").stdout
    assert "quarantine: 1 entries; kept for 30 days, the newest 10000 of each device" in told


def test_nothing_is_thrown_away_by_a_clock_that_has_just_jumped(tmp_path, spool):
    clock = Clock()
    take(spool, clock, 10)
    for sink in ("sqlite", "influx"):
        spool.move(sink, 10)
    keeping = keeper(tmp_path, clock, archive_days=7)
    assert keeping.trim(spool) == 0
    clock.pass_by(5, jump=100 * DAY)
    assert keeping.trim(spool) == 0
    clock.pass_by(SETTLE)
    assert keeping.trim(spool) == 10


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_readings_without_a_time_wait_until_the_clock_can_be_believed(spool, jump):
    clock = Clock()
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), settings(spool.path.parent), clock.steady())

    def send(seq):
        aged = Reading(seq=seq, dt=60, q={"pm25": 1.0}, age=1000)
        intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=1, readings=[aged])))
        return [json.loads(payload) for _, payload in intake.commit()]

    assert send(1)[0]["seq"] == [[1, 1]]
    clock.pass_by(60, jump)
    assert send(2) == [], "neither taken nor refused: the kit keeps it"
    clock.pass_by(SETTLE)
    assert send(2)[0]["seq"] == [[2, 2]]


def test_a_collector_that_starts_with_a_clock_behind_its_spool_dates_nothing_by_it(spool, caplog):
    clock = Clock()
    take(spool, clock, 10)
    clock.pass_by(60, -DAY)
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), settings(spool.path.parent), clock.steady())
    aged = Reading(seq=1, dt=60, q={"pm25": 1.0}, age=1000)

    def send():
        intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=2, readings=[aged])))
        return intake.commit()

    assert send() == [] and "behind the latest message" in caplog.text
    clock.pass_by(SETTLE)
    assert send()


def test_readings_with_a_time_are_taken_while_the_clock_is_a_day_behind(spool):
    clock = Clock(NOON + 3600)
    assert take(spool, clock, 10)
    clock.pass_by(60, -DAY)
    told = take(spool, clock, 10, first=60)
    assert all(not json.loads(payload).get("rejected") for _, payload in told), "the kit's clock may be the right one"


ROWS = [
    Row(f"kit-{n % 3}", ("pm25", "laeq")[n % 2], NOON + 21_600 * n, 60, n / 7, 1 + 2 * (n % 5 == 0), 1 * (n % 5 == 0))
    for n in range(900)
]


def test_a_store_is_rebuilt_from_another_and_proved_equal(tmp_path, influx_server):
    folder = tmp_path / "data"
    folder.mkdir()
    token = tmp_path / "token"
    token.write_text(influx_server.token)
    Spool(folder, writer=True).close()
    store = SqliteStore(folder)
    store.write(ROWS)
    store.close()
    bucket = influx_server.new_bucket(f"rebuilt-{tmp_path.name}")
    where = {"URL": influx_server.url, "ORG": influx_server.org, "BUCKET": bucket, "TOKEN_FILE": str(token)}
    env = {f"CITIMEASURE_INFLUX_{name}": value for name, value in where.items()}
    told = citimeasure("sink", "rebuild", "influx", "--source", "sqlite", "--folder", folder, "-o", "json", **env)
    months = json.loads(told.stdout)
    assert all(one["equal"] for one in months) and sum(one["values"] for one in months) == len(ROWS)
    assert "holds all 900 values of sqlite" in told.stderr


def test_a_store_is_not_rebuilt_from_itself_or_from_nothing(tmp_path):
    again = "sink", "rebuild", "sqlite", "--folder", tmp_path
    fails(2, "sqlite cannot be rebuilt from itself", *again, "--source", "sqlite")
    Spool(tmp_path, writer=True).close()
    fails(4, "There is nothing in spool of that period", *again)


def test_the_embedded_store_is_rebuilt_from_the_archive_and_its_standing_is_told(tmp_path, spool):
    take(spool, Clock(), 200)
    told = citimeasure("sink", "rebuild", "sqlite", "--folder", tmp_path, "-o", "json")
    assert [(one["values"], one["found"], one["equal"]) for one in json.loads(told.stdout)] == [(200, 200, True)]
    spool.move("sqlite", 150)
    [one] = json.loads(citimeasure("sink", "status", "--folder", tmp_path, "-o", "json").stdout)
    assert (one["sink"], one["cursor"], one["lag_messages"]) == ("sqlite", 150, 50)
    again = citimeasure("sink", "replay", "sqlite", "--folder", tmp_path)
    assert "200 values written, 0 refused" in again.stderr
