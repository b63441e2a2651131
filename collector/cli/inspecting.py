# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate align` and `calibrate qc`: a look at a plain CSV of hours before anything learns from it."""

from __future__ import annotations

from typing import Any

import click

from collector.cli.hours import hours_options, source_of
from collector.cli.options import emit, output_option, period_options


@click.command()
@period_options
@click.argument("path", metavar="FILE")
@hours_options
@output_option
def align(after: int, until: int, path: str, output: str, **how: Any) -> None:
    """Hold a sensor's labels against those of its reference, in a plain CSV FILE of hours.

    Tells how late they are (-3 to +3 h, to the half hour), how sure that is, and what may be behind it: labels at the
    other end of the hour, hours cut at the half, another zone, summer time on one side, a clock that was set. Nothing
    is changed; `calibrate evaluate --correct-lag` corrects a lag that is sure, and its record says so.

    \b
    citimeasure calibrate align hours.csv --time time --zone UTC+1 --reference pm25_ref --raw pm25_raw --unit sensor
    """
    from collector.evaluating import aligned

    source = source_of(path, how)
    rows = aligned(source.read(after, until))
    if output == "table":
        for row in rows:
            click.echo(f"{row['unit'] or path}: {row['words']}", err=True)
        rows = [{name: value for name, value in row.items() if name != "words"} for row in rows]
    emit(rows, output)


@click.command()
@period_options
@click.argument("path", metavar="FILE")
@hours_options
@click.option("--quantity", metavar="NAME", help="What the reference measures. [from its column's name]")
@click.option("--measured-in", metavar="UNIT", help="Of the reference: ug/m3, ppb, ... [from its column's name]")
@output_option
def qc(after: int, until: int, path: str, output: str, **how: Any) -> None:
    """Count the hours of a plain CSV FILE that a model should not learn from, and why.

    Range, a value that stands still, zeros, single spikes, saturated air, two channels that disagree (`--with
    second=COLUMN`), a reference that stands still. Nothing is deleted: `calibrate evaluate` keeps such hours out of the
    training, and judges them like all others.

    \b
    citimeasure calibrate qc hours.csv --time time --zone UTC+1 --reference pm25_ref --raw pm25_raw --with humidity=rh
    """
    from collector.evaluating import aim_of, inspected

    source = source_of(path, how)
    aim, notes = aim_of(source, how["quantity"], how["measured_in"], None)
    emit(inspected(source, source.read(after, until), aim), output, notes=notes)
