# SPDX-License-Identifier: EUPL-1.2
"""Options that say what one wants to know of a series; `query` and `plot` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from collector.cli.options import Moment

F = TypeVar("F", bound=Callable[..., Any])

# Every of collector.series, whose import would cost a quarter of a second of each --help; a test compares them.
EVERY = ("minute", "hour", "day", "month", "year", "max8h", "lday", "leve", "lnight", "lden")
SHORT = {"1m": "minute", "1h": "hour", "1d": "day", "1mo": "month", "1y": "year"}


class Interval(click.ParamType[str]):
    """The length of an answer's intervals, by its name or its short form."""

    name = "LENGTH"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        value = SHORT.get(value, value)
        if value not in EVERY:
            self.fail(f"{value!r} is none of {', '.join(EVERY)}, nor {', '.join(SHORT)}.")
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in EVERY if name.startswith(incomplete)]


# By the names of the fields of collector.columns.Question.
_OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "kind": (
        ("--level", "kind"),
        {
            "type": click.Choice(["raw", "calibrated"]),
            "help": "As measured, or corrected. [calibrated where it can be]",
        },
    ),
    "every": (
        ("--every",),
        {"type": Interval(), "default": "hour", "show_default": True, "help": "Length of the intervals."},
    ),
    "zone": (("--zone",), {"metavar": "ZONE", "help": "Of days and longer, as Europe/Amsterdam. [that of the kit]"}),
    "least": (
        ("--coverage", "least"),
        {
            "type": click.FloatRange(0, 1),
            "metavar": "SHARE",
            "help": "Show what has at least this share, 0 to 1, instead of what counts by the rules.",
        },
    ),
    "beside": (
        ("--beside-station", "beside"),
        {"is_flag": True, "help": "With the nearest official station in a column."},
    ),
    "as_of": (("--as-of",), {"type": Moment(), "help": "With the calibrations that were known at that moment."}),
}


def question_options(*names: str) -> Callable[[F], F]:
    """Adds the options of the named fields of a question; the command gets them as keywords for `Question`."""

    def decorate(function: F) -> F:
        wrapped: Any = function
        for name in reversed(names):
            flags, how = _OPTIONS[name]
            wrapped = click.option(*flags, **how)(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return decorate
