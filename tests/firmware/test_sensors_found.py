# SPDX-License-Identifier: EUPL-1.2
"""Which sensors are found at the start, what is taken from each, and what the host can read of it."""

import json
from itertools import pairwise

import pytest

from tests.firmware import board

START = """
import asyncio, json, sys
import virtual
virtual.jump()
from parts import SHT45, SPS30
from nodes import *
from lines import *
from world import bus_with
from kit.sensors import find
from kit.sensors.bus import Bus
from kit.sensors.serial import Serial
async def look(parts, sensor=None, skip=0, fault=lambda address: None):
    bus, i2c = bus_with(parts, fault)
    line = Serial(UART(sensor, skip))
    began = virtual.now_ms()
    _, found = await find(bus, line)
    return found, virtual.now_ms() - began
async def main():
"""


def find(code):
    """What a piece of code prints last, as JSON."""
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    return json.loads(board.run(START + body + "asyncio.run(main())\n", heap="256k").splitlines()[-1])


def names(found):
    return [line.split()[0] for line in found]


def test_the_first_kit_is_found_with_serial_numbers():
    found, _ = find("print(json.dumps(await look({0x44: SHT45(), 0x69: SPS30()})))")
    assert found == [
        "SHT4x i2c 0x44 0f1a2b3c: temperature humidity",
        "SPS30 i2c 0x69 6B19E22CD975E11A: pm1 pm25 pm4 pm10",
    ]


@pytest.mark.parametrize(
    ("part", "name"),
    [("SPS30()", "SPS30"), ("SEN55()", "SEN55"), ("SEN55('SEN54')", "SEN54"), ("SEN55('SEN50')", "SEN50")],
)
def test_two_sensors_of_one_address_are_told_apart_by_what_they_call_themselves(part, name):
    found, _ = find(f"print(json.dumps(await look({{0x69: {part}}})))")
    assert names(found) == [name]


def test_everything_at_once_is_found_and_each_quantity_has_one_source():
    found, took = find("""
parts = {0x44: SHT45(), 0x76: BME280(), 0x77: BME280(0x58), 0x6B: SEN66(), 0x69: SEN55(), 0x62: SCD41(),
         0x12: PMSA003I(PMS_FRAME), 0x3C: SHT45()}
print(json.dumps(await look(parts, SDS011())))
""")
    assert found == [
        "SHT4x i2c 0x44 0f1a2b3c: temperature humidity",
        "BME280 i2c 0x76: pressure",
        "BMP280 i2c 0x77: -",
        "SEN66 i2c 0x6b 66000000000000AA: pm1 pm25 pm4 pm10 voc_index nox_index co2",
        "SEN55 i2c 0x69 5E55000000000001: -",
        "PMSA003I i2c 0x12: -",
        "SDS011 uart a160: -",
        "SCD4x i2c 0x62 f8969f073bbe: -",
        "unknown i2c 0x3c",
    ]
    assert took < 15_000


@pytest.mark.parametrize(
    ("sensor", "name", "serial"),
    [
        ("SDS011()", "SDS011", "a160"),
        ("SDS011(working=False)", "SDS011", "a160"),
        ("PMS5003()", "PMS5003", ""),
        ("PMS5003(working=False)", "PMS5003", ""),
    ],
)
@pytest.mark.parametrize("skip", [0, 7])
def test_a_sensor_on_the_serial_line_is_found_awake_asleep_and_in_mid_frame(sensor, name, serial, skip):
    found, took = find(f"print(json.dumps(await look({{}}, {sensor}, {skip})))")
    assert [line.split(":")[0] for line in found] == [f"{name} uart {serial}".strip()]
    assert took < 8000


def test_a_kit_without_sensors_has_looked_after_four_seconds():
    assert find("print(json.dumps(await look({})))") == [[], pytest.approx(4000, abs=50)]


def test_a_line_that_only_rustles_is_no_sensor():
    found, took = find("""
line = UART()
line.noise = b"\\xaa\\x42\\x4d\\x00"
drivers, strangers = await find(bus_with({})[0], Serial(line))
print(json.dumps([len(drivers), virtual.now_ms()]))
""")
    assert found == 0
    assert took < 15_000


def test_sensors_are_found_on_a_bus_that_damages_one_answer_in_seven():
    found, _ = find("""
turn = []
def fault(address):
    turn.append(0)
    n = len(turn)
    return ("crc", "nack")[n // 7 % 2] if n % 7 == 0 else None
print(json.dumps(await look({0x44: SHT45(), 0x69: SEN55(), 0x76: BME280(), 0x62: SCD41()}, fault=fault)))
""")
    assert names(found) == ["SHT4x", "BME280", "SEN55", "SCD4x"]


