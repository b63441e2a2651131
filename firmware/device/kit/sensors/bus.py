# SPDX-License-Identifier: EUPL-1.2
"""The I2C bus, and the frames of Sensirion's sensors: words of two bytes, each followed by its check sum."""

import asyncio


class BadFrame(Exception):
    """Bytes that came over the bus but are not right: counted, never published."""


def crc8(data):
    """Sensirion's CRC-8: polynomial 0x31, starts at 0xFF (SHT4x data sheet, table 6). crc8(b"\\xbe\\xef") is 0x92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31 if crc & 0x80 else crc << 1) & 0xFF
    return crc


def words(frame, n):
    """The n words of a frame as integers, each one's check sum checked; BadFrame if it is not like that."""
    if len(frame) != 3 * n:
        raise BadFrame("%d bytes for %d words" % (len(frame), n))
    found = []
    for i in range(0, 3 * n, 3):
        if crc8(frame[i : i + 2]) != frame[i + 2]:
            raise BadFrame("check sum of word %d" % (i // 3))
        found.append(frame[i] << 8 | frame[i + 1])
    return found


class Bus:
    """An I2C bus that several drivers share; each exchange is whole before the next begins."""

    def __init__(self, i2c):
        self._i2c = i2c
        self._lock = asyncio.Lock()

    def scan(self):
        """Addresses that answer."""
        return self._i2c.scan()

    async def command(self, address, command, wait_ms=0, answer=0):
        """Sends bytes, waits, and reads `answer` bytes. OSError if nobody answers."""
        async with self._lock:
            self._i2c.writeto(address, command)
            if wait_ms:
                await asyncio.sleep_ms(wait_ms)
            return self._i2c.readfrom(address, answer) if answer else b""
