# SPDX-License-Identifier: EUPL-1.2
"""Very many damaged frames through every parser, in one process. MicroPython.

argv: how many; stdin: a line "module hex" for each sensor with a sound frame. Each frame is damaged by a cheap random
generator: bits flipped, bytes changed, cut, lengthened, or replaced. A parser may only answer, or raise BadFrame; when
it answers, the checks are reckoned here in another way. Prints how many were refused and how many passed, by sensor.
"""

import json
import sys

from kit.sensors.bus import BadFrame

TABLE = bytearray(256)
for byte in range(256):
    crc = byte
    for _ in range(8):
        crc = (crc << 1 ^ 0x31 if crc & 0x80 else crc << 1) & 0xFF
    TABLE[byte] = crc


class Random:
    """xorshift with 32 bits (Marsaglia 2003), in halves that need no long integers."""

    def __init__(self):
        self._low, self._high = 0x2F1B, 0x5EED

    def below(self, n):
        x = (self._low ^ self._low << 5) & 0xFFFF
        self._low = self._high
        self._high = self._high ^ self._high >> 1 ^ x ^ x >> 3
        return self._high % n


def damaged(sound, random):
    kind = random.below(8)
    frame = bytearray(sound)
    n = len(frame)
    if kind < 4:
        for _ in range(kind + 1):
            frame[random.below(n)] ^= 1 << random.below(8)
    elif kind < 6:
        for _ in range(random.below(3) + 1):
            frame[random.below(n)] = random.below(256)
    elif kind == 6:
        frame = frame[: random.below(n)] if random.below(2) else frame + bytes([random.below(256)])
    else:
        at = random.below(n)
        for i in range(at, min(at + 8, n)):
            frame[i] = random.below(256)
    return bytes(frame)


def sound(name, frame):
    """Whether the checks of a frame are right."""
    if name == "pms":
        return len(frame) == 32 and frame[:4] == b"BM\x00\x1c" and sum(frame[:30]) == frame[30] * 256 + frame[31]
    if name == "sds011":
        ends = frame[:2] + frame[9:] == b"\xaa\xc0\xab"
        return len(frame) == 10 and ends and sum(frame[2:8]) % 256 == frame[8]
    for i in range(0, len(frame), 3):
        if TABLE[TABLE[0xFF ^ frame[i]] ^ frame[i + 1]] != frame[i + 2]:
            return False
    return len(frame) == LENGTHS[name]


LENGTHS = {"sht4x": 6, "sps30": 60, "sen5x": 24, "sen66": 27, "scd4x": 9}
POSSIBLE = {"temperature": (-40, 85), "pressure": (300, 1100), "humidity": (0, 100)}


def calibrated(module, frame):
    calibration = module.parse_calibration(frame[:26], frame[26:33])
    return lambda data: module.parse(data, calibration)


def main():
    frames = []
    for line in sys.stdin:
        name, text = line.split()
        module = getattr(__import__("kit.sensors." + name).sensors, name)
        frame = bytes.fromhex(text)
        if name == "bme280":
            frames.append((name, calibrated(module, frame), frame[33:]))
        else:
            frames.append((name, module.parse, frame))
    random = Random()
    refused, passed = {name: 0 for name, _, _ in frames}, {name: 0 for name, _, _ in frames}
    for i in range(int(sys.argv[1])):
        name, parse, frame = frames[i % len(frames)]
        frame = damaged(frame, random)
        try:
            values = parse(frame)
        except BadFrame:
            refused[name] += 1
            continue
        passed[name] += 1
        if name == "bme280":  # it has no check sum; the bus object reads twice
            for what, (low, high) in POSSIBLE.items():
                assert low <= values[what] <= high, values
        else:
            assert sound(name, frame), (name, frame)
    print(json.dumps([refused, passed]))


main()
