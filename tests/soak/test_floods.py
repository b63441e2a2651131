# SPDX-License-Identifier: EUPL-1.2
"""A flood ten times as large as the honest traffic: that goes on, and the collector's memory stays small.

Honest kits bring readings at an even pace, with room to spare. What is acknowledged to them in a while without a flood
is held against what is in as long a while under one. A busy machine may miss a moment, so a bad while is looked at
again; who is really crowded out would be so each time. mosquitto lets everybody in here, so that all of it reaches the
collector; the embedded broker asks for passwords.
"""

import json
import threading
import time
from types import SimpleNamespace

import pytest

from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.journeys.collecting import Collector
from tests.soak.chain import PATIENCE, SOAK, Memory, audit, in_sqlite, register
from tests.soak.flood import Flood
from tests.soak.kits import Kits, device

KITS, RATE = 10, 10.0  # readings of each in a second
TENFOLD = 10 * KITS * RATE
WHILE = 20.0 if SOAK else 1.0  # [s]
LOOKS = 3 if SOAK else 10  # at a while, until one is good
KEPT = 0.8  # of the honest rate
MOST = 300  # [MiB]
pytestmark = pytest.mark.timeout(1200 if SOAK else 300)


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(f"flood-{name}")) for name in ("mosquitto", "embedded")],
)
def town(request, tmp_path_factory):
    """A collector with honest kits, and their rate without a flood."""
    folder = tmp_path_factory.mktemp(f"flood-{request.param}")
    home = folder / "data"
    register(home, KITS)
    with Registry(Settings(folder=home).registry_url) as registry:
        registry.add_device("kit-1", "kit-flood")
        passwords = {name: registry.identity.set_password(name) for name in (*map(device, range(KITS)), "kit-flood")}
    file = folder / "passwords"
    file.write_text(json.dumps(passwords))
    env = {"CITIMEASURE_LIMIT_BURST": "1", "CITIMEASURE_LOG_FORMAT": "text"}
    if request.param == "embedded":
        port = parts.free_port()
        env |= {"CITIMEASURE_BROKER_LISTEN": f"127.0.0.1:{port}", "CITIMEASURE_BROKER_ANONYMOUS": "no"}
        yield from _living(home, port, env, ("--passwords", str(file)), ("kit-flood", passwords["kit-flood"]))
    else:
        with parts.mosquitto() as server:
            env["CITIMEASURE_BROKER"] = server.url
            yield from _living(home, server.port, env, (), None)


def _living(home, port, env, options, login):
    with (
        Collector(home, **env) as collector,
        Memory(collector.process.pid) as memory,
        Kits(f"mqtt://127.0.0.1:{port}", home.parent / "book", KITS, RATE, *options) as kits,
    ):
        town = SimpleNamespace(port=port, kits=kits, memory=memory, login=login)
        while not all(kits.acknowledged().values()):
            time.sleep(0.05)
        town.calm = min(acknowledged_in(kits, WHILE), KITS * RATE)  # more would be what they catch up with
        yield town
        made = kits.finish(PATIENCE)
        collector.wait_until_stored()
        assert collector.stop() == 0
        assert "Traceback" not in collector.log.read_text()
    assert made["made"] == made["acknowledged"] and made["rejected"] == 0
    held = {name: rows for name, rows in in_sqlite(home).items() if name in kits.acknowledged()}
    found = audit(held, kits.acknowledged())
    assert found == {"stored": made["made"], "missing": 0, "duplicates": 0, "wrong": 0, "unknown": 0}


def acknowledged_in(kits, seconds):
    """How many readings are acknowledged to honest kits in a second, over a while."""

    def known():
        return sum(map(len, kits.acknowledged().values()))

    before, began = known(), time.monotonic()
    threading.Event().wait(seconds)
    return (known() - before) / (time.monotonic() - began)


@pytest.mark.parametrize("kind", ["known", "unknown", "oversize", "slow"])
def test_honest_kits_keep_their_rate_under_a_tenfold_flood_and_memory_stays_small(town, kind):
    assert town.calm > KITS * RATE / 2, "without a flood, too, the machine carries too little"
    with Flood(town.port, kind, TENFOLD, town.login) as flood:
        for _ in range(LOOKS):
            kept = acknowledged_in(town.kits, WHILE) / town.calm
            if kept >= KEPT:
                break
    largest = max(town.memory.seen)
    print(f"\n{kind}: {flood.sent} sent, honest traffic at {kept:.0%} of its rate, {largest:.0f} MiB", end="")
    assert flood.sent
    assert kept >= KEPT
    assert largest < MOST
