# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure backup`: everything that must not be lost in one file, beside a running collector."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from collector.cli.options import need_folder, progress
from collector.errors import UsageError
from collector.settings import CONFIG_FILE, load

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(invoke_without_command=True)
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the data lie. [citimeasure-data]")
@click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings; citimeasure.toml if it is there."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE|DIR", help="A new file, or a folder for it.")
@click.pass_context
def backup(ctx: click.Context, folder: Path | None, config: Path | None, out: Path | None) -> None:
    """Save registry, records, embedded store and spool into one file.

    The collector goes on meanwhile. What it acknowledged before this began is in the file. The file holds passwords'
    hashes, names and places: only you may read it, and it belongs where nobody else comes.

    \b
    citimeasure backup --out /mnt/backups
    citimeasure backup verify /mnt/backups/citimeasure-my-city-20260301T020000Z.tar.gz
    """
    if ctx.invoked_subcommand is not None:
        return
    if out is None:
        raise UsageError("A backup needs a place.", "Name a file or a folder with --out.")
    from collector.backup.make import make, size_of, target

    settings, _ = load({"folder": folder}, config=config)
    need_folder(settings)
    out = target(settings, out)
    with megabytes(size_of(settings)) as report:
        made = make(settings, config or Path(CONFIG_FILE), out, report)
    rows = sum(made.manifest.rows.values())
    click.echo(f"{made.path}")
    click.echo(
        f"{len(made.manifest.files)} files and {rows} rows of the registry, {made.size / 1e6:.1f} MB."
        " It holds passwords' hashes and personal data: keep it where nobody else comes.",
        err=True,
    )
    for one in made.manifest.left_out:
        click.echo(f"Not in it: {one}.", err=True)


@backup.command()
@click.argument("file", type=_FILE)
def verify(file: Path) -> None:
    """Read a whole backup, and hold each file in it against its hash.

    \b
    citimeasure backup verify citimeasure-my-city-20260301T020000Z.tar.gz
    """
    from collector.backup.restore import verify as go_through

    with megabytes(None) as report:
        found = go_through(file, report)
    rows = sum(found.manifest.rows.values())
    click.echo(
        f"{file} is whole: of {found.head.folder}, made {found.head.made} by citimeasure {found.head.version},"
        f" {len(found.manifest.files)} files and {rows} rows of the registry.",
        err=True,
    )
    for one in found.manifest.left_out:
        click.echo(f"Not in it: {one}.", err=True)


@contextmanager
def megabytes(total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar in MB; yields what is to be told how many bytes were done since."""
    done = 0
    with progress("MB", None if total is None else total // 1_000_000) as show:

        def add(n: int) -> None:
            nonlocal done
            done += n
            show(done // 1_000_000)

        yield add
