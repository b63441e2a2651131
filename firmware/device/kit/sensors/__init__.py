# SPDX-License-Identifier: EUPL-1.2
"""Drivers: one file for each sensor, of one shape: a pure parser of its bytes, and a thin class on the bus.

A driver has NAME, BUS, PERIOD [s], QUANTITIES, `address` (None on UART), `serial`; `identify()` says whether it is that
sensor, `start()` makes it measure, `measure()` gives {quantity: value}. They raise OSError when the sensor does not
answer, BadFrame when its bytes are wrong. Adding one means adding a file, and a line to the table of `detect`.
"""

from kit.core.once import forget


async def find(bus, line=None):
    """Looks what is connected, by `kit.sensors.detect`, which has the table: ([(driver, quantities)], lines of text).

    Takes 4 s if there is a serial line and nobody on it, and 7.5 s at most for each sensor that answers wrongly.
    """
    from kit.sensors.detect import detect, listing, share

    drivers, strangers = await detect(bus, line)
    found = share(drivers), listing(drivers, strangers)
    forget("kit.sensors.detect")
    if not any(driver.BUS == "uart" for driver in drivers):
        forget("kit.sensors.serial")
    return found
