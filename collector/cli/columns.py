# SPDX-License-Identifier: EUPL-1.2
"""Options that say how a CSV file is to be read; `reference import` and `replay` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])


def file_options(*, interval: str) -> Callable[[F], F]:
    """Adds the options; the command gets them all, for `columns_of` and `mapping_of`."""

    def decorate(function: F) -> F:
        wrapped: Any = function
        for option in reversed(
            (
                click.option(
                    "--map", "maps", multiple=True, required=True, metavar="QUANTITY=COLUMN",
                    help="Which column is what, say pm25=Value; may be given several times.",
                ),
                click.option(
                    "--time", "time", multiple=True, required=True, metavar="COLUMN",
                    help="Column of the time; given twice, the two are joined (date and clock).",
                ),
                click.option("--time-format", metavar="FORMAT", help="As of strptime, or unix. [found out]"),
                click.option("--zone", default="UTC", show_default=True, help="Of its clock: Europe/Paris, UTC-5."),
                click.option(
                    "--label", type=click.Choice(["begin", "end"]), required=True,
                    help="Whether the time names the begin or the end of its interval.",
                ),
                click.option("--interval", default=interval, show_default=True, metavar="SPAN", help="1m, 1h, ..."),
                click.option("--unit", "units", multiple=True, metavar="QUANTITY=UNIT", help="[as the header says]"),
                click.option("--unit-column", metavar="COLUMN", help="The column that names the unit."),
                click.option("--where", multiple=True, metavar="COLUMN=TEXT", help="Only rows with that text."),
                click.option("--missing", multiple=True, metavar="TEXT", help="No value. [-999, empty, NA, ...]"),
                click.option("--decimal", type=click.Choice([".", ","]), default=".", show_default=True),
                click.option("--delimiter", metavar="CHARACTER", help="[found out]"),
            )
        ):  # fmt: skip
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorate


def pairs_of(texts: tuple[str, ...], option: str) -> dict[str, str]:
    """Texts such as NAME=VALUE, of an option that may be given several times."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {text!r} has no = in it.", f"Write {option} NAME=VALUE.")
        pairs[name.strip()] = value.strip()
    return pairs


def columns_of(how: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    """Quantity to (column, unit)."""
    units = pairs_of(how["units"], "--unit")
    columns = pairs_of(how["maps"], "--map")
    strange = sorted(set(units) - set(columns))
    if strange:
        raise UsageError(f"--unit names {strange[0]}, which no --map names.")
    return {quantity: (column, units.get(quantity)) for quantity, column in columns.items()}


def mapping_of(how: dict[str, Any], **more: Any) -> Any:
    """The reader's mapping, from the options."""
    from collector.moments import parse_span
    from collector.reference.csvfile import MISSING, Mapping

    try:
        interval = parse_span(how["interval"])
    except ValueError as error:
        raise UsageError(f"--interval {how['interval']!r} is no length of time.", "Write 1m, 15m or 1h.") from error
    where = tuple(pairs_of(how["where"], "--where").items())
    missing = frozenset(how["missing"]) if how["missing"] else MISSING
    return Mapping(
        time=how["time"], time_format=how["time_format"], zone=how["zone"], label=how["label"], interval=interval,
        unit_column=how["unit_column"], where=where, decimal=how["decimal"], delimiter=how["delimiter"],
        missing=missing, **more,
    )  # fmt: skip
