# SPDX-License-Identifier: EUPL-1.2
"""The kit learns the time: from servers that tell it, from none that lie, from the collector if nobody else does."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.timeserver import SINCE_1900, packet, time_server
from tests.firmware import board

ASK = """
import asyncio, sys, time
from kit.net.ntp import ask
began = time.time()
try:
    print(asyncio.run(ask("127.0.0.1", int(sys.argv[1]))))
except OSError as error:
    print("OSError", error)
"""

PARSE = """
import json, sys
from kit.net.ntp import NoTime, parse
for line in sys.stdin:
    try:
        print(parse(bytes.fromhex(line.strip()[1:]), bytes(range(8))))
    except NoTime as error:
        print(json.dumps(str(error)))
"""


def parse(packets):
    feed = "".join(f"x{one.hex()}\n" for one in packets)
    return [json.loads(line) for line in board.run(PARSE, feed=feed, heap="1m").splitlines()]


def test_a_server_tells_the_time():
    with time_server() as port:
        told = int(board.run(ASK, port))
    assert abs(told - time.time() * 1000) < 5000


@pytest.mark.parametrize("fault", ["silent", "kiss", "unsynchronised", "stranger", "short"])
def test_a_server_that_does_not_know_is_not_believed(fault):
    with time_server(fault) as port:
        assert board.run(ASK, port).startswith("OSError")


def test_a_time_before_the_firmware_was_made_is_not_believed():
    with time_server(ahead=-20 * 365 * 86400) as port:
        assert board.run(ASK, port).startswith("OSError")


def test_times_after_the_counter_began_again_are_right():
    """The seconds since 1900 fit 32 bits until 7 February 2036."""
    question = bytes(40) + bytes(range(8))
    moments = [1795400000.25, 2**32 - SINCE_1900 - 1, 2**32 - SINCE_1900 + 5.5]
    assert parse([packet(question, moment) for moment in moments]) == [int(moment * 1000) for moment in moments]


@settings(max_examples=3)
@given(st.lists(st.binary(max_size=64), min_size=200, max_size=400))
def test_any_bytes_are_a_time_or_refused(packets):
    for data, answer in zip(packets, parse(packets), strict=True):
        assert isinstance(answer, str) or data[24:32] == bytes(range(8))


COLLECTOR_TELLS = """
import asyncio, json, sys
import far_end, parts, virtual
from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
from kit.sensors import find
from kit.sensors.bus import Bus
virtual.jump()
far = far_end.FarEnd(lambda: virtual.START + virtual.now_ms() // 1000, sys.argv[1] + "/book")
far.tells_time = True
async def nobody():
    raise OSError(110)
async def main():
    bus = Bus(parts.I2C({0x44: parts.SHT45()}))
    app = App(defaults(device="kit-virtual", host="far"), find(bus), sys.argv[1] + "/f", clock=Clock(virtual.now_ms),
              open_=far.open, ask_time=nobody)
    asyncio.create_task(app.run())
    await asyncio.sleep(700)
    print(json.dumps([app.clock.unix_ms(app.clock.uptime_ms()) - virtual.START * 1000 - virtual.now_ms(),
                      app.store.held, app.state.word]))
asyncio.run(main())
"""


def test_the_collector_tells_it_when_no_server_does(tmp_path):
    off, held, word = json.loads(board.run(COLLECTOR_TELLS, tmp_path, heap="128k").splitlines()[-1])
    assert abs(off) <= 2000 and held == 0 and word == "ok"
