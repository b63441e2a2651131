# SPDX-License-Identifier: EUPL-1.2
"""Drivers at work: they wait until values hold, let the laser rest, and come back from what happens on wires."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.firmware import board
from tests.firmware.frames import GOOD, parse

START = """
import asyncio, json, sys
import virtual
virtual.jump()
from lines import *
from nodes import *
from parts import SHT45, SPS30
from world import bus_with, measured
from kit.sensors.bus import BadFrame
from kit.sensors.serial import Serial
def make(module, name, part, address=0x69):
    bus, i2c = bus_with({address: part})
    __import__("kit.sensors." + module)
    return getattr(sys.modules["kit.sensors." + module], name)(bus, address), bus, i2c
def on_line(module, name, sensor, skip=0):
    __import__("kit.sensors." + module)
    uart = UART(sensor, skip)
    return getattr(sys.modules["kit.sensors." + module], name)(Serial(uart)), uart
async def main():
"""


def run(code):
    """What a piece of code prints last, as JSON."""
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return json.loads(board.run(START + body + "asyncio.run(main())\n", heap="256k").splitlines()[-1])


@pytest.mark.parametrize(
    ("make", "warm_up"),
    [
        ("make('sps30', 'SPS30', SPS30())[0]", 30),
        ("make('sen5x', 'SEN5x', SEN55())[0]", 30),
        ("make('sen66', 'SEN66', SEN66())[0]", 30),
        ("make('scd4x', 'SCD4x', SCD41())[0]", 10),
        ("on_line('pms', 'PMS5003', PMS5003())[0]", 30),
        ("on_line('sds011', 'SDS011', SDS011())[0]", 30),
        ("make('pms', 'PMSA003I', PMSA003I(PMS_FRAME), 0x12)[0]", 30),
    ],
)
def test_the_first_values_come_when_they_hold(make, warm_up):
    seconds, values = run(f"""
driver = {make}
await driver.start()
values = await driver.measure()
print(json.dumps([virtual.now_ms() / 1000, values]))
""")
    assert warm_up <= seconds < warm_up + 10
    assert len(values) >= 2


def test_a_driver_that_starts_again_starts_a_sensor_that_is_in_the_middle_of_measuring():
    values = run("""
values = []
for module, name, part in (("sps30", "SPS30", SPS30()), ("sen5x", "SEN5x", SEN55()), ("sen66", "SEN66", SEN66()),
                           ("scd4x", "SCD4x", SCD41())):
    driver = make(module, name, part)[0]
    for _ in range(3):
        await driver.start()
        values.append(len(await driver.measure()))
print(json.dumps(values))
""")
    assert values == [4] * 3 + [7] * 3 + [8] * 3 + [3] * 3  # the VOC index is not known yet


def test_an_sps30_cleans_its_fan_once_when_the_kit_starts():
    assert (
        run("""
part = SPS30()
driver = make("sps30", "SPS30", part)[0]
for _ in range(3):
    await driver.start()
print(json.dumps(part.cleanings))
""")
        == 1
    )


def test_a_bus_that_a_sensor_holds_is_freed_by_clock_pulses():
    """However many pulses it takes, up to the nine that end any byte."""
    for pulses in (1, 5, 9):
        first, second, freed, opened = run(f"""
driver, bus, i2c = make("sht4x", "SHT4x", SHT45(), 0x44)
i2c.held = {pulses}
first, second = await measured(driver, 2)
print(json.dumps([first, second, bus.freed, i2c.opened]))
""")
        assert (first, freed, opened) == ("none", 1, 2)
        assert second["humidity"] == pytest.approx(60, abs=0.01)


def test_a_bus_that_is_held_from_the_start_is_freed_before_it_is_searched():
    assert run("""
