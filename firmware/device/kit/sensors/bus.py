# SPDX-License-Identifier: EUPL-1.2
"""The I2C bus that the sensors share, and the way out when one of them holds it.

A sensor that missed a clock pulse, in the middle of a byte, waits for more pulses and keeps SDA low: nobody can speak.
Nine pulses end any byte (I2C specification UM10204, section 3.1.16).
"""

import asyncio
import time

_NODEV = const(19)  # errno: nobody answers at that address


class BadFrame(Exception):
    """Bytes that came over the bus but are not right: counted, never published."""


class Bus:
    """Each exchange is whole before the next begins.

    `pins` are SCL and SDA as pins, `reopen()` gives the bus anew after they were used; without them a bus that is held
    stays so. `freed` counts how often it was.
    """

    def __init__(self, i2c, pins=None, reopen=None):
        self._i2c, self._pins, self._reopen = i2c, pins, reopen
        self._lock = asyncio.Lock()
        self.freed = 0

    def scan(self):
        """Addresses that answer."""
        if self._pins and not self._pins[1]():
            self._free()
        try:
            return self._i2c.scan()
        except OSError:
            self._free()
            return self._i2c.scan()

    async def command(self, address, command, wait_ms=0, answer=0):
        """Sends bytes, waits, and reads `answer` bytes. OSError if nobody answers."""
        async with self._lock:
            try:
                if command:
                    self._i2c.writeto(address, command)
                if wait_ms:
                    await asyncio.sleep_ms(wait_ms)
                return self._i2c.readfrom(address, answer) if answer else b""
            except OSError as error:
                if self._pins and (error.errno != _NODEV or not self._pins[1]()):
                    self._free()
                raise

    def _free(self):
        """Clocks out whatever a sensor still wants to say, ends it with a stop, and takes the bus again."""
        if not self._pins:
            return
        scl, sda = self._pins
        scl.init(scl.OPEN_DRAIN, value=1)
        sda.init(sda.OPEN_DRAIN, value=1)
        for _ in range(9):
            scl(0)
            time.sleep_us(5)
            scl(1)
            time.sleep_us(5)
            if sda():
                break
        scl(0)
        sda(0)
        time.sleep_us(5)
        scl(1)
        time.sleep_us(5)
        sda(1)
        self._i2c = self._reopen()
        self.freed += 1


def open_bus(sda, scl):
    """The bus on two GPIO numbers of the board, at 100 kHz, which every sensor understands."""
    from machine import I2C, Pin

    pins = Pin(scl), Pin(sda)

    def reopen():
        return I2C(0, scl=pins[0], sda=pins[1], freq=100_000)

    return Bus(reopen(), pins, reopen)
