# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure export`: series into a folder of files that describe themselves, and `verify`, which checks one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from collector.cli.options import Moment, emit, opened, output_option, period_options, progress, with_settings
from collector.settings import Settings


class _OrFolder(click.Group):
    """A group in which a first word that is no command is the folder to write into."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["write", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_OrFolder)
def export() -> None:
    """Write series, with all that describes them, into a folder.

    `citimeasure export DIRECTORY` is short for `citimeasure export write DIRECTORY`.

    \b
    citimeasure export january --from 2026-01-01 --to 2026-02-01
    citimeasure export verify january
    """


@export.command()
@with_settings("stores")
@period_options
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--device", "sources", multiple=True, metavar="DEVICE", help="Only this one; may be given several times.")
@click.option("--quantity", "quantities", multiple=True, help="Only this one; may be given several times.")
@click.option("--every", type=click.Choice(["minute", "hour"]), default="hour", show_default=True)
@click.option(
    "--level",
    type=click.Choice(["both", "raw", "calibrated"]),
    help="Which values. [both by the hour, raw by the minute]",
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["csv", "parquet", "netcdf", "jsonl"]),
    default=["csv"],
    show_default=True,
    help="May be given several times.",
)
@click.option(
    "--for",
    "purpose",
    default="open-data",
    show_default=True,
    metavar="PURPOSE",
    help="What it is made for: holds only what hosts allow for that. See `citimeasure consent`.",
)
@click.option("--as-of", type=Moment(), help="With the calibrations that were known at that moment.")
@click.option("--title", default="Citizens' measurements of air and noise", show_default=True)
@click.option("--licence", default="CC-BY-4.0", show_default=True, help="Its SPDX id.")
@click.option("--publisher", default="Citizens who host measuring kits", show_default=True, help="Whom to cite.")
def write(settings: Settings, directory: Path, **how: Any) -> None:
    """Write series into a folder: new, empty, or of the same export that broke off, which then goes on.

    DIRECTORY gets data/ (a file for each month and format), devices.csv, coverage.csv, the calibration records that
    were used, licence, citation, and datapackage.json, which names every column and every file's sha256. The same
    command gives the same bytes.

    \b
    citimeasure export january --from 2026-01-01 --to 2026-02-01
    citimeasure export one-kit --device kit-7hx3m9ab --as-of 2026-03-01
    citimeasure export all --format parquet --format netcdf
    citimeasure export for-the-university --for research
    """
    from collector.export.make import export as make
    from collector.export.request import Request

    request = Request(**how)
    with opened(settings) as (store, registry), progress("exporting hours", None) as report:
        made = make(store, registry, directory, request, report)
    click.echo(
        f"{directory}: {made['rows']} rows in {made['months']} months, {made['records']} calibration records."
        " Indicative measurements: not for testing against limit values.",
        err=True,
    )
    if made["left_out"]:
        click.echo(
            f"Left out, wholly or in part: {', '.join(made['left_out'])}. Hosts do not allow {request.purpose}.",
            err=True,
        )


@export.command()
@click.argument("directory", type=click.Path(path_type=Path))
@output_option
def verify(directory: Path, output: str) -> None:
    """Check an export: every file's hash, columns and number of rows.

    Prints a line for each file; ends with 1 if one is not as it was made.

    \b
    citimeasure export verify january
    """
    from collector.errors import DataError
    from collector.export.verify import verify as check

    findings = check(directory)
    emit((vars(one) for one in findings), output)
    wrong = [one for one in findings if one.problem]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(findings)} files in {directory} are not as they were made:"
            f" {wrong[0].path}: {wrong[0].problem}.",
            "Fetch them again, or export again into a new folder.",
        )
    click.echo(f"{directory}: all {len(findings)} files are as they were made.", err=True)
