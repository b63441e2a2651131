# SPDX-License-Identifier: EUPL-1.2
"""The page about the firmware lists all that a kit can be told, and all that it tells."""

import ast
import json
import re

import pytest

from collector import fleet
from tests.docs.test_kit_examples import ROOT, firmware_config
from tests.firmware import board

PAGE = (ROOT / "docs/reference/firmware.md").read_text()


def table(section):
    """The first column of the section's tables, names in back quotes."""
    text = PAGE.split(f"({section})=")[1].split("\n(")[0]
    return {
        name for line in re.findall(r"^\| (`[^|]*)\|", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", line)
    }


def test_every_setting_and_secret_is_listed_with_its_default():
    config = firmware_config()
    assert table("settings") == config.defaults().keys()
    for name in config.DEFAULTS.keys() - {"host", "port"}:
        default = json.dumps(config.DEFAULTS[name])
        assert re.search(rf"^\| `{name}` \| `{re.escape(default)}` \|", PAGE, re.MULTILINE), name


LIGHTS = """
import json
from kit.core.led import signal
from kit.core.state import FAULTS
print(json.dumps({word: [signal(word)[1], signal(word)[0]] for word in FAULTS + ("ok",)}))
"""


def test_every_state_is_listed_with_its_light():
    lights = json.loads(board.run(LIGHTS))
    assert table("states") - {"state: ..."} == lights.keys()
    for word, (times, (red, green, _)) in lights.items():
        colour = "yellow" if red and green else "red" if red else "green"
        assert f"| `{word}` | {times} {colour} |" in PAGE, word


STATUS = """
import asyncio, json, sys
import far_end, parts, virtual
from kit.core.app import App
from kit.core.clock import Clock
from kit.core.config import defaults
from kit.sensors import find
from kit.sensors.bus import Bus
virtual.jump()
far = far_end.FarEnd(lambda: virtual.START + virtual.now_ms() // 1000, sys.argv[1] + "/book")
async def ask_time():
    return virtual.START * 1000 + virtual.now_ms()
async def main():
    bus = Bus(parts.I2C({0x44: parts.SHT45()}))
    app = App(defaults(device="kit-virtual", host="far"), find(bus), sys.argv[1] + "/f",
              clock=Clock(virtual.now_ms), open_=far.open, ask_time=ask_time)
    asyncio.create_task(app.run())
    await asyncio.sleep(1000)
    print(json.dumps(far.status))
asyncio.run(main())
"""


def test_every_field_of_the_status_is_listed(tmp_path):
    status = json.loads(board.run(STATUS, tmp_path, heap="128k").splitlines()[-1])
    assert table("status") == status.keys()
    assert status["state"] == "ok" and status["online"] is True


def first_words(node):
    """The beginnings of the texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value.partition(":")[0]}
    parts = {
        ast.BinOp: lambda: [node.left],
        ast.Subscript: lambda: [node.value],
        ast.IfExp: lambda: [node.body, node.orelse],
        ast.BoolOp: lambda: node.values,
    }
    return set().union(*map(first_words, parts.get(type(node), list)()))


def told_by(path):
    """Codes in a file of the kit: of what it raises, tells and notes about an update."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Refused", "OSError") and node.args:
            found |= first_words(node.args[0])
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "tell" and len(node.args) == 3:
            found |= first_words(node.args[2])
        elif isinstance(node, ast.FunctionDef) and node.name in ("refusal", "_cause"):
            found |= set().union(*(first_words(one.value) for one in ast.walk(node) if isinstance(one, ast.Return)))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("reason", "state['why']", "word"):
            found |= first_words(node.value)
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("self.result", "state['result']"):
            found |= first_words(getattr(node.value, "elts", [node.value])[-1])
    return found


def test_every_code_of_an_update_is_listed_and_has_words():
    device = ROOT / "firmware/device"
    paths = [*(device / "kit/ota").glob("*.py"), device / "boot.py", device / "main.py", device / "kit/net/tls.py"]
    codes = set().union(*map(told_by, paths)) - {""}
    assert len(codes) > 30 and codes == fleet.REASONS.keys()
    assert table("updates") == codes


@pytest.mark.parametrize("name", ["readings", "ack", "status", "command"])
def test_every_topic_is_listed(name):
    assert f"citimeasure/v1/<device>/{name}" in table("topics")


SENSORS = """
import json, sys
from kit import board
from kit.sensors.detect import SENSORS
found = []
for address, module, name in SENSORS:
    made = getattr(getattr(__import__("kit.sensors." + module).sensors, module), name)
    found.append([name, made.BUS, address, made.PERIOD, list(made.QUANTITIES)])
print(json.dumps([found, [board.I2C_SDA, board.I2C_SCL, board.UART_TX, board.UART_RX]]))
"""


def test_the_page_about_sensors_has_every_driver_in_the_order_of_precedence():
    page = (ROOT / "docs/reference/sensors.md").read_text()
    drivers, pins = json.loads(board.run(SENSORS))
    rows = [line for line in page.splitlines() if re.match(r"\| \w+ .* \| (I2C|UART)", line)]
    at = 0
    for name, bus, address, period, quantities in drivers:
        if address == 0x77:
            continue  # the BME280's other address, in the same row
        shown = {"SHT4x": "SHT40", "SEN5x": "SEN50", "SCD4x": "SCD40"}.get(name, name)
        at = next(i for i in range(at, len(rows)) if f" {shown}" in rows[i].split("|")[1])
        row = rows[at]
        assert f"| {bus.upper()}" in row and (address is None or f"0x{address:02x}" in row), row
        assert f"| {period} s |" in row or (name == "SDS011" and "| 4 min |" in row), row
        if "those" not in row:
            assert all(f"`{quantity}`" in row for quantity in quantities), row
    assert "| I2C | SDA {}, SCL {} |".format(*pins) in page
    assert "| UART | TX {} to the sensor's RX, RX {} from its TX |".format(*pins[2:]) in page
