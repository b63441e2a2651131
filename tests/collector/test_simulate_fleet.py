# SPDX-License-Identifier: EUPL-1.2
"""The fleet over a real mosquitto: nothing is left, with a faulty acknowledger, a dying broker, or the real intake."""

import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from collector.errors import BrokerError, UsageError
from collector.ingest.intake import Intake
from collector.ingest.mqtt import Link as CollectorLink
from collector.ingest.spool import Spool
from collector.settings import Settings
from collector.simulate.city import City
from collector.simulate.faults import NO_FAULTS, Faults
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.kit import Kit
from collector.simulate.outbox import Pace
from collector.simulate.replay import Replay
from tests import parts
from tests.fakes.acker import Acker

START = 1767225600
HOUR = 3600
FAST = Pace(resend_after=0.5)


@pytest.fixture(scope="module")
def kits():
    city = City(5, START, START + 24 * HOUR, n_kits=4)
    often = Faults(power_cuts=4, timeless_boots=0.5, wrong_clock=0.002, conflict=0.003, repeat=0.01, unheard=0.01)
    return [Kit(city, n, colocated_days=0.25, faults=often) for n in range(4)]


def keys(kits):
    """(device, boot, seq) of all that the kits made."""
    return {
        (kit.device, boot, seq)
        for kit in kits
        for boot, seq in zip(kit.columns().boot.tolist(), kit.columns().seq.tolist(), strict=True)
    }


@pytest.mark.parametrize("connections", [False, True])
def test_nothing_is_left_when_acknowledgements_are_lost_doubled_or_refuse(mosquitto, kits, connections):
    heard = []
    with Acker(mosquitto.url, lose=0.2, twice=0.2, refuse_every=13) as acker:
        fleet = Fleet(kits, Sending(mosquitto.url, connections=connections, pace=FAST))
        assert fleet.run(timeout=60, progress=lambda done, total: heard.append((done, total)))
    made = keys(kits)
    assert set(acker.taken) | acker.refused == made and not set(acker.taken) & acker.refused
    for kit in kits:
        counts = fleet.counts[kit.device]
        assert counts.made == counts.acknowledged + counts.rejected.total() and counts.left == 0
        assert counts.acknowledged == sum(device == kit.device for device, _, _ in acker.taken)
        assert counts.rejected == {"clock": sum(device == kit.device for device, _, _ in acker.refused)}
    total = fleet.total
    assert total.made == len(made) and total.sent > total.made
    assert acker.counts["lost"] > 0 and acker.counts["duplicates"] > 0
    assert acker.firmware == {"simulated"}
    assert heard[-1] == (total.made, total.made) and heard == sorted(heard)


def test_a_broker_that_dies_on_the_way_costs_nothing(mosquitto, kits):
    died = []

    def kill_once(done, total):
        if not died and done > total / 4:
            died.append(done)
            mosquitto.restart()

    with Acker(mosquitto.url) as acker:
        fleet = Fleet(kits, Sending(mosquitto.url, pace=replace(FAST, window=1)))
        assert fleet.run(timeout=60, progress=kill_once)
    assert died and died[0] < fleet.total.made
    assert set(acker.taken) == keys(kits)
    assert fleet.total.left == 0


def test_without_a_collector_everything_is_kept_and_the_run_ends(mosquitto, kits):
    fleet = Fleet(kits, Sending(mosquitto.url, pace=FAST))
    assert not fleet.run(timeout=1.2)
    total = fleet.total
    assert total.acknowledged == 0 and total.left == total.made == len(keys(kits))
    assert total.messages > 4 * FAST.window  # it tried again


def test_a_run_can_be_stopped_or_end_when_all_is_sent(mosquitto):
    def few():
        return [Replay("kit-a1b2c3", START + 60 * np.arange(1, 101), {"pm25": np.ones(100)})]

    stop = threading.Event()
    stop.set()
    assert not Fleet(few(), Sending(mosquitto.url)).run(stop=stop)
    fleet = Fleet(few(), Sending(mosquitto.url))
    assert fleet.run(until_all_acknowledged=False, timeout=30)
    assert fleet.total.sent == fleet.total.left == 100 and not fleet.finished


