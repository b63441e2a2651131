# SPDX-License-Identifier: EUPL-1.2
"""Codes in words, English and Dutch, for hosts: what happened, what it means, what to do.

The one table of them. Acknowledgements carry codes; the words stand in `citimeasure device show`, in answers by HTTPS,
on the health topic and in docs/reference/reasons.md. A code is a `Reason` of the intake, or one of `MORE`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

LANGUAGES = ("en", "nl")


class Words(NamedTuple):
    """Three sentences about one code in one language."""

    happened: str
    means: str
    do: str

    def __str__(self) -> str:
        return " ".join(self)


# Codes that are not reasons of the intake: messages over a limit, of a kit that is locked out, and states of a kit.
MORE = ("held", "locked_out", "ok", "silent", "clock_ahead", "clock_behind")

_AGAIN = "The kit keeps them and sends them again.", "De kit bewaart ze en stuurt ze opnieuw."
_FIRMWARE = "Update the kit's software.", "Werk de software van de kit bij."
_NOTHING = "You need not do anything.", "U hoeft niets te doen."
_SETTINGS = "Correct the kit's settings.", "Verbeter de instellingen van de kit."
_NOT_USED = "That measurement is kept apart and not used.", "Die meting is apart bewaard en telt niet mee."
_NOT_READ = "It is kept apart; nothing in it is used.", "Het is apart bewaard; niets erin telt mee."
_CITY = "Those who run the collector see it, too.", "Wie de verzamelaar beheert, ziet dit ook."

_TABLE: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "topic": (
        ("A message came to an address that does not exist.", "Er kwam een bericht op een adres dat niet bestaat."),
        _NOT_READ,
        _SETTINGS,
    ),
    "size": (
        ("A message was larger than 8 KiB.", "Een bericht was groter dan 8 KiB."),
        ("Only its beginning is kept, apart; nothing in it is used.", "Alleen het begin is apart bewaard; niets telt."),
        ("Let the kit send fewer measurements at once.", "Laat de kit minder metingen tegelijk sturen."),
    ),
    "json": (
        ("A message could not be read.", "Een bericht was niet te lezen."),
        _NOT_READ,
        _FIRMWARE,
    ),
    "version": (
        ("A message is of a kind that the collector does not know.", "De verzamelaar kent dit soort bericht niet."),
        _NOT_READ,
        _FIRMWARE,
    ),
    "schema": (
        (
            "Something is missing in a measurement, or has a wrong form.",
            "In een meting mist iets, of de vorm klopt niet.",
        ),
        _NOT_USED,
        _FIRMWARE,
    ),
    "number": (
        ("A measured value is no number.", "Een gemeten waarde is geen getal."),
        (
            "A sensor may be broken; that measurement is not used.",
            "Misschien is een sensor stuk; die meting telt niet.",
        ),
        ("Look at the sensors' plugs; start the kit again.", "Kijk de stekkers van de sensoren na; herstart de kit."),
    ),
    "name": (
        ("The name of what was measured cannot be a name.", "De naam van wat is gemeten, kan geen naam zijn."),
        _NOT_USED,
        _FIRMWARE,
    ),
    "unit": (
        ("A value has a unit that does not fit it.", "Een waarde heeft een eenheid die er niet bij past."),
        _NOT_USED,
        _SETTINGS,
    ),
    "device": (
        (
            "The message names another kit than the one that sent it.",
            "Het bericht noemt een andere kit dan de afzender.",
        ),
        _NOT_USED,
        _SETTINGS,
    ),
    "unknown_device": (
        ("The kit is not registered.", "De kit is niet aangemeld."),
        (
            "What it sends is kept, and used once it is registered.",
            "Wat hij stuurt, is bewaard en telt mee zodra hij is aangemeld.",
        ),
        ("Ask who gave you the kit to register it.", "Vraag van wie u de kit kreeg om hem aan te melden."),
    ),
    "clock": (
        (
            "A measurement's time lies in the future or long ago.",
            "De tijd van een meting ligt in de toekomst of lang terug.",
        ),
        (
            "The kit's clock is wrong; that measurement is not used.",
            "De klok van de kit loopt verkeerd; die meting telt niet.",
        ),
        ("Start the kit again; it sets its clock by itself.", "Herstart de kit; hij zet zijn klok zelf gelijk."),
    ),
    "store": (
        ("The database did not take a value.", "De database nam een waarde niet aan."),
        ("The value is safe, and kept apart.", "De waarde is veilig en apart bewaard."),
        _CITY,
    ),
    "store_type": (
        (
            "The database holds another kind of value under that name.",
            "De database heeft onder die naam andere waarden.",
        ),
        ("The value is safe, and kept apart.", "De waarde is veilig en apart bewaard."),
        _CITY,
    ),
    "store_age": (
        ("A value is older than what the database keeps.", "Een waarde is ouder dan de database bewaart."),
        ("The value is safe, and kept apart.", "De waarde is veilig en apart bewaard."),
        _CITY,
    ),
    "damaged": (
        (
            "A message was damaged on the collector's disk.",
            "Een bericht raakte beschadigd op de schijf van de verzamelaar.",
        ),
        ("What is left of it is kept apart.", "Wat ervan over is, is apart bewaard."),
        _CITY,
    ),
    "conflict": (
        (
            "There were two different measurements of the same moment.",
            "Er waren twee verschillende metingen van één moment.",
        ),
        (
            "The first one is used. The clock was set back, or two kits have one name.",
            "De eerste telt. De klok is teruggezet, of twee kits hebben dezelfde naam.",
        ),
        ("Give each kit a name of its own.", "Geef elke kit een eigen naam."),
    ),
    "duplicate": (
        ("A measurement came twice.", "Een meting kwam twee keer."),
        (
            "An answer was lost on its way; the measurement is used once.",
            "Een antwoord raakte zoek; de meting telt één keer.",
        ),
        _NOTHING,
    ),
    "late": (
        ("A measurement came later than younger ones.", "Een meting kwam later dan jongere."),
        (
            "The kit was offline and catches up; nothing is lost.",
            "De kit was zonder verbinding en haalt in; er is niets kwijt.",
        ),
        _NOTHING,
    ),
    "unknown_quantity": (
        ("The kit measures something that has no name here.", "De kit meet iets dat hier geen naam heeft."),
        ("It is kept, and marked.", "Het is bewaard en gemerkt."),
        _NOTHING,
    ),
    "held": (
        ("The kit sends more than it may.", "De kit stuurt meer dan mag."),
        _AGAIN,
        ("If that goes on, let it measure less often.", "Als dat zo blijft, laat hem dan minder vaak meten."),
    ),
    "locked_out": (
        ("The kit was locked out.", "De kit is buitengesloten."),
        ("Nothing that it sends is taken.", "Niets van wat hij stuurt, telt mee."),
        ("Ask those who run the collector why.", "Vraag wie de verzamelaar beheert waarom."),
    ),
    "ok": (
        ("The kit is well.", "Met de kit gaat het goed."),
        ("Its measurements arrive.", "Zijn metingen komen aan."),
        _NOTHING,
    ),
    "silent": (
        ("Nothing has come from the kit for a while.", "Er is al een tijd niets van de kit gekomen."),
        (
            "It has no power or no network; if it has power it keeps what it measures, for days.",
            "Hij heeft geen stroom of geen netwerk; met stroom bewaart hij dagenlang wat hij meet.",
        ),
        ("Look at its plug, its light, and your Wi-Fi.", "Kijk naar de stekker, het lampje en uw wifi."),
    ),
    "clock_ahead": (
        ("The kit's clock is ahead.", "De klok van de kit loopt voor."),
        (
            "Its measurements get too late a time; if it grows worse they are refused.",
            "Metingen krijgen een te late tijd; wordt het erger, dan worden ze geweigerd.",
        ),
        ("Start the kit again; it sets its clock by itself.", "Herstart de kit; hij zet zijn klok zelf gelijk."),
    ),
    "clock_behind": (
        (
            "The kit's clock is behind, or it always sends late.",
            "De klok van de kit loopt achter, of hij stuurt steeds laat.",
        ),
        ("Its measurements may get too early a time.", "Metingen krijgen misschien een te vroege tijd."),
        ("Start the kit again; it sets its clock by itself.", "Herstart de kit; hij zet zijn klok zelf gelijk."),
    ),
}

CODES = tuple(_TABLE)


def words(code: str, language: str = "en") -> Words:
    """What a code means; a code that a newer collector wrote stays as it is.

    >>> str(words("late"))
    'A measurement came later than younger ones. The kit was offline and catches up; nothing is lost. You need not do anything.'
    """  # noqa: E501
    if code not in _TABLE:
        return Words(code, "", "")
    n = LANGUAGES.index(language)
    happened, means, do = _TABLE[code]
    return Words(happened[n], means[n], do[n])


def in_words(codes: Iterable[str], language: str = "en") -> dict[str, str]:
    """Each code once, with its words."""
    return {str(code): str(words(str(code), language)).strip() for code in codes}


def language_of(accepted: str) -> str:
    """The language for who accepts these, as HTTP writes it: the first that we have, or English.

    >>> language_of("fr, nl-BE;q=0.8, en;q=0.5")
    'nl'
    """
    for part in accepted.lower().split(","):
        tag = part.split(";")[0].strip().split("-")[0]
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]
