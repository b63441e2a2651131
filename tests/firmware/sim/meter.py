# SPDX-License-Identifier: EUPL-1.2
"""A sound level meter alone, in virtual time. MicroPython.

argv: a JSON object of "seconds", "interval" [s], and perhaps "file" of samples or "amplitude" of noise, "faults",
"ppm", "busy" ([from ms, length ms], during which nothing else runs), "fails" (how often opening fails), "settings".
Prints [values, health] of each interval as a line of JSON, then what the microphone counted and the meter's heap.
"""

import asyncio
import gc
import json
import sys

import virtual
from microphone import File, Microphone, Noise

from kit.core.config import defaults

asked = json.loads(sys.argv[1])
settings = defaults(microphone="ICS-43434")
settings.update(asked.get("settings", {}))  # fmt: skip
source = File(asked["file"]) if "file" in asked else Noise(asked.get("amplitude", 100))
fails = asked.get("fails", 0)


def open_():
    global fails
    if fails:
        fails -= 1
        raise OSError(19)
    return Microphone(source, asked.get("faults", ()), asked.get("ppm", 0))


async def be_busy(start, length):
    await asyncio.sleep_ms(start)
    virtual.work(length)


async def main():
    meter = Meter(open_, settings, ticks=virtual.now_ms)
    gc.collect()
    heap = gc.mem_alloc() - before
    running = asyncio.create_task(meter.run())
    for start, length in asked.get("busy", ()):
        asyncio.create_task(be_busy(start, length))
    for _ in range(asked["seconds"] // asked["interval"]):
        await asyncio.sleep(asked["interval"])
        print(json.dumps([meter.close(), meter.health()]))
    running.cancel()
    await asyncio.sleep(1)
    return heap


gc.collect()
before = gc.mem_alloc()
from kit.noise.meter import Meter  # noqa: E402 - what it takes is measured

virtual.jump()
heap = asyncio.run(main())
print(json.dumps({
    "opened": Microphone.opened, "closed": Microphone.closed, "dropped": Microphone.dropped, "heap": heap,
}))  # fmt: skip
