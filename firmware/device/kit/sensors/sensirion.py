# SPDX-License-Identifier: EUPL-1.2
"""Frames of Sensirion's sensors on I2C: words of two bytes, each followed by its check sum."""

from kit.sensors.bus import BadFrame

# CRC-8 of each upper half of a byte, polynomial 0x31: two steps for a byte instead of eight.
_HALVES = const(b"\x00\x31\x62\x53\xc4\xf5\xa6\x97\xb9\x88\xdb\xea\x7d\x4c\x1f\x2e")
UNKNOWN = 0x7FFF, 0xFFFF  # words that say: no value yet, or none at all


def crc8(data):
    """Starts at 0xFF, polynomial 0x31 (SHT4x data sheet, table 6). crc8(b"\\xbe\\xef") is 0x92."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        crc = (crc << 4 ^ _HALVES[crc >> 4]) & 0xFF
        crc = (crc << 4 ^ _HALVES[crc >> 4]) & 0xFF
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


async def ask_text(bus, address, command, n):
    """What a sensor says about itself in n words, as a product name or a serial number: printable ASCII to the NUL."""
    found = words(await bus.command(address, command, 20, 3 * n), n)
    data = b"".join([bytes([word >> 8, word & 0xFF]) for word in found]).split(b"\0")[0]
    if not all(32 <= byte < 127 for byte in data):
        raise BadFrame("no text")
    return data.decode()
