# SPDX-License-Identifier: EUPL-1.2
"""Drivers: one file for each sensor, of one shape: a pure parser of its bytes, and a thin class on the bus.

A driver has NAME, BUS, PERIOD [s], QUANTITIES, `address` (None on UART), `serial`; `identify()` says whether it is that
sensor, `start()` makes it measure, `measure()` gives {quantity: value}. They raise OSError when the sensor does not
answer, BadFrame when its bytes are wrong. Adding one means adding a file, and a line to the table.
"""

from kit.core.once import forget

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


async def find(bus, line=None):
    """Looks what is connected: (drivers in the order of the table, addresses that nobody knows).

    Takes 4 s if there is a serial line and nobody on it, and 7.5 s at most for each sensor that answers wrongly.
    """
    from kit.sensors.detect import detect

    found = await detect(SENSORS, bus, line)
    forget("kit.sensors.detect")
    return found


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
