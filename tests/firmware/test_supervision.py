# SPDX-License-Identifier: EUPL-1.2
"""Nothing dies for good: the Wi-Fi's supervisor, the watchdog, tasks that fail, the LED and the button."""

import json

import pytest

from tests.firmware import board

WIFI = """
import asyncio, json, sys
import radio, virtual
from kit.core.state import State
from kit.net.wifi import Wifi
virtual.jump()
async def main():
    state = State()
    station = radio.Station(sys.argv[1])
    wifi = Wifi({"network": "Home", "wifi_password": "secret"}, state, station=station)
    asyncio.create_task(wifi.run())
    await asyncio.sleep(3600)
    before, tries = state.get("wifi"), station.tries
    station.mood = "there"
    await asyncio.sleep(400)
    again = wifi.there
    station.mood = "away"
    await asyncio.sleep(60)
    print(json.dumps([before, tries, again, state.get("wifi"), wifi.strength()]))
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("mood", "word"),
    [
        ("password", "wifi_password"),
        ("missing", "wifi_not_found"),
        ("no_address", "wifi_no_address"),
        ("away", "wifi_away"),
        ("there", "ok"),
    ],
)
def test_the_wifi_says_why_it_is_not_there_and_comes_back(mood, word):
    before, tries, again, after, strength = json.loads(board.run(WIFI, mood).splitlines()[-1])
    assert (before, again, after, strength) == (word, True, "wifi_away", None)
    # Trying costs the router and the kit's air time: at most every five minutes in the end.
    assert tries == 1 if mood == "there" else 10 <= tries <= 20


APP = """
import asyncio, json, os, sys
import far_end, parts, radio, virtual
from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
from kit.core.watchdog import last_words
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus
virtual.jump()
class Dog:
    fed = 0
    def feed(self):
        Dog.fed = virtual.now_ms()
far = far_end.FarEnd(lambda: virtual.START + virtual.now_ms() // 1000, sys.argv[1] + "/book")
async def ask_time():
    return virtual.START * 1000 + virtual.now_ms()
restarts = []
def make(parts_=None, **more):
    bus = Bus(parts.I2C({0x44: parts.SHT45(), 0x69: parts.SPS30()} if parts_ is None else parts_))
    return App(defaults(device="kit-virtual", host="far"), find(bus), sys.argv[1] + "/f", clock=Clock(virtual.now_ms),
               open_=far.open, ask_time=ask_time, wdt=Dog(), restart=lambda: restarts.append(virtual.now_ms()), **more)
"""


def run_app(tmp_path, code):
    return json.loads(board.run(APP + code, tmp_path, heap="128k").splitlines()[-1])


def test_the_chip_is_fed_while_all_is_well(tmp_path):
    fed, word = run_app(
        tmp_path,
        """
async def main():
    app = make()
    asyncio.create_task(app.run())
    await asyncio.sleep(7200)
    print(json.dumps([Dog.fed, app.state.word]))
asyncio.run(main())
""",
    )
    assert fed >= 7_190_000 and word == "ok"


def test_a_task_that_hangs_is_named_and_the_chip_starts_again(tmp_path):
    fed, hung, again = run_app(
        tmp_path,
        """
async def hang():
    app.watchdog.alive("page", 60)
    await asyncio.sleep(100000)
async def main():
    global app
    app = make()
    app.add("page", hang)
    asyncio.create_task(app.run())
    await asyncio.sleep(600)
    late = sys.argv[1] + "/f/late"
    print(json.dumps([Dog.fed, last_words(late), last_words(late)]))
asyncio.run(main())
""",
    )
    assert 55_000 <= fed <= 66_000 and (hung, again) == ("page", "")


def test_a_task_that_fails_is_started_again_and_counted(tmp_path):
    fed, errors, made = run_app(
        tmp_path,
        """
async def fail():
    await asyncio.sleep(1)
    raise KeyError("nobody foresaw this")
async def main():
    app = make()
    app.add("page", fail)
    asyncio.create_task(app.run())
    await asyncio.sleep(7200)
    print(json.dumps([Dog.fed, app.errors, app.made]))
asyncio.run(main())
""",
    )
    assert fed >= 7_190_000 and made >= 118
    # With growing pauses: 1, 2, 4 ... 600 s.
    assert 15 <= errors["page restarts"] <= 25


def test_a_sensor_that_is_unplugged_is_told_and_comes_back(tmp_path):
    gone, back, errors = run_app(
        tmp_path,
        """
async def main():
    sht, there = parts.SHT45(), {0x44: parts.SHT45(), 0x69: parts.SPS30()}
    app = make(there)
    asyncio.create_task(app.run())
    await asyncio.sleep(600)
    out = there.pop(0x44)
    await asyncio.sleep(1800)
    gone = app.state.word
    there[0x44] = out
    await asyncio.sleep(1800)
    print(json.dumps([gone, app.state.word, app.errors]))
asyncio.run(main())
""",
    )
    assert (gone, back) == ("sensor", "ok") and 5 <= errors["SHT4x no answer"] <= 20


def test_hours_without_an_acknowledgement_end_in_a_new_start_only_if_there_ever_was_one(tmp_path):
    never, once, word = run_app(
        tmp_path,
        """
async def main():
    app = make()
    far.state = "away"
    asyncio.create_task(app.run())
    await asyncio.sleep(8 * 3600)
    never = list(restarts)
    far.state = "there"
    await asyncio.sleep(3600)
    far.lose = 1.0  # the broker takes everything, and nobody acknowledges it
    began = virtual.now_ms()
    await asyncio.sleep(3600)
    word = app.state.word
    await asyncio.sleep(6 * 3600)
    print(json.dumps([never, (restarts[0] - began) // 1000, word]))
asyncio.run(main())
""",
    )
    assert never == [] and 6 * 3600 - 120 <= once <= 6 * 3600 + 120 and word == "no_answer"


PANEL = """
import asyncio, json
import virtual
from kit.core.led import Panel, lit, signal
from kit.core.state import FAULTS
virtual.jump()
class Clock:
    def uptime_ms(self):
        return virtual.now_ms()
    def unix_ms(self, uptime):
        return None
class Watchdog:
    def alive(self, name, seconds):
        pass
class App:
    portal = None
    clock, watchdog, settings = Clock(), Watchdog(), {"led": [6, 22]}
    class state:
        word = "wifi_away"
down = False
shown, did = [], []
async def main():
    global down
    panel = Panel(App(), shown.append, lambda: down, lambda: did.append("set up"), lambda: did.append("forget"))
    asyncio.create_task(panel.run())
    await asyncio.sleep(12)
    blinks = len([colour for colour in shown if colour != (0, 0, 0)])
    for seconds in (1, 4, 11):
        down = True
        await asyncio.sleep(seconds)
        down = False
        await asyncio.sleep(1)
    hours = [[lit(times, hour * 3600 + 1799) for hour in range(24)] for times in ((6, 22), (22, 6), (0, 24), (0, 0))]
    print(json.dumps([blinks, did, hours, [signal(word)[1] for word in FAULTS]]))
asyncio.run(main())
"""


def test_the_light_counts_and_the_button_is_held():
    blinks, did, hours, counts = json.loads(board.run(PANEL))
    assert blinks == 2 and did == ["set up", "forget"]
    assert hours[0] == [6 <= hour < 22 for hour in range(24)]
    assert hours[1] == [hour >= 22 or hour < 6 for hour in range(24)]
    assert all(hours[2]) and not any(hours[3])
    assert set(counts) == {2, 3, 4, 5}, "a fault never looks like all is well"
