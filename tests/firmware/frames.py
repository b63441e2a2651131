# SPDX-License-Identifier: EUPL-1.2
"""Frames of sensors, sound ones, and what the kit's parsers make of any bytes; check sums are reckoned here anew."""

import json
import struct

from tests.firmware import board

PARSE = """
import json, sys
from kit.sensors.bus import BadFrame
modules = {}
for line in sys.stdin:
    name, frame = line.split()
    frame = bytes.fromhex(frame[1:])
    if name not in modules:
        modules[name] = getattr(__import__("kit.sensors." + name).sensors, name)
    try:
        if name == "bme280":
            calibration = modules[name].parse_calibration(frame[:26], frame[26:33])
            print(json.dumps(modules[name].parse(frame[33:], calibration)))
        else:
            print(json.dumps(modules[name].parse(frame)))
    except BadFrame as error:
        print(json.dumps(str(error)))
"""


def parse(frames):
    """What the kit makes of each (module, bytes), in one process: a dict, or the text of a BadFrame."""
    feed = "".join(f"{name} x{data.hex()}\n" for name, data in frames)
    return [json.loads(line) for line in board.run(PARSE, feed=feed, heap="2m").splitlines()]


def crc(data):
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x31) & 0xFF if value & 0x80 else value << 1
    return value


def frame(*words):
    """Words with their check sums, as Sensirion's sensors send them."""
    pairs = [struct.pack(">H", word & 0xFFFF) for word in words]
    return b"".join(pair + bytes([crc(pair)]) for pair in pairs)


def sps30(*values):
    return frame(*struct.unpack(">20H", b"".join(struct.pack(">f", value) for value in values)))


def sds011(pm25, pm10, sensor=b"\xa1\x60"):
    body = struct.pack("<HH", pm25, pm10) + sensor
    return b"\xaa\xc0" + body + bytes([sum(body) & 0xFF, 0xAB])


def pms(*words):
    head = b"\x42\x4d\x00\x1c" + struct.pack(">13H", *words)
    return head + struct.pack(">H", sum(head))


def pairs_are_right(data, length):
    return len(data) == length and all(crc(data[i : i + 2]) == data[i + 2] for i in range(0, length, 3))


# Whether a frame's checks are right, by sensor; of a BME280 there are none.
SOUND = {
    "sht4x": lambda data: pairs_are_right(data, 6),
    "sps30": lambda data: pairs_are_right(data, 60),
    "sen5x": lambda data: pairs_are_right(data, 24),
    "sen66": lambda data: pairs_are_right(data, 27),
    "scd4x": lambda data: pairs_are_right(data, 9),
    "pms": lambda data: (
        len(data) == 32 and data[:4] == b"BM\x00\x1c" and sum(data[:30]) == struct.unpack(">H", data[30:])[0]
    ),
    "sds011": lambda data: (
        len(data) == 10 and data[:2] == b"\xaa\xc0" and data[9] == 0xAB and sum(data[2:8]) & 0xFF == data[8]
    ),
}

# The example of Bosch's data sheet of the BMP280 (section 3.12), whose formulas the BME280 shares; the words of
# humidity are those of a usual part.
BME280_CALIBRATION = struct.pack(
    "<HhhHhhhhhhhhBB", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000, 0, 75
)


def bme280_humidity(h2=370, h3=0, h4=313, h5=50, h6=30):
    return struct.pack("<hBBBBb", h2, h3, h4 >> 4 & 0xFF, (h4 & 15) | (h5 & 15) << 4, h5 >> 4 & 0xFF, h6)


def bme280_data(pressure=415148, temperature=519888, humidity=28000):
    return (
        struct.pack(">I", pressure << 12)[:3] + struct.pack(">I", temperature << 12)[:3] + struct.pack(">H", humidity)
    )


GOOD = {
    "sht4x": frame(0x6666, 0x8000),
    "sps30": sps30(1.5, 2.5, 3.5, 4.5, *[0.1] * 6),
    "sen5x": frame(31, 55, 60, 62, 4870, 4266, 1040, 10),
    "sen66": frame(31, 55, 60, 62, 4870, 4266, 1040, 10, 612),
    "scd4x": frame(500, 0x6667, 0x5EB9),
    "pms": bytes.fromhex("424d001c0005000d00160005000d001602fd00fc001d000f00060006970003c5"),
    "sds011": bytes.fromhex("aac0d4043a0aa1601dab"),
    "bme280": BME280_CALIBRATION + bme280_humidity() + bme280_data(),
}
