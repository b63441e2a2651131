# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure plot`: series as pictures, in files or on the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from collector.cli.asking import question_options
from collector.cli.completion import quantities, sources
from collector.cli.options import opened, period_options, with_settings
from collector.errors import NothingFound, UsageError
from collector.quantities import QUANTITIES
from collector.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from collector.answers import Answer
    from collector.pictures.series import Line
    from collector.pictures.style import View
    from collector.pictures.terminal import Screen

F = TypeVar("F", bound=Callable[..., Any])
INDICATIVE = "Indicative measurements: not for testing against limit values."
MOST_SERIES = 6


def picture_options(function: F) -> F:
    """Adds what every picture has: a period, where to write it, what to write above it."""
    wrapped: Any = function
    for option in (
        click.option("--title", metavar="TEXT", help="Above the picture."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="A name that ends in .svg or .png. [onto the terminal]",
        ),
        period_options,
        with_settings("stores"),
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


@click.group()
def plot() -> None:
    """Draw series, as a picture or on the terminal.

    Colours are told apart by people who see fewer of them, and in print without any. Bands are 90 % intervals; what was
    not measured stays empty. An SVG holds its title and a description for those who cannot see it.
    """


@plot.command()
@picture_options
@click.argument("names", metavar="SOURCE...", nargs=-1, required=True, shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@question_options("kind", "every", "zone", "least", "beside", "as_of")
def series(
    settings: Settings, after: int, until: int, names: tuple[str, ...], quantity: str, out: Path | None, **how: Any
) -> None:
    """Draw values against time, with their 90 % intervals.

    SOURCE is a kit's id, station:ID or a group, as for `query`; up to six can be drawn together.

    \b
    citimeasure plot series kit-7hx3m9ab pm25 --last 7d
    citimeasure plot series kit-7hx3m9ab pm25 --every 1d --beside-station --last 90d --out winter.svg
    """
    _ready(out)
    if len(names) > MOST_SERIES:
        raise UsageError(
            f"{len(names)} series cannot be told apart in one picture.",
            f"Draw up to {MOST_SERIES}, or the mean of a group: project:ID.",
        )
    from collector.pictures import answered, terminal
    from collector.pictures import series as kind

    answers = _ask(settings, [(name, quantity) for name in names], (after, until), how)
    lines: list[Line] = []
    for name, answer in answers.items():
        lines.append(answered.line_of(name, answer.rows))
        if answer.station:
            lines.append(answered.station_of(answer.station, answer.rows))
    view = _view(quantity, ", ".join(names), answers, how)
    _show(out, lines, view, (kind.draw, kind.alt, terminal.series))


@plot.command()
@picture_options
@click.argument("name", metavar="SOURCE", shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@click.option(
    "--against", metavar="SOURCE", shell_complete=sources, help="Along the bottom. [the nearest official station]"
)
@question_options("kind", "every", "zone", "least", "as_of")
def scatter(
    settings: Settings, after: int, until: int, name: str, quantity: str, against: str | None, out: Path | None,
    **how: Any,
) -> None:  # fmt: skip
    """Draw one series against another at the same times.

    \b
    citimeasure plot scatter kit-7hx3m9ab pm25 --every 1d --last 90d --out beside.svg
    citimeasure plot scatter kit-7hx3m9ab pm25 --against kit-2bq8w4nk --last 30d
    """
    _ready(out)
    if how["every"] == "minute":
        raise UsageError("Two kits measure at moments of their own.", "Take --every hour or longer.")
    from collector.pictures import answered, terminal
    from collector.pictures import scatter as kind

    asked = [(name, quantity)] + ([(against, quantity)] if against else [])
    answers = _ask(settings, asked, (after, until), how | {"beside": against is None})
    own = answers[name]
    y = answered.line_of(name, own.rows)
    x = answered.line_of(against, answers[against].rows) if against else answered.station_of(own.station, own.rows)
    view = _view(quantity, f"{y.name} against {x.name}", answers, how)
    _show(out, [answered.pairs_of(x, y)], view, (kind.draw, kind.alt, terminal.scatter))


def _ready(out: Path | None) -> None:
    """Everything that can be wrong before anything was read."""
    from collector.extras import need

    for module in ("matplotlib", "plotext"):
        need("A picture", module, "pictures")
    if out is not None:
        from collector.pictures.files import check_ending

        check_ending(out)


def _ask(
    settings: Settings, asked: Sequence[tuple[str, str]], period: tuple[int, int], how: dict[str, Any]
) -> dict[str, Answer]:
    """Answers by source; NothingFound for the first that has no values."""
    from collector.answers import ask
    from collector.columns import Question

    fields = {name: how[name] for name in ("every", "zone", "least", "beside", "as_of")}
    answers = {}
    with opened(settings) as (store, registry):
        for source, quantity in asked:
            question = Question(source, quantity, *period, kind=how["kind"] or "any", **fields)
            answers[source] = ask(store, registry, question)
            if not any(row["value"] is not None for row in answers[source].rows):
                hint = answers[source].hint or "Too little of it was measured; --coverage 0 shows what there is."
                raise NothingFound(f"There are no values of {quantity} from {source} in that period.", hint)
    return answers


def _view(quantity: str, whose: str, answers: dict[str, Answer], how: dict[str, Any]) -> View:
    """What the picture is about, from what was asked and answered."""
    from collector.pictures.style import View

    first = next(iter(answers.values()))
    known = QUANTITIES.get(quantity)
    title = how["title"] or f"{known.title if known else quantity}: {whose}"
    notes = dict.fromkeys(note for answer in answers.values() for note in answer.notes)
    return View(quantity, how["every"], how["zone"] or first.zone, title=title, notes=(*notes, INDICATIVE))


def _show(
    out: Path | None,
    data: Any,
    view: View,
    kind: tuple[Callable[[Any, View], Figure], Callable[[Any, View], str], Callable[[Any, View, Screen], str]],
) -> None:
    """Writes or prints a picture by what its kind offers: figure, words, text."""
    from collector.pictures.terminal import Screen

    draw, alt, text = kind
    if out is not None:
        from collector.pictures.files import save

        save(out, draw(data, view), view.title, alt(data, view))
        click.echo(f"{out} is written.", err=True)
        return
    on_terminal = sys.stdout.isatty()
    columns, lines = shutil.get_terminal_size((100, 30))
    size = (columns, min(lines - 4, 40)) if on_terminal else (100, 30)
    click.echo(text(data, view, Screen(*size, colours=on_terminal and not os.environ.get("NO_COLOR"))))
