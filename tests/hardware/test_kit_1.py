# SPDX-License-Identifier: EUPL-1.2
"""The first kit can be built as it is drawn: its wiring fits the firmware, its parts list fits the wiring."""

from __future__ import annotations

import ast
import csv
import re
import runpy
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
draw = runpy.run_path(str(ROOT / "hardware/draw.py"))
KIT = ROOT / "hardware/kit-1"
WIRING = draw["load"](KIT)
PARTS: dict[str, Any] = WIRING["parts"]
WIRES: list[dict[str, str]] = WIRING["wires"]
MEANS = {
    (part, pin): what for part, entry in PARTS.items() for pin, what in [*entry["pins"], *entry.get("opposite", [])]
}
BOM = list(csv.DictReader((KIT / "bom.csv").read_text().splitlines()))
README = (KIT / "README.md").read_text()

SUPPLIES = {"5V": "orange", "3V3": "red", "GND": "black"}
# Read at reset; flash; flash and octal PSRAM; USB; serial console. Espressif, ESP32-S3 data sheet and hardware guide.
FORBIDDEN = {0, 3, 45, 46, *range(26, 33), *range(33, 38), 19, 20, 43, 44}


def board_constants() -> dict[str, int]:
    """The firmware's pins, read without running them: the file is MicroPython."""
    tree = ast.parse((ROOT / "firmware/device/kit/board.py").read_text())
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            if isinstance(value, ast.Constant) and type(value.value) is int:
                found[node.targets[0].id] = value.value
    return found


PINS = {name: pin for name, pin in board_constants().items() if re.match(r"(I2C|I2S)_(SDA|SCL|SCK|WS|SD)$", name)}


def ends(wire: dict[str, str]) -> tuple[Any, Any]:
    """What the pins at both ends of a wire are; KeyError if a part has no such pin."""
    return MEANS[wire["from"], wire["pin"]], MEANS[wire["to"], wire["to_pin"]]


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: f"{wire['to']}-{wire['to_pin']}")
def test_a_wire_connects_what_belongs_together(wire: dict[str, str]) -> None:
    start, end = ends(wire)
    assert wire["note"]
    if isinstance(start, int):
        assert start == PINS[end], f"board.py has {end} on {PINS[end]}"
        assert start not in FORBIDDEN
    else:
        assert start == end
    assert wire["colour"] == SUPPLIES.get(end, wire["colour"])
    assert (wire["colour"] in SUPPLIES.values()) is (end in SUPPLIES)


def test_no_pin_takes_two_wires() -> None:
    taken = [end for wire in WIRES for end in ((wire["from"], wire["pin"]), (wire["to"], wire["to_pin"]))]
    assert len(set(taken)) == len(taken)


def test_5_volt_goes_to_the_dust_sensor_only() -> None:
    assert [(wire["to"], wire["to_pin"]) for wire in WIRES if "5V" in ends(wire)] == [("dust", "1 VDD")]


def test_no_gpio_has_two_meanings() -> None:
    constants = board_constants()
    assert len(set(constants.values())) == len(constants)
    named = [gpio for (part, _), gpio in MEANS.items() if part == "board" and isinstance(gpio, int)]
    assert len(set(named)) == len(named)


def test_every_signal_of_the_firmware_is_wired() -> None:
    assert {ends(wire)[1] for wire in WIRES} - set(SUPPLIES) == set(PINS)
    assert set(PINS) == {"I2C_SDA", "I2C_SCL", "I2S_SCK", "I2S_WS", "I2S_SD"}


@pytest.mark.parametrize("name", [name for name in PARTS if name != "board"])
def test_every_pin_of_a_sensor_is_connected(name: str) -> None:
    connected = {wire[pin] for wire in WIRES for end, pin in (("from", "pin"), ("to", "to_pin")) if wire[end] == name}
    assert connected == {pin for pin, _ in PARTS[name]["pins"]}


def test_light_and_button_are_those_on_the_board() -> None:
    constants = board_constants()
    assert constants["LED"] in (38, 48)  # v1.1 and v1.0 of the ESP32-S3-DevKitC-1
    assert constants["BUTTON"] == 0
    assert f"GPIO {constants['LED']}" in README


def test_every_connected_part_can_be_ordered() -> None:
    by_ref = {row["ref"]: row for row in BOM}
    assert len(by_ref) == len(BOM)
    for name, part in PARTS.items():
        row = by_ref[name]
        assert part["title"] in row["what"] + row["maker_part"]
        assert row["maker"] not in ("", "any")
        assert row["quantity"] == "1"


@pytest.mark.parametrize("row", BOM, ids=lambda row: row["ref"])
def test_a_line_of_the_parts_list_is_complete(row: dict[str, str]) -> None:
    assert all(row[column] for column in ("ref", "what", "maker", "maker_part"))
    assert int(row["quantity"]) > 0
    assert float(row["unit_price_eur"]) > 0
    assert date.fromisoformat(f"{row['price_date']}-01") >= date(2026, 1, 1)


def test_the_guide_adds_up_the_prices() -> None:
    total = sum(int(row["quantity"]) * Decimal(row["unit_price_eur"]) for row in BOM)
    assert f"**€ {total:.2f}**" in README


def test_the_guide_shows_every_wire_part_and_picture() -> None:
    for number, wire in enumerate(WIRES, 1):
        assert f"| {number} | {wire['colour']} | " in README
        assert f"{PARTS[wire['to']]['title']} {wire['to_pin']} | {wire['note']} |" in README
    for row in BOM:
        assert f"| {row['what']} | {row['maker']} | {row['maker_part']} | {row['quantity']} |" in README
    for picture in KIT.glob("*.svg"):
        assert f"]({picture.name})" in README


@pytest.mark.parametrize("picture", sorted(KIT.glob("*.svg")), ids=lambda picture: picture.name)
def test_a_picture_says_in_words_what_it_shows(picture: Path) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    root = ET.parse(picture).getroot()
    assert root.get("role") == "img"
    named = {node.get("id"): node.text or "" for node in root.iter() if node.tag in (f"{svg}title", f"{svg}desc")}
    labels = (root.get("aria-labelledby") or "").split()
    assert len(labels) == 2
    assert all(named[label].strip() for label in labels)


def test_pictures_and_tables_are_fresh() -> None:
    wanted = draw["results"](KIT)
    assert {name: (KIT / name).read_text() for name in wanted} == wanted


@pytest.mark.parametrize(
    ("name", "old", "new"), [("wiring.toml", '"violet"', '"green"'), ("bom.csv", "47.00", "48.00")]
)
def test_what_is_stale_is_seen_and_mended(tmp_path: Path, name: str, old: str, new: str) -> None:
    kit = shutil.copytree(KIT, tmp_path / "kit")
    (kit / name).write_text((kit / name).read_text().replace(old, new))
    command = [sys.executable, ROOT / "hardware/draw.py", kit]
    assert subprocess.run([*command, "--check"], capture_output=True).returncode == 1
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert subprocess.run([*command, "--check"], capture_output=True).returncode == 0
    assert new.strip('"') in (kit / "README.md").read_text()
