# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure query`: a series on the screen or into a pipe."""

from __future__ import annotations

import click

from collector.cli.options import Moment, emit, opened, output_option, period_options, with_settings
from collector.errors import NothingFound
from collector.settings import Settings

_INDICATIVE = "Indicative measurements: not for testing against limit values."


@click.command()
@with_settings("stores")
@period_options
@click.argument("source", metavar="DEVICE")
@click.argument("quantity")
@click.option("--raw/--calibrated", "raw", default=None, help="As measured, or corrected. [calibrated where it can be]")
@click.option("--every", type=click.Choice(["minute", "hour"]), default="hour", show_default=True)
@click.option("--as-of", type=Moment(), help="With the calibrations that were known at that moment.")
@output_option
def query(
    settings: Settings,
    after: int,
    until: int,
    source: str,
    quantity: str,
    **how: object,
) -> None:
    """Print a series, raw or calibrated.

    DEVICE is a kit's id, or station:ID for an official station. Hours are UTC hours; an hour counts if at least 75 %
    of it was measured. `value` is in the quantity's unit, `u` its standard uncertainty, `lower` to `upper` the 90 %
    interval, `record` the calibration behind it.

    \b
    citimeasure query kit-7hx3m9ab pm25 --last 24h
    citimeasure query kit-7hx3m9ab pm25 --from 2026-01-01 --to 2026-02-01 -o csv > january.csv
    citimeasure query kit-7hx3m9ab pm25 --as-of 2026-03-01
    """
    from collector.answers import Question, ask

    output, as_of = str(how["output"]), how["as_of"]
    kind = {None: "any", True: "raw", False: "calibrated"}[how["raw"]]  # type: ignore[index]
    question = Question(source, quantity, after, until, kind, str(how["every"]), as_of)  # type: ignore[arg-type]
    with opened(settings) as (store, registry):
        answer = ask(store, registry, question)
    if not answer.rows:
        raise NothingFound(f"There are no values of {quantity} from {source} in that period.", answer.hint)
    notes = [_INDICATIVE, *answer.notes] if output == "table" else answer.notes
    emit(answer.rows, output, notes=notes)
