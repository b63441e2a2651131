# SPDX-License-Identifier: EUPL-1.2
"""How the meter gets to its microphone: settings, the table of models, the board's I2S input."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from tests.firmware import board

FIND = """
import json, sys
from kit import board
from kit.core import config
from kit.noise import find

class Pin:
    def __init__(self, number):
        self.number = number

class I2S:
    RX, MONO = "rx", "mono"
    def __init__(self, number, **how):
        self.how = {name: one.number if isinstance(one, Pin) else one for name, one in how.items()}

class machine:
    pass

machine.Pin, machine.I2S = Pin, I2S
sys.modules["machine"] = machine
assert find(config.defaults()) is None and "kit.noise.meter" not in sys.modules
for model in config.MICROPHONES[1:]:
    meter = find(config.defaults(microphone=model))
    assert meter.close() == {} and meter.health()["fault"] == "no data"
from kit.noise.microphone import MODELS, open_i2s
assert sorted(MODELS) == sorted(config.MICROPHONES[1:])
print(json.dumps([open_i2s().how, [board.I2S_SCK, board.I2S_WS, board.I2S_SD]]))
"""

CHECK = """
import json, sys
from kit.core.config import ConfigError, check, defaults
try:
    check(defaults(**json.loads(sys.argv[1])))
    print("good")
except ConfigError as error:
    print(error)
"""


def test_the_meter_listens_on_the_pins_of_the_board():
    how, pins = json.loads(board.run(FIND))
    assert [how["sck"], how["ws"], how["sd"]] == pins
    assert (how["mode"], how["bits"], how["format"], how["rate"]) == ("rx", 32, "mono", 48000)
    # The board's driver keeps two channels of 32 bits, whatever is read: 8 bytes for a sample.
    assert how["ibuf"] / 8 / how["rate"] > 0.1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"microphone": "ICS-43434", "microphone_offset": -130}, "good"),
        ({"microphone": "SPH0645"}, "microphone must be empty, or one of ICS-43434, INMP441"),
        ({"microphone": None}, "microphone must be a str"),
        ({"microphone_offset": 1.3}, "microphone_offset must be a int"),
        ({"microphone_offset": 9400}, "microphone_offset is in hundredths of a dB: -2000 to 2000"),
    ],
)
def test_settings_of_a_microphone_are_checked(given, said):
    assert board.run(CHECK, json.dumps(given)).strip() == said


ALIVE = """
import asyncio, json
import virtual
from kit.core.config import defaults
from kit.noise.meter import Meter

said = []
def open_():
    raise OSError(19)

async def main():
    settings = defaults(microphone="INMP441")
    meter = Meter(open_, settings, lambda *words: said.append((virtual.now_ms() // 1000,) + words))
    running = asyncio.create_task(meter.run())
    await asyncio.sleep(4000)
    running.cancel()

virtual.jump()
asyncio.run(main())
print(json.dumps(said))
"""


def test_the_watchdog_hears_of_a_meter_in_time_even_when_it_pauses_for_long():
    said = json.loads(board.run(ALIVE, heap="128k"))
    assert said[-1][0] > 3000 and max(seconds for _, _, seconds in said) == 600 + 120
    for (at, name, seconds), (following, _, _) in pairwise(said):
        assert name == "noise" and following <= at + seconds
