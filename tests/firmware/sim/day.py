# SPDX-License-Identifier: EUPL-1.2
"""A part of a kit's virtual day, from one hour to another; then the power is cut. MicroPython.

argv: the flash's folder, the far end's book, the hours, and after how many seconds the time becomes known. Prints what
was made and left as a line of JSON. The broker falls silent at eight o'clock, is away from nine to fourteen; messages
and acknowledgements get lost all day; sensors damage one answer in a hundred and sometimes give none.
"""

import asyncio
import json
import random
import sys

import far_end
import parts
import virtual

from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
from kit.core.once import forget
from kit.sensors import find
from kit.sensors.bus import Bus

HOUR = 3600
FROM, TO, KNOWN_AFTER = [int(text) for text in sys.argv[3:6]]
virtual.jump()


def true_ms():
    return (virtual.START + FROM * HOUR) * 1000 + virtual.now_ms()


far = far_end.FarEnd(lambda: true_ms() // 1000, sys.argv[2], seed=FROM, lose=0.05)


def fault(address):
    chance = random.random()
    return "crc" if chance < 0.01 else "nack" if chance < 0.012 else "short" if chance < 0.014 else None


async def ask_time():
    if virtual.now_ms() < KNOWN_AFTER * 1000:
        raise OSError(110)
    return true_ms()


async def outage():
    for hour, state in ((8, "deaf"), (9, "away"), (14, "there")):
        if hour > FROM:
            await asyncio.sleep_ms((hour - FROM) * HOUR * 1000 - virtual.now_ms())
            far.state = state
            far.cut() if state == "away" else None


async def day():
    global defaults
    asyncio.create_task(outage())
    bus = Bus(parts.I2C({0x44: parts.SHT45(), 0x69: parts.SPS30()}, fault))
    settings = defaults(device="kit-virtual", host="far", mqtt_password="secret")
    app = App(settings, find(bus), sys.argv[1], clock=Clock(virtual.now_ms), open_=far.open, ask_time=ask_time)
    del defaults
    forget("kit.core.config")
    asyncio.create_task(app.run())
    await asyncio.sleep((TO - FROM) * HOUR - 5)  # the power goes before the last minute is whole
    return app


app = asyncio.run(day())
print(json.dumps({
    "made": app.made, "boot": app.store.boot, "held": app.store.held, "dropped": app.store.dropped,
    "torn": app.store.torn, "errors": app.errors, "link": app.uplink.counts, "lost": far.lost,
}))  # fmt: skip
