#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""Draws a kit's wiring from its wiring.toml: one picture of all wires, and one for each part as it is connected.

Run it after a change: `python hardware/draw.py hardware/kit-1`. It writes wiring.svg and wiring-<part>.svg
there; `--check` writes nothing and exits 1 if a picture is not what the wiring says. Each picture says in words what
it shows, for those who cannot see it.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Wiring = dict[str, Any]

PITCH = 30  # between two pins
TOP = 70
SENSOR_LEFT, SENSOR_RIGHT = 20, 250
BOARD_LEFT, BOARD_RIGHT = 590, 800
GAP = 60  # between two sensors
FIRST_LANE, LANE = 375, 24
WIDTH = 820
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


def load(folder: Path) -> Wiring:
    """The wiring of the kit in a folder."""
    return tomllib.loads((folder / "wiring.toml").read_text())


def pictures(wiring: Wiring) -> dict[str, str]:
    """Every picture of a kit: name of the file and its SVG."""
    sensors = [name for name in wiring["parts"] if name != "board"]
    return {"wiring.svg": draw(wiring, None)} | {f"wiring-{name}.svg": draw(wiring, name) for name in sensors}


def draw(wiring: Wiring, only: str | None) -> str:
    """One picture; wires and parts other than those of the sensor `only` are faint."""
    parts = wiring["parts"]
    places = _places(parts)
    shown = [wire for wire in wiring["wires"] if only in (None, wire["to"])]
    title = "Wiring of the kit" if only is None else f"How the {parts[only]['title']} is connected"
    words = " ".join(_in_words(wire, parts) for wire in shown)
    height = max(y for _, y in places.values()) + 55
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="title words" font-family="Helvetica, Arial, sans-serif" font-size="15">',
        "<!-- SPDX-License-Identifier: CERN-OHL-W-2.0. Made by hardware/draw.py from wiring.toml. -->",
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="words">{escape(words)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for name, part in parts.items():
        faint = only is not None and name not in ("board", only)
        used = {wire[pin] for wire in shown for end, pin in (("from", "pin"), ("to", "to_pin")) if wire[end] == name}
        out += _part(name, part, places, FAINT if faint else 1, used)
    lanes = {pin: FIRST_LANE + LANE * i for i, pin in enumerate(_board_pins(wiring))}
    for some, opacity in (([wire for wire in wiring["wires"] if wire not in shown], FAINT), (shown, 1)):
        for pin, lane in lanes.items():
            out += _net([wire for wire in some if wire["pin"] == pin], places, lane, opacity)
    return "\n".join([*out, "</svg>", ""])


def _in_words(wire: Wiring, parts: Wiring) -> str:
    ends = f"{parts[wire['from']]['title']} pin {wire['pin']} to {parts[wire['to']]['title']} pin {wire['to_pin']}"
    return f"{wire['colour'].capitalize()} wire from {ends} ({wire['note']})."


def _places(parts: Wiring) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each pin is: the sensors below one another on the left, the board on the right."""
    places = {("board", pin): (BOARD_LEFT, TOP + 15 + PITCH * i) for i, (pin, _) in enumerate(parts["board"]["pins"])}
    y = TOP
    for name, part in parts.items():
        if name == "board":
            continue
        y += 30
        for pin, _ in part["pins"]:
            places[name, pin] = (SENSOR_RIGHT, y)
            y += PITCH
        y += GAP
    return places


def _board_pins(wiring: Wiring) -> list[str]:
    used = {wire["pin"] for wire in wiring["wires"]}
    return [pin for pin, _ in wiring["parts"]["board"]["pins"] if pin in used]


def _part(name: str, part: Wiring, places: dict[Any, Any], opacity: float, used: set[str]) -> list[str]:
    rows = [places[name, pin][1] for pin, _ in part["pins"]]
    left, right = (BOARD_LEFT, BOARD_RIGHT) if name == "board" else (SENSOR_LEFT, SENSOR_RIGHT)
    top, bottom = min(rows) - 50, max(rows) + (40 if name == "board" else 18)
    middle = right - 10 if name == "board" else left + 12
    anchor = "end" if name == "board" else "start"
    out = [
        f'<g opacity="{opacity}">',
        f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" rx="8" fill="#eef3f0" '
        'stroke="#444444" stroke-width="1.5"/>',
        f'<text x="{middle}" y="{top + 21}" text-anchor="{anchor}" font-weight="bold">{escape(part["title"])}</text>',
        f'<text x="{middle}" y="{top + 38}" text-anchor="{anchor}" font-size="12">{escape(part["text"])}</text>',
    ]
    for pin, _ in part["pins"]:
        x, y = places[name, pin]
        inside, side = (x + 14, "start") if name == "board" else (x - 14, "end")
        weight = "bold" if pin in used else "normal"
        ink = "#000000" if pin in used else "#888888"
        out.append(f'<circle cx="{x}" cy="{y}" r="5" fill="#d9b44a" stroke="#444444"/>')
        out.append(
            f'<text x="{inside}" y="{y + 5}" text-anchor="{side}" font-weight="{weight}" fill="{ink}">'
            f"{escape(pin)}</text>"
        )
    if name == "board":
        out.append(
            f'<text x="{middle}" y="{bottom - 10}" text-anchor="{anchor}" font-size="12">USB sockets here</text>'
        )
    return [*out, "</g>"]


def _net(wires: list[Wiring], places: dict[Any, Any], lane: float, opacity: float) -> list[str]:
    """The wires to one pin of the board; they run together where they can, and a dot marks where they meet."""
    if not wires:
        return []
    x2, y2 = places["board", wires[0]["pin"]]
    ends = [places[wire["to"], wire["to_pin"]] for wire in wires]
    path = " ".join(f"M{x1} {y1} H{lane} V{y2} H{x2}" for x1, y1 in ends)
    # White below dark below colour: a wire that crosses another one seems to pass over it.
    out = [f'<g opacity="{opacity}" fill="none" stroke-linejoin="round">']
    for ink, width in (("#ffffff", 9), ("#333333", 5), (INKS[wires[0]["colour"]], 3)):
        out.append(f'<path d="{path}" stroke="{ink}" stroke-width="{width}"/>')
    for y in sorted([y2, *(y1 for _, y1 in ends)])[1:-1]:
        out.append(f'<circle cx="{lane}" cy="{y}" r="5" fill="#333333"/>')
    for wire, (x1, y1) in zip(wires, ends, strict=True):
        out.append(f'<text x="{x1 + 14}" y="{y1 - 6}" font-size="12" fill="#222222">{wire["colour"]}</text>')
    return [*out, "</g>"]


def main(args: list[str]) -> int:
    """Writes or checks the pictures of the folders that are named; returns the exit code."""
    check = "--check" in args
    stale = 0
    for folder in (Path(arg) for arg in args if arg != "--check"):
        for name, svg in pictures(load(folder)).items():
            path = folder / name
            if path.exists() and path.read_text() == svg:
                continue
            stale += 1
            if not check:
                path.write_text(svg)
            print(f"{path}: {'stale' if check else 'written'}")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
