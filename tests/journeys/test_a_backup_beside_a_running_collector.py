# SPDX-License-Identifier: EUPL-1.2
"""A backup while kits send: what was acknowledged before it began is in the folder that it fills, and goes on there."""

import threading

import numpy as np
import pytest

from collector.simulate.fleet import Sending
from collector.simulate.outbox import Pace
from collector.store.sqlite import SqliteStore
from tests.journeys.collecting import Collector, citimeasure, wait_until
from tests.journeys.test_nothing_acknowledged_is_lost import START, Ledger, kits, register

BACKUPS = 3


@pytest.mark.timeout(300)
def test_what_was_acknowledged_before_a_backup_began_is_in_it(tmp_path, mosquitto):
    sources = kits(10, 100_000)  # more than are sent
    folder = tmp_path / "data"
    register(folder, sources)
    # Nothing stays in the archive: what every store has is gone from the spool within seconds, beside the backup.
    env = {"CITIMEASURE_ARCHIVE_MB": "0"}
    fleet = Ledger(sources, Sending(mosquitto.url, pace=Pace(window=4, batch=10, resend_after=1.0)))
    stop = threading.Event()
    sender = threading.Thread(target=lambda: fleet.run(timeout=200, stop=stop), daemon=True)
    before = []
    with Collector(folder, "--broker", mosquitto.url, **env) as collector:
        sender.start()
        for n in range(BACKUPS):
            enough = fleet.total.acknowledged + 5_000
            wait_until(lambda enough=enough: fleet.total.acknowledged >= enough, what="some readings")
            before.append({kit: set(told) for kit, told in fleet.told.items()})
            citimeasure("backup", "--folder", folder, "--out", tmp_path / f"{n}.tar.gz", **env)
        during = fleet.total.acknowledged
        assert during > sum(map(len, before[-1].values())), "nothing was sent beside the backups"
        stop.set()
        sender.join()
        collector.kill()
    for n, told in enumerate(before):
        restored = tmp_path / f"restored-{n}"
        citimeasure("restore", "--folder", restored, tmp_path / f"{n}.tar.gz")
        with Collector(restored, "--broker", mosquitto.url, **env) as collector:
            collector.wait_until_stored()
            assert collector.stop() == 0
            assert "damaged" not in collector.log.read_text()
        store = SqliteStore(restored)
        for k, one in enumerate(sources):
            found = store.read(one.device, "pm25", 0, 2**40)
            seqs = (found.t - START) // 60
            assert told[one.device] <= set(seqs.tolist()), "an acknowledged reading is missing"
            assert len(seqs) == len(set(seqs.tolist())) and np.array_equal(found.value, (seqs - 1) % 97 + k)
        store.close()
