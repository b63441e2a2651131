# SPDX-License-Identifier: EUPL-1.2
"""What commands share: settings from options, periods of time, ways to print, progress on a terminal."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from collector.errors import SettingError
from collector.moments import parse_moment, parse_span
from collector.settings import LOG_FORMATS, Settings, load

if TYPE_CHECKING:
    from collector.registry import Registry
    from collector.store.base import Store

F = TypeVar("F", bound=Callable[..., Any])

_SETTING_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "broker": ("--broker", {"metavar": "URL", "help": "embedded, or mqtt://HOST:PORT."}),
    "broker_listen": ("--listen", {"metavar": "HOST:PORT", "help": "Where the embedded broker listens."}),
    "broker_group": ("--group", {"metavar": "NAME", "help": "Shared subscription, for several collectors."}),
    "log_format": (
        "--log",
        {"type": click.Choice(LOG_FORMATS), "help": "text, json, or auto: text on a terminal, else json."},
    ),
    "api_listen": ("--listen", {"metavar": "HOST:PORT", "help": "Where it answers."}),
    "stores": ("--stores", {"metavar": "NAMES", "help": "sqlite, influx, or both with a comma."}),
}


def with_settings(*names: str) -> Callable[[F], F]:
    """Adds --folder, --config and the options of the named settings; the command gets `settings`."""

    def decorate(function: F) -> F:
        @wraps(function)
        def call(**kwargs: Any) -> Any:
            config = kwargs.pop("config")
            given = {name: kwargs.pop(name) for name in ("folder", *names)}
            settings, _ = load(given, config=config)
            return function(settings=settings, **kwargs)

        wrapped: Any = call
        for name in reversed(names):
            flag, extra = _SETTING_OPTIONS[name]
            wrapped = click.option(flag, name, **extra)(wrapped)
        wrapped = click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Settings; citimeasure.toml if it is there.",
        )(wrapped)
        return click.option(  # type: ignore[no-any-return]
            "--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the data lie. [citimeasure-data]"
        )(wrapped)

    return decorate


def need_folder(settings: Settings) -> Settings:
    """For commands that read: the folder must be there, as a wrong one would look like an empty one."""
    if not settings.folder.is_dir():
        raise SettingError(
            f"There is no folder {settings.folder}.",
            "Name the one that `citimeasure run` uses with --folder, or set CITIMEASURE_FOLDER.",
        )
    return settings


@contextmanager
def opened(settings: Settings) -> Iterator[tuple[Store, Registry]]:
    """The store that answers questions, and the registry."""
    from collector.registry import Registry
    from collector.store import open_store

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        store = open_store(settings.stores[0], settings)
        try:
            yield store, registry
        finally:
            store.close()


class Moment(click.ParamType[int]):
    """A moment as ISO 8601; UTC where it names no zone. Becomes whole seconds since 1970."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_moment(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-03-01, 2026-03-01T14:00 (UTC) or 2026-03-01T14:00+01:00.")


class Span(click.ParamType[int]):
    """A length of time such as 24h, 7d or 90m, in seconds."""

    name = "SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_span(value)
        except ValueError:
            self.fail(f"{value!r} is no length of time; write 90m, 24h, 7d or 2w.")


def period_options(function: F) -> F:
    """Adds --from, --to and --last; the command gets `after` and `until`, 0 and far ahead if nothing is said."""

    @wraps(function)
    def call(start: int | None, end: int | None, last: int | None, **kwargs: Any) -> Any:
        if last is not None and start is not None:
            raise click.UsageError("--last goes with --to, or alone, not with --from.")
        until = end if end is not None else (int(time.time()) if last is not None else 2**40)
        after = until - last if last is not None else (start or 0)
        if after >= until:
            raise click.UsageError("The period ends before it begins: --from must be earlier than --to.")
        return function(after=after, until=until, **kwargs)

    wrapped: Any = call
    wrapped = click.option("--last", type=Span(), help="Instead of --from: the last 24h, 7d, ...")(wrapped)
    wrapped = click.option("--to", "end", type=Moment(), help="Until then (UTC unless it names a zone).")(wrapped)
    return click.option("--from", "start", type=Moment(), help="From then (UTC unless it names a zone).")(wrapped)  # type: ignore[no-any-return]


def output_option(function: F) -> F:
    """Adds -o table|json|jsonl|csv as `output`."""
    return output_options()(function)


def output_options(*more: str) -> Callable[[F], F]:
    """Adds -o with more ways than `emit` knows, which the command writes itself."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", "jsonl", "csv", *more]),
        default="table",
        show_default=True,
        help="How to print.",
    )


Record = Mapping[str, Any]


def emit(records: Iterable[Record], output: str, *, title: str = "", notes: Iterable[str] = ()) -> None:
    """Prints records of the same keys on stdout; notes go to stderr."""
    for note in notes:
        click.echo(note, err=True)
    if output == "json":
        click.echo(json.dumps([dict(record) for record in records], ensure_ascii=False, indent=1))
    elif output == "jsonl":
        for record in records:
            click.echo(json.dumps(dict(record), ensure_ascii=False))
    elif output == "csv":
        _emit_csv(records)
    else:
        _emit_table(list(records), title)


def _emit_csv(records: Iterable[Record]) -> None:
    from collector.export.cells import cell

    writer: Any = None
    for record in records:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(record), lineterminator="\n")
            writer.writeheader()
        writer.writerow({key: cell(value) for key, value in record.items()})


def _emit_table(records: list[Record], title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    # What is shown may come from a kit or a store: no text in it is for the terminal.
    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False, emoji=False)
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    keys = list(records[0]) if records else []
    for key in keys:
        numeric = all(isinstance(record[key], (int, float, type(None))) for record in records)
        table.add_column(key, justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for record in records:
        table.add_row(*(_short(record[key]) for key in keys))
    console.print(table)


def _short(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "".join(letter if letter.isprintable() or letter == "\n" else "\ufffd" for letter in str(value))


@contextmanager
def progress(text: str, total: int | None) -> Iterator[Callable[..., None]]:
    """A progress bar on stderr if that is a terminal; yields what is to be told how much is done, and of how much."""
    if not sys.stderr.isatty():
        yield lambda done, of=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done, of=None: bar.update(task, completed=done, total=of)
