# SPDX-License-Identifier: EUPL-1.2
"""Drivers: one file for each sensor, of one shape: a pure parser of its bytes, and a thin class on the bus.

A driver has NAME, ADDRESS, PERIOD [s], `start()`, `measure()` -> {quantity: value} and raises OSError when the sensor
does not answer, BadFrame when its bytes are wrong. Adding one means adding a file, and a line to the table.
"""

from kit.sensors.sht4x import SHT4x
from kit.sensors.sps30 import SPS30

DRIVERS = (SHT4x, SPS30)


def find(bus):
    """A driver for each sensor that answers on the bus."""
    there = bus.scan()
    return [driver(bus) for driver in DRIVERS if driver.ADDRESS in there]
