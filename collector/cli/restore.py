# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure restore`: an empty folder and registry, filled from a backup."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.backup import megabytes
from collector.cli.options import with_settings
from collector.settings import CONFIG_FILE, Settings


@click.command()
@with_settings()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def restore(settings: Settings, file: Path) -> None:
    """Fill an empty folder, and the registry, from a backup.

    Nothing gets its place before the whole backup was read and each file in it is what its hash says. The registry goes
    where the settings say, into SQLite or PostgreSQL, wherever it came from.

    \b
    citimeasure restore citimeasure-my-city-20260301T020000Z.tar.gz --folder my-city
    """
    from collector.backup.restore import restore as fill

    with megabytes(None) as report:
        found = fill(settings, file, report)
    rows = sum(found.manifest.rows.values())
    click.echo(
        f"{settings.folder} is as it was at {found.head.made} in {found.head.folder}:"
        f" {len(found.manifest.files)} files, {rows} rows of the registry.",
        err=True,
    )
    if (settings.folder / CONFIG_FILE).exists():
        click.echo(f"Its settings are in {settings.folder / CONFIG_FILE}: see whether they fit this machine.", err=True)
    for one in found.manifest.left_out:
        click.echo(f"Was not in the backup: {one}.", err=True)
