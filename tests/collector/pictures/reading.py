# SPDX-License-Identifier: EUPL-1.2
"""Reads pictures as programs do: the words, names and paths of an SVG, the size and the words of a PNG."""

from __future__ import annotations

import struct
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


class Svg:
    """An SVG picture; parsing it proves that it is well-formed."""

    def __init__(self, text: str) -> None:
        self.root = ElementTree.fromstring(text)
        self.words = [one.text or "" for one in self.root.iter(f"{SVG}text")]
        self.title = self.root.findtext(f"{SVG}title")
        self.about = self.root.findtext(f"{SVG}desc") or ""
        self.names = {name: one for one in self.root.iter() if (name := one.get("id"))}

    def named(self, start: str) -> list[str]:
        return sorted(name for name in self.names if name.startswith(start))

    def path(self, name: str) -> str:
        """How a named line runs: M begins a piece of it, L goes on."""
        found = self.names[name].find(f"{SVG}path")
        assert found is not None
        return found.get("d") or ""


def png(content: bytes) -> tuple[int, int, dict[str, str]]:
    """Width, height and texts of a PNG, after its specification (W3C, PNG, section 11)."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    texts, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if kind in (b"tEXt", b"iTXt"):
            name, _, text = body.partition(b"\0")
            texts[name.decode()] = text.lstrip(b"\0").decode("latin-1" if kind == b"tEXt" else "utf-8")
        at += 12 + length
    assert kind == b"IEND"
    return width, height, texts
