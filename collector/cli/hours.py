# SPDX-License-Identifier: EUPL-1.2
"""Options that say which columns of a plain CSV of hours are what, for commands that work without a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from collector.cli.columns import pairs_of
from collector.errors import UsageError

if TYPE_CHECKING:
    from collector.evaluating import Source

F = TypeVar("F", bound=Callable[..., Any])

# The option that says that a file is meant is the first.
_OPTIONS = (
    click.option("--reference", metavar="COLUMN", help="Of a file: the reference instrument."),
    click.option("--raw", metavar="COLUMN", help="The sensor's own value."),
    click.option(
        "--with", "beside", multiple=True, metavar="NAME=COLUMN",
        help="What was measured with it, say humidity=RH; several times.",
    ),
    click.option("--time", metavar="COLUMN", help="ISO 8601, or seconds since 1970."),
    click.option("--zone", metavar="ZONE", help="Of times without an offset: Europe/Paris, UTC-5."),
    click.option(
        "--label", type=click.Choice(["begin", "end"]), help="What of its hour a time names. [end]"
    ),
    click.option("--unit", metavar="COLUMN", help="Names the sensor of each row, where there are several."),
    click.option("--site", metavar="COLUMN", help="Names the place of each row."),
)  # fmt: skip
FILE_OPTIONS = ("reference", "raw", "beside", "time", "zone", "label", "unit", "site")


def hours_options(function: F) -> F:
    """Adds the options; the command gets them all, for `source_of`."""
    wrapped: Any = function
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def source_of(path: str, how: Mapping[str, Any]) -> Source:
    """The file and its columns, if all that are needed are named."""
    from collector.evaluating import Source

    absent = [f"--{name}" for name in ("reference", "raw", "time") if not how[name]]
    if absent:
        raise UsageError(
            f"For a file, {' and '.join(absent)} must name a column.",
            "Say --reference COLUMN --raw COLUMN --time COLUMN, and --zone where times carry no offset.",
        )
    return Source(
        path=Path(path),
        time=how["time"],
        reference=how["reference"],
        raw=how["raw"],
        beside=pairs_of(how["beside"], "--with"),
        zone=how["zone"],
        label=how["label"] or "end",
        unit=how["unit"],
        site=how["site"],
    )
