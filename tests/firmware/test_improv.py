# SPDX-License-Identifier: EUPL-1.2
"""Improv on the kit, on the real MicroPython: frames found and damaged, commands obeyed, secrets kept."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import board

HEAD = b"IMPROV\x01"

PARSE = """
import json, sys
from kit.net.improv import Frames
for line in sys.stdin:
    frames, found, outside = Frames(), [], 0
    for i, byte in enumerate(bytes.fromhex(line.strip())):
        one = frames.feed(byte, i)
        if one is None:
            outside += 1
        elif one:
            found.append([one[0], one[1].hex()])
    print(json.dumps([found, outside]))
"""

# Commands in hexadecimal on standard input; every answer comes out as a line of JSON.
OBEY = """
import asyncio, json, sys
from kit.core import config
from kit.net.improv import Frames, Improv

class Radio:
    goal = None
    def active(self, on): pass
    def disconnect(self): self.goal = None
    def connect(self, name, password): self.goal = name, password
    def isconnected(self): return self.goal == ("home", "s3cr\\u00e9t")
    def status(self): return 202
    def scan(self):
        return [(b"Caf\\xc3\\xa9", b"", 1, -70, 0, False), (b"home", b"", 1, -50, 3, False),
                (b"home", b"", 1, -80, 3, False), (b"\\xff", b"", 1, -20, 0, False), (b"", b"", 1, -10, 0, True)]

def answer(data):
    frames = Frames()
    for byte in data:
        found = frames.feed(byte, 0)
        if found:
            answers.append([found[0], found[1].hex()])

folder = sys.argv[1]
settings = config.load(folder)
improv = Improv(settings, folder, Radio(), answer)
for line in sys.stdin:
    kind, data = line.split(" ")
    answers = []
    asyncio.run(improv.take(int(kind), bytes.fromhex(data.strip())))
    print(json.dumps(answers))
"""


def frame(kind, data):
    body = HEAD + bytes((kind, len(data))) + data
    return body + bytes((sum(body) & 0xFF,))


def parse(*streams):
    feed = "".join(stream.hex() + "\n" for stream in streams)
    return [json.loads(line) for line in board.run(PARSE, feed=feed, heap="1m").splitlines()]


frames = st.tuples(st.integers(1, 255), st.binary(max_size=255))
# No `I` in it: whether that begins a frame is what comes after to say.
noise = st.binary(max_size=30).map(lambda data: data.replace(b"I", b"i"))


@settings(max_examples=20)
@given(st.lists(st.lists(st.tuples(noise, frames), max_size=4), min_size=20, max_size=20))
def test_every_whole_frame_is_found_between_other_bytes(streams):
    raw = [b"".join(before + frame(*one) for before, one in stream) for stream in streams]
    for (found, outside), stream in zip(parse(*raw), streams, strict=True):
        assert found == [[kind, data.hex()] for _, (kind, data) in stream]
        assert outside == sum(len(before) for before, _ in stream)


@settings(max_examples=20)
@given(st.lists(st.tuples(frames, st.integers(0, 10**6), st.integers(1, 255)), min_size=20, max_size=20))
def test_a_frame_with_one_wrong_byte_is_never_taken_for_right(cases):
    streams = []
    for one, at, change in cases:
        raw = bytearray(frame(*one))
        raw[at % len(raw)] ^= change
        streams.append(bytes(raw))
    for found, _ in parse(*streams):
        assert all(kind == 0 for kind, _ in found)


def test_a_frame_that_lost_its_rest_is_forgotten_after_a_second():
    code = """
