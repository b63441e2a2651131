# SPDX-License-Identifier: EUPL-1.2
"""A kit with simulated sensors and a real network, some times faster than real time. MicroPython.

argv: device, host, port, flash's folder, virtual seconds to measure, speed, virtual seconds more to send what waits.
Prints the books as a line of JSON at the end.
"""

import asyncio
import json
import sys
import time

import parts
import virtual

from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
from kit.sensors import find
from kit.sensors.bus import Bus

device, host, port, folder, seconds, speed, longer = sys.argv[1:8]
# An hour ago, so that hurrying does not lead into the collector's future.
START_MS = int(time.time()) * 1000 - 3_600_000
began = time.ticks_ms()
ticks = virtual.hurry(int(speed))


async def ask_time():
    return START_MS + time.ticks_diff(ticks(), began)


async def main():
    bus = Bus(parts.I2C({0x44: parts.SHT45(), 0x69: parts.SPS30()}))
    settings = defaults(device=device, host=host, port=int(port), interval=10)
    app = App(settings, find(bus), folder, clock=Clock(ticks), ask_time=ask_time)
    running = asyncio.create_task(app.run())
    await asyncio.sleep(int(seconds))
    app.stop_measuring()
    for _ in range(int(longer)):
        if not app.store.held:
            break
        await asyncio.sleep(1)
    running.cancel()
    return app


app = asyncio.run(main())
books = dict(app.uplink.counts, made=app.made, held=app.store.held, dropped=app.store.dropped)
print(json.dumps(books))
