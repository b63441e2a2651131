# SPDX-License-Identifier: EUPL-1.2
"""The rounds over kits of a real intake, with clocks of the test's own; and on real brokers."""

from __future__ import annotations

import json
import threading

import pytest

from collector.health import State
from collector.ingest.meters import Meters
from collector.ingest.pulses import refused_in_a_day, rows
from collector.ingest.rounds import Rounds
from collector.message import Message, Reading, encode, readings_topic
from tests.collector.test_intake import NOON, Bench

KITS = ("kit-aaaaaa", "kit-bbbbbb", "kit-cccccc", "kit-dddddd", "kit-eeeeee")


class Street:
    """Kits that send every minute to an intake, and the rounds beside it. Time passes when told to."""

    def __init__(self, folder, **settings):
        self.bench = Bench(folder, **settings)
        self.bench.devices = set(KITS)
        self.bench.intake.refresh()
        self.told: list[tuple[str, dict | None]] = []
        self.meters = Meters()
        self.meters.away_since = None  # the broker is there
        self.seq = dict.fromkeys(KITS, 0)
        self.offset = dict.fromkeys(KITS, 0)  # of clocks [s]
        self.quiet: set[str] = set()
        self.begin()

    def begin(self):
        self.rounds = Rounds(self.bench.settings, self.bench.intake, self.meters, self.tell, threading.Event())
        self.rounds.ticks = lambda: self.bench.now
        self.rounds._stored = rows(self.bench.spool.db)

    def tell(self, topic, payload):
        self.told.append((topic.split("/")[2], json.loads(payload) if payload else None))

    def send(self, kit, t=None):
        self.seq[kit] += 1
        t = int(self.bench.now) + self.offset[kit] if t is None else t
        reading = Reading(seq=self.seq[kit], dt=60, q={"pm25": 5.0}, t=t)
        self.bench.intake.take(readings_topic(kit), encode(Message(v=1, boot=1, readings=[reading], fw="1")))
        self.bench.intake.commit()

    def live(self, minutes):
        for _ in range(minutes):
            self.bench.now += 60
            for kit in sorted(self.bench.devices & set(KITS) - self.quiet):
                self.send(kit)
            for _ in KITS:
                self.rounds.look(self.bench.spool)

    def of(self, kit):
        return [one for who, one in self.told if who == kit]


@pytest.fixture
def street(tmp_path):
    made = Street(tmp_path)
    yield made
    made.bench.spool.close()


def test_kits_that_are_well_are_told_so_once(street):
    street.live(90)
    assert [(kit, [one["state"] for one in street.of(kit)]) for kit in KITS] == [(kit, ["ok"]) for kit in KITS]
    assert street.meters.kits == {"ok": 5}
    assert street.of(KITS[0])[0]["text"]["nl"]["ok"].startswith("Met de kit gaat het goed.")


def test_a_kit_that_falls_silent_is_told_of_and_comes_back(street):
    street.live(90)
    street.quiet = {KITS[0]}
    heard = int(street.bench.now)
    street.live(62)
    assert [one["state"] for one in street.of(KITS[0])] == ["ok", "silent"]
    assert street.of(KITS[0])[1]["since"] == street.of(KITS[0])[1]["last"] == heard
    assert street.meters.kits == {"ok": 4, "silent": 1}
    street.quiet = set()
    street.live(10)
    assert [one["state"] for one in street.of(KITS[0])] == ["ok", "silent", "ok"]
    assert len(street.of(KITS[1])) == 1


def test_a_refused_reading_is_told_for_an_hour(street):
    street.live(10)
    street.send(KITS[2], t=NOON + 400 * 86_400)
    street.live(30)
    last = street.of(KITS[2])[-1]
    assert (last["state"], last["codes"]) == ("rejecting", ["clock"]) and "future" in last["text"]["en"]["clock"]
    assert refused_in_a_day(street.bench.spool.db, KITS[2], int(street.bench.now * 1000)) == {"clock": 1}
    street.live(60)
    assert [one["state"] for one in street.of(KITS[2])] == ["ok", "rejecting", "ok"]


def test_a_clock_that_drifts_is_told_of(street):
    street.live(60)
    street.offset[KITS[3]] = 200
    street.live(120)
    last = street.of(KITS[3])[-1]
    assert last["state"] == "clock" and last["codes"] == ["clock_ahead"] and last["clock"] == 200
    assert all(len(street.of(kit)) == 1 for kit in KITS if kit != KITS[3])


def test_when_all_clocks_are_off_nobody_is_blamed(street, caplog):
    street.offset = dict.fromkeys(KITS, 250)
    street.live(120)
    assert {one["state"] for kit in KITS for one in street.of(kit)} <= {"ok", "clock"}
    assert [street.of(kit)[-1]["state"] for kit in KITS] == ["ok"] * 5
    assert "most kits' clocks are +250 s" in caplog.text


def test_an_outage_of_the_collectors_own_makes_no_kit_silent(street):
    street.live(90)
    street.meters.away_since = 1.0
    street.quiet = set(KITS)
    street.live(600)
    street.meters.away_since = None
    street.live(30)  # nobody has come yet, and that is too early to say
    street.quiet = set()
    street.live(5)
    assert {one["state"] for kit in KITS for one in street.of(kit)} == {"ok"}
    street.quiet = {KITS[4]}
    street.live(70)
    assert street.of(KITS[4])[-1]["state"] == "silent"


def test_a_restart_keeps_what_was_known(street):
    street.live(90)
    street.quiet = {KITS[0]}
    street.live(70)
    street.bench.reopen()
    street.begin()
    before = len(street.told)
    street.live(5)
    assert [(kit, one["state"]) for kit, one in street.told[before:] if kit == KITS[0]] == []  # it listens first
    street.live(70)
    assert street.of(KITS[0])[-1]["state"] == "silent"
    known = rows(street.bench.spool.db)
    assert known[KITS[1]].heard > known[KITS[0]].heard > 0


def test_who_is_locked_out_leaves_no_message_behind(street):
    street.live(10)
    street.bench.devices.discard(KITS[1])
    street.bench.intake.refresh()
    street.live(5)
    assert street.of(KITS[1])[-1] is None


def test_after_a_new_connection_everything_is_told_again(street):
    street.live(10)
    before = len(street.told)
    street.rounds.connections = lambda: 2
    street.live(10)
    assert sorted(kit for kit, _ in street.told[before:]) == sorted(KITS)


def test_of_a_group_silence_is_asked_of_the_shared_store(street):
    asked = []

    def elsewhere(kit):
        asked.append(kit)
        return int(street.bench.now) - 30 if kit == KITS[0] else 0

    street.rounds.elsewhere = elsewhere
    street.live(90)
    street.quiet = {KITS[0], KITS[1]}
    street.live(90)
    assert street.of(KITS[0])[-1]["state"] == "ok" and street.of(KITS[1])[-1]["state"] == "silent"
    assert asked.count(KITS[1]) == 1


def test_a_slow_kit_is_given_its_own_time(street):
    street.quiet = set(KITS)
    for _ in range(12):
        street.live(60)
        street.send(KITS[0])
    assert [one["state"] for one in street.of(KITS[0])] == ["ok"]
    street.live(9 * 60)
    assert [one["state"] for one in street.of(KITS[0])] == ["ok"]
    street.live(62)
    assert street.of(KITS[0])[-1]["state"] == State.SILENT
