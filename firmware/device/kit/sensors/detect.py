# SPDX-License-Identifier: EUPL-1.2
"""Finds out at the start which sensors are connected; only the modules of those that are stay in memory.

An address is not enough: an SPS30 and a SEN5x have the same one, and a BMP280 is sold as a BME280. Each driver asks its
sensor who it is. On UART there is no address: whoever sends bytes is known by the head of its frames.
"""

import asyncio
import gc

from kit.core.once import forget
from kit.sensors.bus import BadFrame

_TRIES = 3
_ONE_MS = 2500  # for a try with one sensor
_LISTEN_MS = 4000  # longer than the slowest pause between two frames, of a PMS5003: 2.3 s


async def detect(sensors, bus, line):
    """(drivers, strange addresses); see kit.sensors.find."""
    there = bus.scan()
    heard = await _listen(line) if line else None
    drivers, known, used = [], set(), set()
    for address, module, name in sensors:
        if (heard != module) if address is None else (address not in there or address in known):
            continue
        gc.collect()  # a module wants room in one piece
        made = getattr(getattr(__import__("kit.sensors." + module).sensors, module), name)
        driver = made(line) if address is None else made(bus, address)
        if await _is_it(driver):
            drivers.append(driver)
            known.add(address)
            used.add(module)
        elif module not in used:
            del made, driver
            forget("kit.sensors." + module)
    return drivers, [address for address in there if address not in known]


async def _listen(line):
    """Wakes whoever may sleep, and gives the module of the first who speaks, or None."""
    for _ in range(2):  # the first answer may lack its beginning
        line.write(b"\xaa\xb4\x06\x01\x01" + bytes(10) + b"\xff\xff\x06\xab")  # an SDS011
        line.write(b"\x42\x4d\xe4\x00\x01\x01\x74")  # a PMS5003; and that it shall send by itself
        line.write(b"\x42\x4d\xe1\x00\x01\x01\x71")
        head = await line.hear((b"\x42\x4d\x00\x1c", b"\xaa\xc0", b"\xaa\xc5"), _LISTEN_MS // 2)
        if head:
            return "pms" if head[0] == 0x42 else "sds011"
    return None


async def _is_it(driver):
    for _ in range(_TRIES):
        try:
            return await asyncio.wait_for_ms(driver.identify(), _ONE_MS)
        except (OSError, BadFrame, asyncio.TimeoutError):
            pass
    return False
