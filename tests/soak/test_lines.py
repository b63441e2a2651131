# SPDX-License-Identifier: EUPL-1.2
"""Bad lines between collector and broker, and collector and InfluxDB: half-open, cut in the middle, slow."""

import time

import pytest

from tests.fakes.proxy import proxy
from tests.journeys.collecting import Collector, wait_until
from tests.soak import altered
from tests.soak.chain import SOAK, Memory, asking, bounded, resident, standing

SHORTER = 1 if SOAK else 5  # so much less patience than people's collectors have
BROKER_LINE = (15 + 15) / SHORTER  # QUIET and ANSWER of collector.ingest.connection [s]
STORE_LINE = 60 / SHORTER  # how long InfluxDB may think about an answer [s]
SLACK = 30  # for a busy machine, and the pause before a new try [s]

pytestmark = pytest.mark.timeout(600)


class Impatient(Collector):
    command = altered.COMMAND


@pytest.fixture
def lines(tmp_path, mosquitto, influx_server):
    """A chain with a proxy on each of the collector's lines."""
    patience = {"CITIMEASURE_TEST_PATIENCE": str(SHORTER)} if SHORTER > 1 else {}
    with proxy(mosquitto.port) as to_broker, proxy(influx_server.port) as to_store:
        ports = (to_broker.port, to_store.port)
        how = {"broker": mosquitto, "influx": influx_server, "lines": ports, "kind": Impatient}
        with standing(tmp_path, **how, **patience) as chain:
            chain.to_broker, chain.to_store = to_broker, to_store
            yield chain


def stored(chain):
    with asking(chain.folder) as db:
        return db.execute("SELECT position FROM cursor WHERE sink = 'influx'").fetchone()[0]


def test_a_half_open_line_is_noticed_within_a_bound_and_nothing_is_missing(lines):
    wait_until(lambda: stored(lines) > 0, what="storing")
    began = time.monotonic()
    lines.to_store.vanish()
    lines.to_broker.vanish()
    time.sleep(0.5)  # what was on its way comes in
    told = began + 0.5 + lines.wait_for_acknowledgements()
    at = stored(lines)
    wait_until(lambda: stored(lines) > at, what="storing over a new line")
    print(f"\nhalf-open lines: the broker's noticed after {told - began:.1f} s, the store's after"
          f" {time.monotonic() - began:.1f} s; bounds {BROKER_LINE:.0f} and {STORE_LINE:.0f} s")  # fmt: skip
    assert told - began < BROKER_LINE + SLACK
    assert time.monotonic() - began < STORE_LINE + SLACK
    assert "the broker was silent for" in lines.collector.log.read_text()
    lines.finish()


def test_a_line_that_takes_connections_and_says_nothing_is_left_again(lines):
    lines.to_broker.dead = lines.to_store.dead = True
    lines.to_broker.cut()
    lines.to_store.cut()
    opened = lines.to_broker.opened
    wait_until(lambda: lines.to_broker.opened >= opened + 2, what="a second try after a first that got no answer")
    lines.to_broker.dead = lines.to_store.dead = False
    lines.wait_for_acknowledgements()
    lines.finish()


def test_lines_that_are_cut_in_the_middle_of_a_packet_lose_nothing(lines):
    for _ in range(bounded(100, 6)):
        before = lines.to_broker.opened
        lines.to_broker.cut()
        lines.to_store.cut()
        wait_until(lambda before=before: lines.to_broker.opened > before, what="a new line after a cut")
        lines.wait_for_acknowledgements()
    print(f"\n{lines.to_broker.cut_short} cuts to the broker, {lines.to_store.cut_short} to the store")
    assert lines.to_store.cut_short
    lines.finish()


def test_slow_lines_are_waited_for_and_fill_no_memory(lines):
    before = resident(lines.process)
    with Memory(lines.process) as memory:
        for line in (lines.to_broker, lines.to_store):
            line.latency, line.rate = 0.05, 20_000
        time.sleep(bounded(120, 10))
        lines.wait_for_acknowledgements()
        for line in (lines.to_broker, lines.to_store):
            line.latency = line.rate = 0.0
        lines.finish()
    print(f"\nslow lines: {before:.0f} MiB before, at most {max(memory.seen):.0f} MiB")
    assert max(memory.seen) < before + 48
