# SPDX-License-Identifier: EUPL-1.2
"""Finds out at the start which sensors are connected; only the modules of those that are stay in memory.

An address is not enough: an SPS30 and a SEN5x have the same one, and a BMP280 is sold as a BME280. Each driver asks its
sensor who it is. On UART there is no address: whoever sends bytes is known by the head of its frames.
"""

import asyncio
import gc

from kit.core.once import forget
from kit.sensors.bus import BadFrame

# (address on I2C or None for UART, module, class). The order is the precedence: of two that give the same quantity, the
# upper one's is taken. So a sensor that hangs outside for temperature comes before those that warm themselves, and dust
# goes by the better instrument.
SENSORS = (
    (0x44, "sht4x", "SHT4x"),
    (0x76, "bme280", "BME280"),
    (0x77, "bme280", "BME280"),
    (0x69, "sps30", "SPS30"),
    (0x6B, "sen66", "SEN66"),
    (0x69, "sen5x", "SEN5x"),
    (None, "pms", "PMS5003"),
    (0x12, "pms", "PMSA003I"),
    (None, "sds011", "SDS011"),
    (0x62, "scd4x", "SCD4x"),
)

_TRIES = const(3)
_ONE_MS = const(2500)  # for a try with one sensor
_LISTEN_MS = const(4000)  # longer than the slowest pause between two frames, of a PMS5003: 2.3 s


async def detect(bus, line):
    """(drivers in the order of the table, addresses that nobody knows)."""
    there = bus.scan()
    heard = await _listen(line) if line else None
    drivers, known, used = [], set(), set()
    for address, module, name in SENSORS:
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


def share(drivers):
    """[(driver, the quantities taken from it)]: each quantity from one driver only, the first that gives it.

    It stays so until the next start. When that driver fails its quantities are missing: another one that steps in would
    be a jump that nobody asked for, in a series that was calibrated for this sensor.
    """
    taken = set()
    shares = []
    for driver in drivers:
        names = [name for name in driver.QUANTITIES if name not in taken]
        taken.update(names)
        shares.append((driver, names))
    return shares


def listing(drivers, strangers=()):
    """What is connected, a line each: "SPS30 i2c 0x69 6B19E22CD975E11A: pm1 pm25 pm4 pm10", "unknown i2c 0x3c"."""
    lines = []
    for driver, names in share(drivers):
        at = "" if driver.address is None else " 0x%02x" % driver.address
        serial = " " + driver.serial if driver.serial else ""
        lines.append("%s %s%s%s: %s" % (driver.NAME, driver.BUS, at, serial, " ".join(names) or "-"))
    return lines + ["unknown i2c 0x%02x" % address for address in strangers]
