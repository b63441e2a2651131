# SPDX-License-Identifier: EUPL-1.2
"""The drivers' parsers, on frames of the data sheets and on damaged ones: right, or BadFrame, and nothing else."""

import json
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import board

PARSE = """
import json, sys
from kit.sensors import sht4x, sps30
from kit.sensors.bus import BadFrame, crc8, words
assert crc8(b"\\xbe\\xef") == 0x92  # SHT4x data sheet, table 6
for line in sys.stdin:
    name, frame = line.split()
    try:
        print(json.dumps((sht4x if name == "sht4x" else sps30).parse(bytes.fromhex(frame[1:]))))
    except BadFrame as error:
        print(json.dumps(str(error)))
"""


def crc(data):
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x31) & 0xFF if value & 0x80 else value << 1
    return value


def frame(data):
    """Pairs of bytes with their check sums."""
    return b"".join(data[i : i + 2] + bytes([crc(data[i : i + 2])]) for i in range(0, len(data), 2))


def parse(frames):
    """What the kit makes of (sensor, frame), in one process."""
    feed = "".join(f"{name} x{data.hex()}\n" for name, data in frames)
    return [json.loads(line) for line in board.run(PARSE, feed=feed, heap="2m").splitlines()]


def sps30(values):
    return frame(b"".join(struct.pack(">f", value) for value in values))


def test_frames_of_the_data_sheets():
    climate, dust = parse(
        [("sht4x", frame(struct.pack(">HH", 0x6666, 0x8000))), ("sps30", sps30([1.5, 2.5, 3.5, 4.5, *[0.1] * 6]))]
    )
    assert abs(climate["temperature"] - (-45 + 175 * 0x6666 / 65535)) < 1e-3
    assert abs(climate["humidity"] - (-6 + 125 * 0x8000 / 65535)) < 1e-3
    assert dust == {"pm1": 1.5, "pm25": 2.5, "pm4": 3.5, "pm10": 4.5}


def test_humidity_is_cropped():
    low, high = parse([("sht4x", frame(struct.pack(">HH", 0, word))) for word in (0, 0xFFFF)])
    assert (low["humidity"], high["humidity"], low["temperature"]) == (0, 100, -45)


def test_values_that_are_no_numbers_are_refused():
    wrong = [float("nan"), float("inf"), -1.0, 1e9]
    for answer in parse([("sps30", sps30([value, *[1.0] * 9])) for value in wrong]):
        assert isinstance(answer, str)


@settings(max_examples=5)
@given(
    st.lists(
        st.tuples(st.sampled_from([("sht4x", 6), ("sps30", 60)]), st.binary(max_size=70)), min_size=200, max_size=400
    )
)
def test_bytes_of_any_kind_are_refused_or_right(cases):
    """A random frame passes only if every check sum is right, and that is checked here once more."""
    for (name, length), data, answer in [
        (*case, answer) for case, answer in zip(cases, parse([(n, d) for (n, _), d in cases]), strict=True)
    ]:
        sound = len(data) == length and all(crc(data[i : i + 2]) == data[i + 2] for i in range(0, length, 3))
        assert isinstance(answer, str) or sound, (name, data.hex())


@settings(max_examples=3)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 255)), min_size=100, max_size=300))
def test_one_wrong_byte_is_always_seen(damages):
    sound = sps30([1.5, 2.5, 3.5, 4.5, *[0.1] * 6])
    frames = [("sps30", sound[:at] + bytes([sound[at] ^ flip]) + sound[at + 1 :]) for at, flip in damages]
    assert all(isinstance(answer, str) and "check sum" in answer for answer in parse(frames))
