# SPDX-License-Identifier: EUPL-1.2
"""Everything that a kit can have at once, for its whole application: all kinds of sensors, a microphone, who looks at
its page. MicroPython.

`equip` puts it into the simulated module machine; `visits` is in the place of asyncio.start_server.
"""

import asyncio
import random

import lines
import nodes
import parts
from microphone import Microphone, Noise

LISTENS_MS = 300_000  # a virtual day of sound takes too long; then the microphone is unplugged, and asked for again


def equip(machine, everything):
    """Sensors of which one answer in a hundred is damaged, those of the first kit or one of each kind; a microphone."""
    there = {0x44: parts.SHT45(), 0x69: parts.SPS30()}
    line = lines.UART()
    if everything:
        there.update({0x76: nodes.BME280(), 0x6B: nodes.SEN66(), 0x62: nodes.SCD41()})
        line = lines.UART(lines.PMS5003(damage=0.01))

    def fault(address):
        chance = random.random()
        return "crc" if chance < 0.01 else "nack" if chance < 0.012 else None

    class I2S:
        RX = MONO = 0

        def __new__(cls, *_, **__):
            return Microphone(Noise(), [(LISTENS_MS, 1 << 62, "error")])

    machine.I2C = staticmethod(lambda *_, **__: parts.I2C(there, fault))
    machine.UART = staticmethod(lambda *_, **__: line)
    machine.I2S = I2S


class Visitor:
    """A browser: what it asks, and how many bytes it got."""

    got = 0

    def __init__(self, path):
        self._lines = [b"GET %s HTTP/1.1\r\n" % path, b"Host: kit\r\n", b"Accept: */*\r\n", b"\r\n"]

    async def readline(self):
        return self._lines.pop(0)

    def write(self, data):
        Visitor.got += len(data)

    async def drain(self):
        await asyncio.sleep_ms(5)

    wait_closed = drain

    def close(self):
        pass

    def get_extra_info(self, _):
        return None


async def visits(knock, *_):
    """Somebody looks every two hours at the page, and it asks for its numbers."""

    async def look():
        while True:
            await asyncio.sleep(7200)
            for path in (b"/", b"/measures"):
                visitor = Visitor(path)
                await knock(visitor, visitor)

    asyncio.create_task(look())
