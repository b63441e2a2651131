# SPDX-License-Identifier: EUPL-1.2
"""The kit's bus with simulated sensors on it, and what a driver gives, or how it fails. MicroPython."""

from parts import I2C

from kit.sensors.bus import BadFrame, Bus


def bus_with(parts, fault=lambda address: None):
    """(the kit's bus, the simulated one under it)."""
    i2c = I2C(parts, fault)
    return Bus(i2c, i2c.pins, i2c.reopen), i2c


async def measured(driver, n=1):
    """What a driver gives n times, or the kinds of its faults."""
    found = []
    for _ in range(n):
        try:
            found.append(await driver.measure())
        except BadFrame:
            found.append("bad")
        except OSError:
            found.append("none")
    return found
