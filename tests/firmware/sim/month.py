# SPDX-License-Identifier: EUPL-1.2
"""Some days of a kit's hard month, up to a power cut. MicroPython.

argv: the flash's folder, the far end's book, first day, last day, room for readings [bytes], 1 to send all at the end.
Each day by its number has something else: the Wi-Fi flaps, the broker is killed every few minutes or is away, no time
server answers, sensors damage their answers or are unplugged; from day 8 to 12 nobody can be reached at all. Prints the
books as a line of JSON.
"""

import asyncio
import json
import random
import sys

import far_end
import parts
import radio
import virtual

from kit.core import config
from kit.core.app import App
from kit.core.clock import Clock
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus

DAY = 86400
FROM, TO, ROOM, LAST = [int(text) for text in sys.argv[3:7]]
virtual.jump()


def true_ms():
    return (virtual.START + FROM * DAY) * 1000 + virtual.now_ms()


def day():
    return FROM + virtual.now_ms() // (DAY * 1000)


far = far_end.FarEnd(lambda: true_ms() // 1000, sys.argv[2], seed=FROM + 1, lose=0.02)
station = radio.Station()
there = {0x44: parts.SHT45(), 0x69: parts.SPS30()}


def fault(address):
    chance = random.random()
    bad = 0.2 if day() % 10 == 5 else 0.002
    return "crc" if chance < bad else "nack" if chance < bad * 1.2 else "short" if chance < bad * 1.4 else None


async def ask_time():
    # At first nobody tells the time for two hours; on one day in ten nobody does.
    if virtual.now_ms() < 7_200_000 or day() % 10 == 4:
        raise OSError(110)
    return true_ms()


async def open_line():
    if not station.isconnected():
        raise OSError(118)
    return await far.open()


async def trouble():
    """What the world does, minute by minute."""
    while True:
        today = day()
        alone = 8 <= today < 12
        if today % 10 == 2 or alone:
            station.mood = (
                random.choice(("away", "no_address", "missing")) if alone or random.random() < 0.3 else "there"
            )
        else:
            station.mood = "there"
        if station.mood != "there":
            far.cut()
        if today % 10 == 3 and random.random() < 0.2:
            far.cut()
            far.state = random.choice(("away", "deaf", "there", "there"))
        elif today % 10 != 3:
            far.state = "there"
        if today % 10 == 6 and 0x44 in there:
            there[-1] = there.pop(0x44)
        elif today % 10 == 7 and -1 in there:
            there[0x44] = there.pop(-1)
        await asyncio.sleep(60)


async def main():
    bus = Bus(parts.I2C(there, fault))
    settings = config.defaults(device="kit-virtual", host="far", network="Home", store_bytes=ROOM)
    app = App(settings, find(bus), sys.argv[1], clock=Clock(virtual.now_ms), open_=open_line, ask_time=ask_time)
    app.wifi = Wifi(settings, app.state, app.watchdog.alive, station)
    app.uplink.why_away = None  # there are no real sockets here
    for driver in app.drivers:
        driver.PERIOD = 20
    asyncio.create_task(trouble())
    asyncio.create_task(app.run())
    late = None
    while virtual.now_ms() < (TO - FROM) * DAY * 1000 - 5000:
        await asyncio.sleep(55)
        late = late or app.watchdog.late()
    if LAST:
        app.stop_measuring()
        while app.store.held and virtual.now_ms() < (TO - FROM + 2) * DAY * 1000:
            await asyncio.sleep(60)
        await asyncio.sleep(1000)
    return app, late


app, late = asyncio.run(main())
print(json.dumps({
    "made": app.made, "boot": app.store.boot, "held": app.store.held, "dropped": app.store.dropped, "late": late,
    "torn": app.store.torn, "errors": app.errors, "link": app.uplink.counts, "told": far.status["dropped"],
    "undated": app.uplink.counts["undated"],
}))  # fmt: skip
