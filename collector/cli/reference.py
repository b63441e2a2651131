# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure reference`: bring in the data of official stations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from collector.cli.columns import columns_of, file_options, mapping_of
from collector.cli.options import emit, opened, output_option, with_settings
from collector.moments import iso
from collector.settings import Settings


@click.group()
def reference() -> None:
    """Bring in the data of official stations."""


@reference.command("import")
@with_settings("stores")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--station", required=True, metavar="ID", help="Its id; 6 to 32 of a-z, 0-9 and hyphens.")
@click.option("--name", default="", help="Its name, for people.")
@click.option("--network", default="", help="Whose station it is.")
@click.option("--type", "type_", default="unknown", show_default=True, help="background, traffic, industrial, ...")
@click.option("--place", nargs=2, type=float, metavar="LAT LON", help="Where it stands.")
@file_options(interval="1h")
@click.option("--quality", metavar="COLUMN=CODES", help="Only values with one of these codes, say QC=0,1.")
@click.option("--dry-run", is_flag=True, help="Show what would be written, and stop.")
@click.option("--yes", is_flag=True, help="Write without asking.")
def import_(settings: Settings, file: Path, **how: Any) -> None:
    """Import a CSV file of hourly values of a station.

    Shows what was understood before anything is written. Importing a file again changes nothing.

    \b
    citimeasure reference import utrecht.csv --station nl10636 --map pm25=PM25 --time timestamp \\
        --zone Europe/Amsterdam --label end
    """
    from collector.reference import read_columns, write_reference
    from collector.reference.csvfile import Table

    columns = columns_of(how)
    quality = None
    if how["quality"]:
        column, _, codes = how["quality"].partition("=")
        quality = (column, frozenset(code.strip() for code in codes.split(",")))
    found = read_columns(file, columns, mapping_of(how, quality=quality))
    _preview(file, found)
    if how["dry_run"]:
        click.echo("Nothing was written (--dry-run).", err=True)
        return
    if not how["yes"] and sys.stdin.isatty():
        click.confirm("Write this?", abort=True, err=True)
    with opened(settings) as (store, registry):
        if how["station"] not in {one.id for one in registry.stations()}:
            latitude, longitude = how["place"] if how["place"] else (None, None)
            registry.add_station(
                how["station"], how["name"] or how["station"], network=how["network"], type=how["type_"],
                latitude=latitude, longitude=longitude,
            )  # fmt: skip
        written = 0
        for quantity, values in found.values.items():
            there = values == values  # not NaN
            table = Table(found.t[there], values[there], found.interval, found.units_found[quantity], found.report)
            written += write_reference(store, how["station"], quantity, table)
    click.echo(f"{written} values of station:{how['station']} written.", err=True)


def _preview(file: Path, found: Any) -> None:
    report = found.report
    click.echo(
        f"{file}: {report.rows} rows, {report.selected} chosen, {report.kept} kept; left out: {report.missing} missing,"
        f" {report.rejected} by quality code, {report.duplicates} duplicates, {report.skipped} in skipped hours, "
        f"{report.unparsable} unreadable.",
        err=True,
    )
    for line in (*report.examples, *report.notes):
        click.echo(f"  {line}", err=True)
    for quantity, values in found.values.items():
        unit = found.units_found[quantity]
        for t, value in list(zip(found.t.tolist(), values.tolist(), strict=True))[:3]:
            click.echo(f"  {iso(t - found.interval)} .. {iso(t)}  {quantity} = {value:.3f} (given in {unit})", err=True)


@reference.command("list")
@with_settings("stores")
@output_option
def list_(settings: Settings, output: str) -> None:
    """Show the stations, and what there is of each."""
    from collector.store.base import Series

    with opened(settings) as (store, registry):
        rows = []
        for station in registry.stations():
            for series in store.series(station.source) or [Series(station.source, "", 0, 0, 0)]:
                rows.append(
                    {
                        "station": station.id,
                        "name": station.name,
                        "network": station.network,
                        "type": station.type,
                        "quantity": series.quantity or None,
                        "hours": series.n,
                        "first": iso(series.first) if series.n else None,
                        "last": iso(series.last) if series.n else None,
                    }
                )
    emit(rows, output, notes=[] if rows else ["No stations yet. `citimeasure reference import` brings one in."])
