# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure query`: a series on the screen or into a pipe."""

from __future__ import annotations

import sys
from typing import Any

import click

from collector.cli.asking import question_options
from collector.cli.completion import quantities, sources
from collector.cli.options import emit, opened, output_options, period_options, with_settings
from collector.errors import NothingFound, UsageError
from collector.settings import Settings

_INDICATIVE = "Indicative measurements: not for testing against limit values."


@click.command()
@with_settings("stores")
@period_options
@click.argument("source", metavar="SOURCE", shell_complete=sources)
@click.argument("quantity", shell_complete=quantities)
@question_options("kind", "every", "zone", "least", "beside", "as_of")
@output_options("parquet")
def query(
    settings: Settings,
    after: int,
    until: int,
    source: str,
    quantity: str,
    **how: Any,
) -> None:
    """Print a series, raw or calibrated.

    SOURCE is a kit's id, station:ID for an official station, or a group of kits of which the mean is printed:
    project:ID, within:FILE (an area in GeoJSON) or around:LATITUDE,LONGITUDE,RADIUS.

    An hour counts if 45 minutes of it were measured, a day if 18 of its hours count, a month with 75 % and a year with
    85 % of its hours. Hours are UTC hours; days and longer follow the clocks of the place. Sound levels are averaged by
    energy; lday (07-19), leve (19-23), lnight (23-07) and lden are those of Directive 2002/49/EC. max8h is the highest
    running mean of eight hours of a day.

    `value` is in the quantity's unit, `u` its standard uncertainty, `lower` to `upper` the 90 % interval, `record` the
    calibration behind it, `spread` the standard deviation between the kits of a group.

    \b
    citimeasure query kit-7hx3m9ab pm25 --last 24h
    citimeasure query kit-7hx3m9ab pm25 --every 1d --from 2026-01-01 --to 2026-02-01 -o csv > january.csv
    citimeasure query kit-7hx3m9ab laeq --every lden --last 30d
    citimeasure query project:sunny-street pm25 --every 1mo --beside-station
    citimeasure query kit-7hx3m9ab pm25 --as-of 2026-03-01 -o parquet > march.parquet
    """
    from collector.answers import ask
    from collector.columns import Question

    output = str(how.pop("output"))
    if output == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is no text for a screen.", "Send it to a file: ... -o parquet > FILE")
    question = Question(source, quantity, after, until, kind=how.pop("kind") or "any", **how)
    with opened(settings) as (store, registry):
        answer = ask(store, registry, question)
    if not answer.rows:
        raise NothingFound(f"There are no values of {quantity} from {source} in that period.", answer.hint)
    notes = [_INDICATIVE, *answer.notes] if output in ("table", "parquet") else answer.notes
    if answer.station:
        notes = [*notes, f"The column station is {answer.station}."]
    if output != "parquet":
        emit(answer.rows, output, notes=notes)
        return
    from collector.export.answer import parquet

    sys.stdout.buffer.write(parquet(answer.rows))
    for note in notes:
        click.echo(note, err=True)
