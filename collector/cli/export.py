# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure export`: series into a folder of files that describe themselves."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.options import Moment, opened, period_options, progress, with_settings
from collector.settings import Settings


@click.command()
@with_settings("stores")
@period_options
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--device", "sources", multiple=True, metavar="DEVICE", help="Only this one; may be given several times.")
@click.option("--quantity", "quantities", multiple=True, help="Only this one; may be given several times.")
@click.option("--every", type=click.Choice(["minute", "hour"]), default="hour", show_default=True)
@click.option("--as-of", type=Moment(), help="With the calibrations that were known at that moment.")
@click.option("--title", default="Citizens' measurements of air and noise", show_default=True)
@click.option("--licence", default="CC-BY-4.0", show_default=True)
def export(settings: Settings, directory: Path, **how: object) -> None:
    """Write series, with all that describes them, into a folder.

    DIRECTORY gets data.csv (hours: raw and calibrated value, uncertainty, flags, lineage), devices.csv, the calibration
    records that were used, and datapackage.json. The same command gives the same bytes.

    \b
    citimeasure export january --from 2026-01-01 --to 2026-02-01
    citimeasure export one-kit --device kit-7hx3m9ab --as-of 2026-03-01
    """
    from collector.export.table import Request, count_hours
    from collector.export.table import export as write

    request = Request(**how)  # type: ignore[arg-type]
    with opened(settings) as (store, registry):
        total = count_hours(store, registry, request)
        with progress("exporting hours", total) as report:
            written = write(store, registry, directory, request, report)
    rows = ", ".join(f"{n} {'records' if name == 'calibrations' else 'rows'} in {name}" for name, n in written.items())
    click.echo(f"{directory}: {rows}. Indicative measurements: not for testing against limit values.", err=True)