def test_only_the_modules_of_what_was_found_stay_in_memory():
    left = find("""
await look({0x44: SHT45(), 0x69: SEN55()})
print(json.dumps(sorted([name for name in sys.modules if name.startswith("kit.sensors.")])))
""")
    assert left == ["kit.sensors." + name for name in ("bus", "sen5x", "sensirion", "sht4x")]


APP = """
from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
import far_end
async def live(parts, seconds, change=None, at=0, sensor=None, wdt=None):
    bus, i2c = bus_with(parts)
    far = far_end.FarEnd(lambda: virtual.START + virtual.now_ms() // 1000, sys.argv[1] + "/book")
    async def ask_time():
        return virtual.START * 1000 + virtual.now_ms()
    finding = find(bus, Serial(UART(sensor)) if sensor else None)
    app = App(defaults(device="kit-virtual", host="far"), finding, sys.argv[1] + "/f", clock=Clock(virtual.now_ms),
              open_=far.open, ask_time=ask_time, wdt=wdt)
    means, close = [], app.interval.close
    def closed():
        means.append(close())
        return means[-1]
    app.interval.close = closed
    task = asyncio.create_task(app.run())
    if change:
        await asyncio.sleep(at)
        change(i2c)
    await asyncio.sleep(seconds - at)
    task.cancel()
    return app, means, far
"""


def live(tmp_path, code):
    body = "".join(f"    {line}\n" for line in code.strip().splitlines())
    script = START.replace("async def look", APP + "async def look") + body + "asyncio.run(main())\n"
    return json.loads(board.run(script, tmp_path, heap="256k").splitlines()[-1])


def test_a_mean_never_mixes_two_sensors_and_nobody_steps_in_for_one_that_fails(tmp_path):
    means, errors, status = live(
        tmp_path,
        """
parts = {0x44: SHT45(20.0, 60.0), 0x76: BME280(), 0x69: SEN55()}
app, means, far = await live(parts, 1260, lambda i2c: i2c.parts.pop(0x44), 600)
print(json.dumps([means, app.errors, far.status["sensors"]]))
""",
    )
    for mean in means[2:9]:
        assert (mean["temperature"], mean["humidity"]) == (2000, 6000)
        assert mean["pressure"] == pytest.approx(100653, abs=1) and mean["pm25"] == 550
    for mean in means[12:]:
        assert "temperature" not in mean and "humidity" not in mean
        assert "pressure" in mean and "voc_index" in mean
    assert errors["SHT4x no answer"] >= 3
    assert status[:2] == ["SHT4x i2c 0x44 0f1a2b3c: temperature humidity", "BME280 i2c 0x76: pressure"]
    assert status[2].startswith("SEN55") and status[2].endswith(": pm1 pm25 pm4 pm10 voc_index nox_index")


def test_a_sensor_that_is_plugged_in_again_measures_again(tmp_path):
    before, without, after = live(
        tmp_path,
        """
sensor = SPS30()
def unplug(i2c):
    del i2c.parts[0x69]
    async def again():
        await asyncio.sleep(300)
        i2c.parts[0x69] = SPS30()
    asyncio.create_task(again())
app, means, far = await live({0x44: SHT45(), 0x69: sensor}, 1800, unplug, 300)
print(json.dumps([["pm25" in one for one in means[i:j]] for i, j in ((2, 4), (6, 9), (16, 29))]))
""",
    )
    assert all(before) and not any(without) and all(after)


def test_a_sensor_that_sleeps_for_minutes_does_not_seem_to_hang(tmp_path):
    """An SDS011 gives a value every four minutes, also after it was away; the watchdog bears with it."""
    gap, minutes, errors, sensors = live(
        tmp_path,
        """
class Dog:
    last = gap = 0
    def feed(self):
        Dog.gap = max(Dog.gap, virtual.now_ms() - Dog.last)
        Dog.last = virtual.now_ms()
sensor = SDS011()
async def away():
    await asyncio.sleep(3600)
    sensor.unplugged = True
    await asyncio.sleep(1800)
    sensor.unplugged = False
asyncio.create_task(away())
app, means, far = await live({0x44: SHT45()}, 14400, sensor=sensor, wdt=Dog())
Dog().feed()
print(json.dumps([Dog.gap, [i for i, one in enumerate(means) if "pm25" in one], app.errors, app.sensors]))
""",
    )
    assert gap < 60_000
    assert {later - earlier for earlier, later in pairwise(minutes) if later < 58} <= {3, 4}
    assert not any(66 < minute < 90 for minute in minutes)
    assert sum(minute > 120 for minute in minutes) > 25
    assert errors["SDS011 no answer"] > 2
    assert sensors[1] == "SDS011 uart a160: pm25 pm10"