driver, bus, i2c = make("sht4x", "SHT4x", SHT45(), 0x44)
i2c.held = 7
print(json.dumps([bus.scan(), bus.freed]))
""") == [[0x44], 1]


def test_a_bus_that_nothing_frees_is_told_each_time_and_does_no_harm():
    assert run("""
driver, bus, i2c = make("sht4x", "SHT4x", SHT45(), 0x44)
i2c.held = 1000
found = await measured(driver, 3)
i2c.held = 0
print(json.dumps([found, len((await measured(driver))[0])]))
""") == [["none"] * 3, 2]


def test_a_sensor_that_is_not_there_is_no_held_bus():
    assert run("""
driver, bus, i2c = make("sht4x", "SHT4x", SHT45(), 0x44)
i2c.parts.clear()
print(json.dumps([await measured(driver), bus.freed]))
""") == [["none"], 0]


def test_a_bme280_that_is_read_with_a_flipped_bit_gives_nothing():
    answers = run("""
turn = []
driver, bus, i2c = make("bme280", "BME280", BME280(), 0x76)
await driver.start()
sound = await driver.measure()
def fault(address):
    turn.append(0)
    return "crc" if len(turn) % 5 == 0 else None
i2c.fault = fault
print(json.dumps([sound] + await measured(driver, 40)))
""")
    assert answers[0]["temperature"] == 25.08
    assert "bad" in answers
    assert all(answer in ("bad", answers[0]) for answer in answers)


def test_a_bmp280_that_was_sold_as_a_bme280_gives_no_humidity():
    name, values = run("""
driver, bus, i2c = make("bme280", "BME280", BME280(0x58), 0x76)
await driver.identify()
await driver.start()
print(json.dumps([driver.NAME, await driver.measure()]))
""")
    assert name == "BMP280"
    assert values.keys() == {"temperature", "pressure"}


@pytest.mark.parametrize("skip", range(0, 33, 4))
def test_listening_that_begins_in_mid_frame_loses_that_frame_only(skip):
    assert run(f"""
from kit.sensors import pms
line = Serial(UART(PMS5003(), {skip}))
found = []
for _ in range(3):
    found.append(await line.take(pms.HEAD, 32, pms.parse, 4000))
print(json.dumps([found, virtual.now_ms() <= {4100 if skip else 3100}]))
""") == [[{"pm1": 5, "pm25": 13, "pm10": 22}] * 3, True]


def test_a_line_that_damages_frames_gives_sound_values_or_none():
    answers = run("""
sensor = PMS5003(damage=0.3)
driver = on_line("pms", "PMS5003", sensor)[0]
await driver.start()
found = []
for _ in range(60):
    found += await measured(driver)
    await asyncio.sleep(driver.PERIOD)
sensor.unplugged = True
(gone,) = await measured(driver)
sensor.unplugged, sensor.damage = False, 0.0
print(json.dumps([found, gone] + await measured(driver)))
""")
    found, gone, again = answers
    sound = {"pm1": 5, "pm25": 13, "pm10": 22}
    assert all(answer in ("bad", sound) for answer in found)
    assert found.count("bad") > 3 and found.count(sound) > 30
    assert (gone, again) == ("none", sound)


def test_a_line_full_of_noise_ends_in_no_answer_within_bounds():
    assert run("""
uart = UART()
uart.noise = b"\\x42\\x4d\\x00"
line = Serial(uart)
from kit.sensors import pms
try:
    await line.take(pms.HEAD, 32, pms.parse, 4000)
except OSError as error:
    print(json.dumps([error.errno, virtual.now_ms()]))
""") == [110, pytest.approx(4000, abs=50)]


def test_the_laser_of_an_sds011_shines_for_a_fifth_of_the_time_at_most():
    """Also when it fails all the time, and its driver is started again at once."""
    share, values, bad, none, asked = run("""
