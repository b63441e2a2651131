# SPDX-License-Identifier: EUPL-1.2
"""The kit's page on a real port, with or without the portal open. MicroPython.

argv: a folder, the port, and "page", or "portal" for a kit that is set up anew, or "new" for one that knows no network.
Says "ready" and serves until its input ends.
"""

import asyncio
import sys

import parts
import radio

from kit.core import config
from kit.core.app import App
from kit.net.door import Door
from kit.net.portal import Portal
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus
from kit.sensors.sht4x import SHT4x

folder, port, mode = sys.argv[1:4]


async def main():
    settings = config.defaults(
        device="kit-abc123", host="collector.example", network="Home", wifi_password="very-secret",
        mqtt_password="also-secret", setup_password="kept-secret", interval=1,
    )  # fmt: skip
    if mode == "new":
        settings.update(network="", wifi_password="")
    config.save(folder + "/cfg", settings)
    SHT4x.PERIOD = 1
    bus = Bus(parts.I2C({0x44: parts.SHT45()}))

    async def ask_time():
        raise OSError(110)

    async def nobody():
        raise OSError(111)

    app = App(settings, find(bus), folder + "/data", open_=nobody, ask_time=ask_time)
    app.wifi = Wifi(settings, app.state, station=radio.Station())
    tasks = [asyncio.create_task(app.run())]
    app.portal = Portal(app, folder + "/cfg", lambda: print("saved"), radio.AccessPoint(), lambda peer: True)
    app.portal.open = mode != "page"
    tasks.append(asyncio.create_task(Door(app, int(port)).run()))
    await asyncio.sleep(3)
    print("ready")
    await asyncio.StreamReader(sys.stdin).read(1)


asyncio.run(main())