from kit.net.improv import Frames
frames = Frames()
for byte in b"IMPROV\\x01\\x03\\x09": frames.feed(byte, 0)
print(frames.feed(3, 999), frames.feed(3, 2000))
"""
    assert board.run(code) == "() None\n"


def obey(folder, *commands):
    """What the kit answers to commands: for each a list of (type, data)."""
    lines = [f"3 {bytes((command, len(data))).hex()}{data.hex()}" for command, data in commands]
    told = board.run(OBEY, folder, feed="".join(line + "\n" for line in lines), heap="256k").splitlines()
    return [[(kind, bytes.fromhex(data)) for kind, data in json.loads(line)] for line in told]


def texts(*words):
    return b"".join(bytes((len(word.encode()),)) + word.encode() for word in words)


def test_a_new_kit_is_set_up(tmp_path):
    folder = tmp_path / "cfg"
    config = {"device": "kit-7hx3m9ab", "host": "192.168.1.20", "port": 1884, "mqtt_password": "hush-1"}
    state, info, scan, wrong, right, again, told, known = obey(
        folder, (2, b""), (3, b""), (4, b""), (1, texts("home", "hush-2")), (1, texts("home", "s3crét")),
        (2, b""), (0xC1, json.dumps(config).encode()), (0xC0, b""),
    )  # fmt: skip
    assert state == [(1, b"\x02")]
    assert info[0][0] == 4 and b"citimeasure" in info[0][1]
    assert [data[2:] for _, data in scan] == [texts("home", "-50", "YES"), texts("Café", "-70", "NO"), b""]
    assert wrong == [(2, b"\x00"), (1, b"\x03"), (1, b"\x02"), (2, b"\x03")]
    assert right == [(2, b"\x00"), (1, b"\x03"), (1, b"\x04"), (4, b"\x01\x00")]
    assert again == [(1, b"\x04"), (4, b"\x02\x00")]
    assert told == [(4, b"\xc1\x00")]
    assert known[0][1][2:] == texts("kit-7hx3m9ab", "192.168.1.20", "1884", "home")
    written = json.loads((folder / "config.json").read_text())
    assert {name: written[name] for name in ("device", "host", "port", "network")} == {
        "device": "kit-7hx3m9ab", "host": "192.168.1.20", "port": 1884, "network": "home",
    }  # fmt: skip
    secrets = json.loads((folder / "secret.json").read_text())
    assert secrets == {"wifi_password": "s3crét", "mqtt_password": "hush-1"}
    # Nothing that the kit said, and no file but its own, holds a secret.
    said = repr([state, info, scan, wrong, right, again, told, known])
    for secret in ("hush-1", "hush-2", "s3cr"):
        assert secret not in said and secret not in json.dumps(written)


def test_what_cannot_be_set_is_refused_in_words(tmp_path):
    folder = tmp_path / "cfg"
    wishes = ({"port": 0}, {"port": "1883"}, {"network": "home"}, {"colour": 1}, {"interval": 7})
    answers = obey(folder, *((0xC1, json.dumps(wish).encode()) for wish in wishes))
    words = [answer[0][1][3:].decode() for answer in answers]
    assert words == [
        "port must be 1 to 65535", "port must be a int", "network cannot be set", "colour cannot be set",
        "interval must divide an hour: 1 to 300 s",
    ]  # fmt: skip
    assert not (folder / "config.json").exists()


def test_what_makes_no_sense_is_answered_with_an_error(tmp_path):
    bad = [
        (1, b""),
        (1, b"\x05ab"),
        (1, texts("")),
        (1, texts("home")),
        (1, b"\x02\xff\xfe\x00"),
        (0xC1, b"[]"),
        (0xC1, b"nonsense"),
    ]
    answers = obey(tmp_path / "cfg", *bad, (0x99, b""), (5, b"my-name"), (6, b"my name"))
    assert answers == [[(2, b"\x01")]] * len(bad) + [[(2, b"\x02")], [(2, b"\x05")], [(2, b"\x05")]]


@settings(max_examples=5)
@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=40)), min_size=50, max_size=50))
def test_no_frame_stops_the_kit(cases):
    feed = "".join(f"{kind} {data.hex()}\n" for kind, data in cases if data[:1] != b"\xc2")
    board.run(OBEY, "/nowhere/at/all", feed=feed, heap="256k")


def test_it_weighs_little_beside_the_whole_kit(tmp_path):
    code = """
import gc, json, select, sys
from kit.core import config
from kit.core.app import App
from kit.sensors import find
settings = config.defaults(device="kit-aaaaaa", host="far")
app = App(settings, [], sys.argv[1])
gc.collect(); before = gc.mem_alloc()
from kit.net import improv
listener = improv.Improv(settings, "/cfg", None, print)
frames = improv.Frames()
gc.collect(); print(gc.mem_alloc() - before, gc.mem_free())
"""
    weight, free = map(int, board.run(code, tmp_path / "data", heap="64k").split())
    print(f"Improv takes {weight} bytes of heap while it listens; the kit leaves {free} of 64 kB.")
    assert weight < 8_000 and free > 8_000
