# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure plot`: series as pictures, in files or on the terminal."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
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
DAYS = ("day", "max8h", "lday", "leve", "lnight", "lden")  # what there is one of each day


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
        if answer.beside and answer.station not in [one.name for one in lines]:
            lines.append(answered.station_of(answer.station, answer.beside))
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
    x = answered.line_of(against, answers[against].rows) if against else answered.station_of(own.station, own.beside)
    view = _view(quantity, f"{y.name} against {x.name}", answers, how)
    _show(out, [answered.pairs_of(x, y)], view, (kind.draw, kind.alt, terminal.scatter))


@plot.command()
@picture_options
@click.argument("name", metavar="SOURCE", shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@click.option("--every", type=click.Choice(DAYS), default="day", show_default=True, help="What of each day.")
@question_options("kind", "zone", "least", "as_of")
def calendar(
    settings: Settings, after: int, until: int, name: str, quantity: str, out: Path | None, **how: Any
) -> None:
    """Draw a value for each day, as a calendar of up to two years.

    \b
    citimeasure plot calendar kit-7hx3m9ab pm25 --from 2026-01-01 --to 2027-01-01 --out year.svg
    citimeasure plot calendar kit-7hx3m9ab laeq --every lnight --last 60d
    """
    _ready(out)
    from collector.pictures import answered, terminal
    from collector.pictures import calendar as kind

    answers = _ask(settings, [(name, quantity)], (after, until), how)
    data = answered.days_of(name, answers[name].rows)
    view = _with_intervals(_view(quantity, name, answers, how), answers[name])
    _show(out, data, view, (kind.draw, kind.alt, terminal.calendar))


@plot.command()
@picture_options
@click.argument("name", metavar="SOURCE", shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@question_options("kind", "zone", "least", "as_of")
def week(settings: Settings, after: int, until: int, name: str, quantity: str, out: Path | None, **how: Any) -> None:
    """Draw the mean of each hour of each weekday, on the clock of the place.

    \b
    citimeasure plot week kit-7hx3m9ab laeq --last 90d --out week.svg
    """
    _ready(out)
    from collector.answers import civil_zone
    from collector.pictures import answered, terminal
    from collector.pictures import week as kind

    how["every"] = "hour"
    answers = _ask(settings, [(name, quantity)], (after, until), how)
    if how["zone"] is None:
        with opened(settings) as (_, registry):
            how["zone"] = civil_zone(registry, name)
    data = kind.Week.of(answered.line_of(name, answers[name].rows), how["zone"])
    view = _with_intervals(_view(quantity, name, answers, how), answers[name])
    _show(out, data, view, (kind.draw, kind.alt, terminal.week))


@plot.command("map")
@picture_options
@click.argument("name", metavar="GROUP", shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@question_options("kind", "least", "as_of")
def map_(settings: Settings, after: int, until: int, name: str, quantity: str, out: Path | None, **how: Any) -> None:
    """Draw the mean of a period at the places of kits and stations.

    GROUP is project:ID, within:FILE (an area in GeoJSON) or around:LATITUDE,LONGITUDE,RADIUS. Kits stand in the middle
    of the cell of the grid that their host chose; kits whose hosts do not allow a map are left out. No tiles are
    fetched: nobody learns at which street one looks.

    \b
    citimeasure plot map project:sunny-street pm25 --last 30d --out street.svg
    citimeasure plot map around:52.0907,5.1214,2km laeq --last 7d
    """
    _ready(out)
    from collector.columns import Question
    from collector.pictures import answered, places, terminal
    from collector.pictures.style import View

    question = Question(name, quantity, after, until, how["kind"] or "any", as_of=how["as_of"], least=how["least"])
    with opened(settings) as (store, registry):
        spots, notes = answered.spots_of(store, registry, question)
    view = View(quantity, "hour", "UTC", title=_title(quantity, name, how), notes=(*notes, INDICATIVE))
    _show(out, spots, view, (places.draw, places.alt, terminal.places))


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

    fields = {name: how[name] for name in ("every", "zone", "least", "beside", "as_of") if name in how}
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

    zone = how["zone"] or next(iter(answers.values())).zone
    notes = dict.fromkeys(note for answer in answers.values() for note in answer.notes)
    return View(quantity, how["every"], zone, title=_title(quantity, whose, how), notes=(*notes, INDICATIVE))


def _title(quantity: str, whose: str, how: dict[str, Any]) -> str:
    known = QUANTITIES.get(quantity)
    return how["title"] or f"{known.title if known else quantity}: {whose}"


def _with_intervals(view: View, answer: Answer) -> View:
    """A view whose small print says how wide 90 % intervals are, for pictures that have no room for them."""
    from statistics import median

    from collector.pictures.style import number

    widths = [row["upper"] - row["lower"] for row in answer.rows if row.get("upper") is not None]
    if not widths:
        return view
    said = f"90 % interval of a value: mostly ± {number(median(widths) / 2)} {view.in_unit}".rstrip() + "."
    return replace(view, notes=(said, *view.notes))


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
