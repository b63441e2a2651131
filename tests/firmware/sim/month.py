# SPDX-License-Identifier: EUPL-1.2
"""Some days of a kit's hard month, up to a power cut. MicroPython.

argv: the flash's folder, the far end's book, first day, last day, room for readings [bytes], 1 to send all at the end.
Days repeat by fives: a quiet one, at whose start nobody tells the time; Wi-Fi that flaps and frames that are damaged; a
broker that is killed and falls silent; a day alone, with too little room; a sensor unplugged and no time server. Prints
the books as a line of JSON.
"""

import asyncio
import json
import random
import sys

import parts
import radio
import virtual
from far_end import FarEnd

from kit.core import config
from kit.core.app import App
from kit.core.clock import Clock
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus
from kit.sensors.sht4x import SHT4x
from kit.sensors.sps30 import SPS30

DAY = 86400
FROM, TO, ROOM, LAST = [int(text) for text in sys.argv[3:7]]
virtual.jump()


def true_ms():
    return (virtual.START + FROM * DAY) * 1000 + virtual.now_ms()


def day():
    return FROM + virtual.now_ms() // (DAY * 1000)


far = FarEnd(lambda: true_ms() // 1000, sys.argv[2], seed=FROM + 1, lose=0.02)
station = radio.Station()
there = {0x44: parts.SHT45(), 0x69: parts.SPS30()}


def fault(address):
    chance = random.random()
    bad = 0.2 if day() % 5 == 1 else 0.002
    return "crc" if chance < bad else "nack" if chance < bad * 1.2 else "short" if chance < bad * 1.4 else None


async def ask_time():
    if virtual.now_ms() < 7_200_000 or day() % 5 == 4:
        raise OSError(110)
    return true_ms()


async def open_line():
    if not station.isconnected():
        raise OSError(118)
    return await far.open()


async def trouble():
    """What the world does, minute by minute."""
    while True:
        kind = day() % 5
        if kind == 1:  # the Wi-Fi flaps
            station.mood = "there" if random.random() < 0.7 else random.choice(("away", "no_address", "missing"))
        elif kind == 3:  # nobody is there
            station.mood = "away"
        else:
            station.mood = "there"
        if station.mood != "there":
            far.cut()
        if kind == 2 and random.random() < 0.2:  # the broker is killed, falls silent, comes back
            far.cut()
            far.state = random.choice(("away", "deaf", "there", "there"))
        elif kind != 2:
            far.state = "there"
        if kind == 4 and 0x44 in there:
            there[-1] = there.pop(0x44)
        elif kind == 0 and -1 in there:
            there[0x44] = there.pop(-1)
        await asyncio.sleep(60)


async def main():
    bus = Bus(parts.I2C(there, fault))
    settings = config.defaults(device="kit-virtual", host="far", network="Home", store_bytes=ROOM)
    app = App(settings, find(bus), sys.argv[1], clock=Clock(virtual.now_ms), open_=open_line, ask_time=ask_time)
    app.wifi = Wifi(settings, app.state, app.watchdog.alive, station)
    app.uplink.why_away = None  # there are no real sockets here
    SHT4x.PERIOD = SPS30.PERIOD = 60
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