def test_time_can_pass_faster_than_it_does(mosquitto):
    kit = Kit(City(5, START, START + 4 * 60, n_kits=1), 0, faults=NO_FAULTS, colocated_days=0)
    began = time.monotonic()
    with Acker(mosquitto.url) as acker:
        fleet = Fleet([kit], Sending(mosquitto.url, speed=240))
        assert fleet.run(timeout=30)
    assert time.monotonic() - began >= 1
    assert len(acker.taken) == 4 == acker.counts["messages"]


def test_a_broker_that_is_away_or_says_no_is_told(mosquitto, tmp_path, kits):
    mosquitto.kill()
    with pytest.raises(BrokerError, match="No broker answers"):
        Fleet(kits, Sending(mosquitto.url)).run(timeout=5)
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    for kit in kits[:2]:
        subprocess.run(["mosquitto_passwd", "-b", passwords, kit.device, f"secret-{kit.number}"], check=True)
    with parts.mosquitto(["allow_anonymous false", f"password_file {passwords}"]) as server:
        with pytest.raises(BrokerError, match="refused"):
            Fleet(kits, Sending(server.url)).run(timeout=10)
        own = {kit.device: f"secret-{kit.number}" for kit in kits}
        sending = Sending(server.url, connections=True, passwords=own)
        assert Fleet(kits[:2], replace(sending, pace=replace(FAST, window=1000))).run(
            until_all_acknowledged=False, timeout=30
        )
        with pytest.raises(BrokerError, match="refused"):
            Fleet(kits[:2], replace(sending, passwords={**own, kits[1].device: "wrong"})).run(timeout=10)


def test_passwords_are_not_shown():
    assert "secret" not in repr(Sending("mqtt://127.0.0.1:1883", "me", "secret-1", {"sim-0000": "secret-2"}))


def test_no_kit_and_two_kits_of_one_name_are_refused(kits):
    with pytest.raises(UsageError, match="no kit"):
        Fleet([], Sending("mqtt://127.0.0.1:1883"))
    with pytest.raises(UsageError, match="sim-0000"):
        Fleet([kits[0], kits[0]], Sending("mqtt://127.0.0.1:1883"))


@contextmanager
def collector(folder, broker, devices):
    """The real intake at a broker, in a thread of its own; yields its counters once it has stopped."""
    settings = Settings(folder=folder, broker=broker, free_mb=0)
    stop, ready, failed = threading.Event(), threading.Event(), []

    def run():
        spool = Spool(folder, writer=True)
        try:
            link = CollectorLink(settings, Intake(spool, lambda: frozenset(devices), settings), stop)
            link.on_ready = ready.set
            link.run()
        except BrokerError as error:
            failed.append(error)
            ready.set()
        finally:
            spool.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20) and not failed, failed
        yield
    finally:
        stop.set()
        thread.join(30)


def test_the_real_intake_takes_each_reading_once_and_names_each_fault(mosquitto, tmp_path, kits):
    devices = {kit.device for kit in kits}
    with collector(tmp_path, mosquitto.url, devices):
        fleet = Fleet(kits, Sending(mosquitto.url))
        assert fleet.run(timeout=60)
    assert fleet.total.left == 0
    spool = Spool(tmp_path)
    stored = spool.after(0, 10**6)
    spool.close()
    for kit in kits:
        columns, counts = kit.columns(), fleet.counts[kit.device]
        once = ~columns.again
        wrong = np.count_nonzero(once & ~columns.aged & (columns.label != columns.t))
        sound = columns.label[once & ~columns.aged & (columns.label == columns.t)]
        doubles = len(sound) - len(np.unique(sound))
        assert counts.rejected == {"clock": wrong, "conflict": doubles}
        assert wrong and doubles and counts.noted["unknown_quantity"] and counts.noted["duplicate"]
        # Dated on arrival, by the age: right within the time of the journey.
        dated = sorted(t for one in stored if one.device == kit.device for r, t in one.readings if r.t is None)
        late = np.array(dated) - columns.t[columns.aged]
        assert len(dated) > 0 and late.min() >= -1 and late.max() <= 10
    assert sum(len(one.readings) for one in stored) == fleet.total.acknowledged
