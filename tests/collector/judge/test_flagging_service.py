# SPDX-License-Identifier: EUPL-1.2
"""Flags in a collector that runs as a process, under kill -9, and by the command that judges a period anew."""

import json
import threading
import time

import numpy as np

from collector.ingest.spool import Spool
from collector.registry import Registry
from collector.settings import Settings
from collector.simulate.fleet import Fleet, Sending
from collector.simulate.outbox import Pace
from collector.simulate.replay import Replay
from collector.store.sqlite import SqliteStore
from tests.collector.judge.city import START, contents, street
from tests.collector.test_cli import fails
from tests.journeys.collecting import Collector, citimeasure, wait_until

KITS = ("kit-0001", "kit-0002", "kit-0003")
N = 2000


def source(device):
    """A temperature that leaps for one minute in each hour."""
    t = START + 60 * np.arange(1, N + 1)
    wave = np.round(15 + 3 * np.sin(np.arange(N) / 200) + (np.arange(N) % 2) / 10, 2)
    return Replay(device, t, {"temperature": wave + 8.0 * (np.arange(N) % 60 == 30)})


def notes(folder):
    spool = Spool(folder)
    try:
        return spool.backlog().get("sqlite", 1) + spool.db.execute("SELECT COUNT(*) FROM due").fetchone()[0]
    finally:
        spool.close()


def test_a_running_collector_flags_what_came_though_it_is_killed(tmp_path, mosquitto):
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        for kit in KITS:
            registry.add_device("test", kit)
    fleet = Fleet(
        [source(kit) for kit in KITS], Sending(mosquitto.url, pace=Pace(window=4, batch=20, resend_after=1.0))
    )
    sender = threading.Thread(target=lambda: fleet.run(timeout=200), daemon=True)
    env = {"CITIMEASURE_JUDGE_S": "1"}
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        sender.start()
        for _ in range(4):
            time.sleep(0.7)
            collector.restart()
        sender.join()
        assert fleet.total.left == 0 and not fleet.total.rejected
        wait_until(lambda: not notes(folder), 120, "judging everything")
        assert collector.stop() == 0
    store = SqliteStore(folder)
    found = list(contents(store))
    store.close()
    assert len(found) == 3 * N
    for kit in KITS:
        spikes = [(t - START) // 60 - 1 for s, _, t, _, _, flag, tests in found if s == kit and tests & 128]
        assert spikes == [n for n in range(N) if n % 60 == 30]
    # The command finds nothing to change, and says what there is.
    done = citimeasure("judge", "--from", "2026-01-01", "--dry-run", "--folder", folder, "--output", "json")
    assert f"sqlite: {3 * N} values judged, 0 flags would change." in done.stderr
    assert {(one["device"], one["test"], one["values"]) for one in json.loads(done.stdout)} == {
        (kit, test, n) for kit in KITS for test, n in (("spike", 33), ("rate", 66))
    }


def test_a_period_is_judged_again_with_other_limits(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_device("test", "kit-0001")
    limits = tmp_path / "limits.toml"
    limits.write_text("[temperature]\nspike_suspect = 20\nspike_fail = 30\nrate_suspect = 20\nrate_fail = 30\n")
    store = SqliteStore(folder)
    store.write([one._replace(source="kit-0001") for one in street() if one[:2] == ("kit-00a", "temperature")])
    before = [row[:5] for row in contents(store)]
    first = citimeasure("judge", "--from", "2026-01-01", "--to", "2026-01-02", "--folder", folder)
    assert "144 values judged, 21 flags changed." in first.stderr and "spike" in first.stdout
    again = citimeasure("judge", "--from", "2026-01-01", "--folder", folder, CITIMEASURE_LIMITS=str(limits))
    assert "288 values judged, 2 flags changed." in again.stderr
    assert "done until 2026-01-02" in again.stderr
    assert {row[6] for row in contents(store)} == {0, 128, 512}
    assert [row[:5] for row in contents(store)] == before
    store.close()


def test_what_cannot_be_judged_is_said(tmp_path):
    folder = tmp_path / "data"
    fails(3, "There is no folder", "judge", "--last", "1d", "--folder", folder)
    folder.mkdir()
    SqliteStore(folder).close()
    fails(4, "has no values", "judge", "--last", "1d", "--folder", folder)
    fails(4, "There is no device 'kit-x'", "judge", "--last", "1d", "--device", "kit-x", "--folder", folder)
