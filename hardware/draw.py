#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Draws a kit's wiring from its wiring.toml: one picture of all wires, and one for each part as it is connected.

Run it after a change: `python hardware/draw.py hardware/kit-1`. It writes wiring.svg and wiring-<part>.svg there, and
the tables of wires and parts into README.md; `--check` writes nothing and exits 1 if something is not what wiring.toml
and bom.csv say. Each picture says in words what it shows, for those who cannot see it.
"""

from __future__ import annotations

import csv
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

Wiring = dict[str, Any]

PITCH = 30  # between two pins
TOP = 80
GAP = 60  # between two sensors
SENSOR = (20, 250)  # left and right edge
BOARD = (680, 900)
AROUND = 920  # where wires to the far header go down or up
NEAR_LANE, FIRST_LANE, LANE = 340, 425, 20
WIDTH = 950
BOARD_BOTTOM = TOP + 15 + 21 * PITCH  # the last of 22 pins
INKS = {
    "red": "#d62728",
    "orange": "#ff8c1a",
    "black": "#111111",
    "yellow": "#ffd92f",
    "green": "#2ca02c",
    "white": "#ffffff",
    "blue": "#1f77d4",
    "violet": "#8e44ad",
}
FAINT = 0.13
BEGIN, END = "<!-- {}: made by hardware/draw.py -->\n", "<!-- end -->"


class Pin(NamedTuple):
    """Where a pin is, and on which side of its part a wire leaves it: -1 left, 1 right."""

    x: float
    y: float
    side: int


def load(folder: Path) -> Wiring:
    """The wiring of the kit in a folder."""
    return tomllib.loads((folder / "wiring.toml").read_text())


def results(folder: Path) -> dict[str, str]:
    """Every file that is made, with what has to be in it."""
    wiring = load(folder)
    guide = (folder / "README.md").read_text()
    for name, table in (("wires", wire_table(wiring)), ("parts", part_table(folder / "bom.csv"))):
        head, mark, rest = guide.partition(BEGIN.format(name))
        _, end, tail = rest.partition(END)
        if not (mark and end):
            raise SystemExit(f"{folder / 'README.md'} has no place for the table of {name}: {BEGIN.format(name)}{END}")
        guide = f"{head}{mark}{table}\n{end}{tail}"
    sensors = [name for name in wiring["parts"] if name != "board"]
    pictures = {"wiring.svg": draw(wiring, None)} | {f"wiring-{name}.svg": draw(wiring, name) for name in sensors}
    return pictures | {"README.md": guide}


def wire_table(wiring: Wiring) -> str:
    """The wires as a table for people."""
    rows = ["| wire | colour | from | to | why |", "|--:|---|---|---|---|"]
    titles = {name: part["title"] for name, part in wiring["parts"].items()} | {"board": "board"}
    for number, wire in enumerate(wiring["wires"], 1):
        ends = f"{titles[wire['from']]} {wire['pin']} | {titles[wire['to']]} {wire['to_pin']}"
        rows.append(f"| {number} | {wire['colour']} | {ends} | {wire['note']} |")
    return "\n".join(rows)


def part_table(bom: Path) -> str:
    """The parts list as a table for people, with its sum."""
    with bom.open(newline="") as file:
        parts = list(csv.DictReader(file))
    rows = ["| part | maker | number | pieces | about € each | note |", "|---|---|---|--:|--:|---|"]
    for part in parts:
        rows.append("| {what} | {maker} | {maker_part} | {quantity} | {unit_price_eur} | {note} |".format(**part))
    cents = sum(int(part["quantity"]) * round(100 * float(part["unit_price_eur"])) for part in parts)
    when = max(part["price_date"] for part in parts)
    return "\n".join(
        [*rows, "", f"Together about **€ {cents / 100:.2f}** (guesses of {when}, with VAT, before postage)."]
    )


def draw(wiring: Wiring, only: str | None) -> str:
    """One picture; wires and parts other than those of the sensor `only` are faint."""
    parts = wiring["parts"]
    places = _places(parts)
    title = "Wiring of the kit" if only is None else f"How the {parts[only]['title']} is connected"
    numbered = list(enumerate(wiring["wires"], 1))
    # The wires between two sensors belong to the second one: it is connected after the first.
    shown = [wire for _, wire in numbered if only in (None, wire["to"])]
    words = " ".join(_in_words(number, wire, parts) for number, wire in numbered if wire in shown)
    height = max(pin.y for pin in places.values()) + 75
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="title words" font-family="Helvetica, Arial, sans-serif" font-size="15">',
        "<!-- SPDX-License-Identifier: CERN-OHL-W-2.0 / made by hardware/draw.py from wiring.toml. -->",
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="words">{escape(words)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for name, part in parts.items():
        used = {wire[pin] for wire in shown for end, pin in (("from", "pin"), ("to", "to_pin")) if wire[end] == name}
        out += _part(name, part, places, used)
    near, far = NEAR_LANE, FIRST_LANE
    drawn = []
    for number, wire in numbered:
        start, end = places[wire["from"], wire["pin"]], places[wire["to"], wire["to_pin"]]
        lane = far if wire["from"] == "board" else near
        near, far = (near, far + LANE) if wire["from"] == "board" else (near + LANE, far)
        drawn.append(
            (wire in shown, _wire(f"{number} {wire['colour']}", wire["colour"], _path(start, end, lane, height), end))
        )
    for bold, (label, svg) in sorted(drawn, key=lambda one: one[0]):
        out.append(f'<g opacity="{1 if bold else FAINT}" fill="none" stroke-linejoin="round">{svg}{label}</g>')
    return "\n".join([*out, "</svg>", ""])


def _in_words(number: int, wire: Wiring, parts: Wiring) -> str:
    ends = f"{parts[wire['from']]['title']} {wire['pin']} to {parts[wire['to']]['title']} {wire['to_pin']}"
    return f"Wire {number}, {wire['colour']}, from {ends} ({wire['note']})."


def _places(parts: Wiring) -> dict[tuple[str, str], Pin]:
    """Where each pin is: the sensors below one another on the left, the board with its two headers on the right."""
    board = parts["board"]
    places = {("board", pin): Pin(BOARD[0], TOP + 15 + PITCH * i, -1) for i, (pin, _) in enumerate(board["pins"])}
    places |= {("board", pin): Pin(BOARD[1], TOP + 15 + PITCH * i, 1) for i, (pin, _) in enumerate(board["opposite"])}
    y = TOP
    for name, part in parts.items():
        if name == "board":
            continue
        y += 30
        for pin, _ in part["pins"]:
            places[name, pin] = Pin(SENSOR[1], y, 1)
            y += PITCH
        y += GAP
    return places


def _part(name: str, part: Wiring, places: dict[Any, Pin], used: set[str]) -> list[str]:
    pins = {pin: places[name, pin] for pin, _ in [*part["pins"], *part.get("opposite", [])]}
    rows = [pin.y for pin in pins.values()]
    left, right = BOARD if name == "board" else SENSOR
    top, bottom = min(rows) - 55, max(rows) + (40 if name == "board" else 18)
    out = [
        f'<g opacity="{1 if used else FAINT}">',
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="8" fill="#eef3f0" '
        'stroke="#444444" stroke-width="1.5"/>',
        f'<text x="{left + 12}" y="{top + 21}" font-weight="bold">{escape(part["title"])}</text>',
        f'<text x="{left + 12}" y="{top + 38}" font-size="12">{escape(part["text"])}</text>',
    ]
    for label, pin in pins.items():
        look = 'font-weight="bold"' if label in used else 'fill="#777777"'
        anchor = "end" if pin.side > 0 else "start"
        out.append(f'<circle cx="{pin.x}" cy="{pin.y}" r="5" fill="#d9b44a" stroke="#444444"/>')
        out.append(f'<text x="{pin.x - 14 * pin.side}" y="{pin.y + 5}" text-anchor="{anchor}" {look}>{label}</text>')
    if name == "board":
        middle = (left + right) / 2
        out.append(f'<text x="{middle}" y="{bottom - 9}" text-anchor="middle" font-size="12">USB sockets here</text>')
    return [*out, "</g>"]


def _path(start: Pin, end: Pin, lane: float, height: float) -> str:
    """From a sensor along a lane to a pin; around the board, above or below, if that is on its far side."""
    if start.x < BOARD[1]:
        return f"M{end.x} {end.y} H{lane} V{start.y} H{start.x}"
    if start.y < height / 2:
        return f"M{end.x} {end.y} H{lane} V14 H{AROUND} V{start.y} H{start.x}"
    nth = (BOARD_BOTTOM - start.y) / PITCH  # counted from below: the lowest pin's wire is the inmost one
    return f"M{end.x} {end.y} H{lane} V{height - 30 + 16 * nth} H{AROUND + 16 * nth} V{start.y} H{start.x}"


def _wire(text: str, colour: str, path: str, end: Pin) -> tuple[str, str]:
    """White below dark below colour: a wire that crosses another one seems to pass over it."""
    strokes = (("#ffffff", 9), ("#333333", 5), (INKS[colour], 3))
    svg = "".join(f'<path d="{path}" stroke="{ink}" stroke-width="{width}"/>' for ink, width in strokes)
    return f'<text x="{end.x + 12}" y="{end.y - 6}" font-size="12" fill="#222222">{text}</text>', svg


def main(args: list[str]) -> int:
    """Writes or checks what is made in the folders that are named; returns the exit code."""
    check = "--check" in args
    stale = 0
    for folder in (Path(arg) for arg in args if arg != "--check"):
        for name, text in results(folder).items():
            path = folder / name
            if path.exists() and path.read_text() == text:
                continue
            stale += 1
            if not check:
                path.write_text(text)
            print(f"{path}: {'stale' if check else 'written'}")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
