# SPDX-License-Identifier: EUPL-1.2
"""What a host can allow: the purposes, and the sentences that a host is asked, in English and Dutch.

A sentence that changes is another question: it gets another `TEXT_VERSION`, and what was answered before stays an
answer to what was asked then.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from collector.errors import DataError

TEXT_VERSION = "1"
LANGUAGES = ("en", "nl")


class Purpose(NamedTuple):
    """A purpose, and what a host is asked for it."""

    name: str
    en: str
    nl: str


_FORWARD = "forward:"
PURPOSES = (
    Purpose(
        "map",
        "Show what my kits measure on a public map: at a cell of the grid that I chose, never at my address.",
        "Laat op een openbare kaart zien wat mijn kits meten: in een vak van het raster dat ik koos, nooit op mijn"
        " adres.",
    ),
    Purpose(
        "city",
        "Let my municipality use what my kits measure for its own questions about air and noise.",
        "Laat mijn gemeente gebruiken wat mijn kits meten, voor haar eigen vragen over lucht en geluid.",
    ),
    Purpose(
        "research",
        "Let researchers use what my kits measure. They may not try to find out who I am.",
        "Laat onderzoekers gebruiken wat mijn kits meten. Zij mogen niet uitzoeken wie ik ben.",
    ),
    Purpose(
        "open-data",
        "Publish what my kits measure as open data. Anybody may use it for anything; copies cannot be called back.",
        "Maak wat mijn kits meten openbaar als open data. Iedereen mag het overal voor gebruiken; wat gekopieerd is,"
        " komt niet terug.",
    ),
    Purpose(
        f"{_FORWARD}NAME",
        "Pass on what my kits measure to NAME.",
        "Geef wat mijn kits meten door aan NAME.",
    ),
)
_FIXED = {one.name for one in PURPOSES if not one.name.startswith(_FORWARD)}


def purpose(name: str) -> Purpose:
    """The purpose that a name means; DataError if it is none."""
    if name in _FIXED:
        return next(one for one in PURPOSES if one.name == name)
    if re.fullmatch(_FORWARD + "[a-z0-9][a-z0-9-]{1,40}", name):
        to, asked = name.removeprefix(_FORWARD), PURPOSES[-1]
        return Purpose(name, asked.en.replace("NAME", to), asked.nl.replace("NAME", to))
    raise DataError(
        f"{name!r} is no purpose that a host can allow.",
        f"There are {', '.join(sorted(_FIXED))} and {_FORWARD}NAME, such as {_FORWARD}sensor-community.",
    )