sensor = SDS011(damage=0.1)
driver = on_line("sds011", "SDS011", sensor)[0]
found = []
await driver.start()
virtual_start, shone = virtual.now_ms(), sensor.shone_ms()
while virtual.now_ms() < 86_400_000:
    found += await measured(driver)
    if found[-1] == "none":
        await driver.start()
    sensor.unplugged = len(found) % 50 > 45
share = (sensor.shone_ms() - shone) / (virtual.now_ms() - virtual_start)
values = [one for one in found if isinstance(one, dict)]
print(json.dumps([share, values[0], found.count("bad"), found.count("none"), [sensor.period, sensor.querying]]))
""")
    assert 0.05 < share <= 0.2
    assert values == {"pm25": pytest.approx(123.6, abs=0.01), "pm10": pytest.approx(261.8, abs=0.01)}
    assert bad > 10 and none > 5
    assert asked == [0, False]


HEAP = """
import asyncio, gc, json, struct, sys
import kit.core.once
def used():
    gc.collect()
    return gc.mem_alloc()
start = used()
sizes = {}
for name in ["kit.sensors", "kit.sensors.bus", "kit.sensors.sensirion", "kit.sensors.serial"] + sys.argv[1:]:
    before = used()
    __import__(name)
    sizes[name] = used() - before
print(json.dumps([sizes, used() - start]))
"""


def test_drivers_take_little_memory():
    """A kit keeps those of its own sensors only; all of them together would fit too."""
    names = ["sht4x", "sps30", "sen5x", "sen66", "scd4x", "bme280", "pms", "sds011"]
    sizes, total = json.loads(board.run(HEAP, *["kit.sensors." + name for name in names], heap="256k"))
    for name, size in sorted(sizes.items()):
        print(f"{name:24} {size:6} bytes")
        assert size < 3500, name
    print(f"{'together':24} {total:6} bytes")
    assert total < 22_000


STREAM = """
import asyncio, json, sys
import virtual
virtual.jump()
from kit.sensors import pms, sds011
from kit.sensors.bus import BadFrame
from kit.sensors.serial import Serial
class Tape:
    def __init__(self, data):
        self.data = data
    def any(self):
        return len(self.data)
    def readinto(self, buffer):
        n = min(len(buffer), len(self.data), 13)
        buffer[:n], self.data = self.data[:n], self.data[n:]
        return n or None
async def main():
    for text in sys.stdin:
        kind, data = text.split()
        module, length = (pms, 32) if kind == "pms" else (sds011, 10)
        line, found = Serial(Tape(bytes.fromhex(data[1:]))), []
        while True:
            try:
                found.append(await line.take(module.HEAD, length, module.parse, 1000))
            except BadFrame:
                pass
            except OSError:
                break
        print(json.dumps(found))
asyncio.run(main())
"""


@settings(max_examples=5)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["pms", "sds011"]),
            st.lists(st.one_of(st.none(), st.binary(max_size=40), st.integers(1, 31)), max_size=12),
        ),
        min_size=30,
        max_size=60,
    )
)
def test_in_a_stream_of_frames_and_rubbish_only_sound_frames_are_taken_and_the_last_is_found(streams):
    """None is a sound frame, bytes are rubbish, a number is how much of a frame came."""
    feed = ""
    for kind, pieces in streams:
        good = GOOD[kind]
        data = [good if one is None else one if isinstance(one, bytes) else good[:one] for one in pieces]
        feed += f"{kind} x{(b''.join(data) + good + good + good).hex()}\n"
    sound = dict(zip(["pms", "sds011"], parse([("pms", GOOD["pms"]), ("sds011", GOOD["sds011"])]), strict=True))
    answers = board.run(STREAM, heap="1m", feed=feed).splitlines()
    for (kind, pieces), line in zip(streams, answers, strict=True):
        found = json.loads(line)
        assert len(found) >= 2 and found.count(sound[kind]) >= 2
        rubbish = sum(isinstance(one, bytes) and len(one) >= 10 for one in pieces)
        assert sum(one != sound[kind] for one in found) <= rubbish
