# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure sink`: how far each store has come, and stores that are filled again."""

from __future__ import annotations

from dataclasses import asdict

import click

from collector.cli.options import emit, need_folder, output_option, period_options, progress, with_settings
from collector.errors import StoreRefused, UsageError
from collector.moments import iso
from collector.settings import STORES, Settings

_STORE = click.Choice(STORES)


@click.group()
def sink() -> None:
    """See how far each store has come, and fill one again."""


@sink.command()
@with_settings("stores")
@output_option
def status(settings: Settings, output: str) -> None:
    """Show for each store how it does and what waits for it.

    `state` is working, waiting (the store is away or busy: it is tried again by itself), refused (its address, token or
    bucket is wrong, or it is damaged: somebody must act; everything is kept) or new.

    \b
    citimeasure sink status
    citimeasure sink status -o json
    """
    from collector.ingest.archive import archived
    from collector.ingest.sinks import sinks
    from collector.ingest.spool import Spool
    from collector.service import is_running

    spool = Spool(need_folder(settings).folder)
    try:
        found = sinks(spool)
        kept = archived(spool)
    finally:
        spool.close()
    records = []
    for one in found:
        record = asdict(one)
        for name in ("since", "oldest_waiting", "last_error_at"):
            record[name] = iso(record[name]) if record[name] else None
        records.append(record)
    notes = [] if is_running(settings.folder) else ["No collector runs on this folder: what follows is how it ended."]
    oldest = f", the oldest of {iso(kept.oldest // 1000)}" if kept.oldest else ""
    notes.append(
        f"The spool holds {kept.messages} messages, {kept.bytes / 1e6:.1f} MB{oldest}; those that every store has stay"
        f" for {settings.archive_days} days or until all are {settings.archive_mb} MB."
    )
    if output == "table":
        _show(records, notes)
    else:
        emit(records, output, notes=notes)


def _show(records: list[dict[str, object]], notes: list[str]) -> None:
    """A table, and below it the last error of each store in its own words."""
    long = ("last_error", "last_error_at")
    emit([{key: value for key, value in one.items() if key not in long} for one in records], "table", notes=notes)
    for one in records:
        if one["last_error"]:
            click.echo(f"{one['sink']}: last trouble at {one['last_error_at']}: {one['last_error']}")


@sink.command()
@with_settings()
@period_options
@click.argument("store", type=_STORE)
def replay(settings: Settings, store: str, after: int, until: int) -> None:
    """Write what the spool still holds into STORE once more.

    Values that are there already stay as they are. Use it when values were refused because of the store's set-up, or
    when a store lost its last days. A running collector goes on meanwhile.

    \b
    citimeasure sink replay influx
    citimeasure sink replay influx --from 2026-03-01 --to 2026-03-02
    """
    from collector.ingest.sinks import replay as again

    need_folder(settings)
    with progress("values", None) as report:
        written, aside = again(settings, store, after, until, report)
    click.echo(f"{store}: {written} values written, {aside} refused and set aside.", err=True)


@sink.command()
@with_settings()
@period_options
@click.argument("store", type=_STORE)
@click.option("--source", type=click.Choice(["spool", *STORES]), default="spool", show_default=True)
@output_option
def rebuild(settings: Settings, store: str, source: str, after: int, until: int, output: str) -> None:
    """Fill STORE from the spool's archive or from another store, and prove that it holds the same.

    Each line compares one month of one series: how many values the source has, how many of these STORE has, and a hash
    of all of them on either side. `more` are values that only STORE has. Ends with exit code 1 where anything differs.
    A damaged file of the embedded store is set aside first; stop the collector for that.

    \b
    citimeasure sink rebuild sqlite --source influx
    citimeasure sink rebuild influx --last 7d -o csv
    """
    from collector.ingest.sinks import rebuild as fill
    from collector.service import locked
    from collector.store.sqlite import SqliteStore, set_aside

    if source == store:
        raise UsageError(f"{store} cannot be rebuilt from itself.", "Name another one with --source.")
    need_folder(settings)
    if store == "sqlite":
        try:
            SqliteStore(settings.folder).check()
        except StoreRefused as damage:
            with locked(settings.folder):
                click.echo(f"{damage} It is kept as {set_aside(settings.folder)}.", err=True)
    with progress("values", None) as report:
        found = fill(settings, store, source, after, until, report)
    emit([{**one._asdict(), "equal": one.equal} for one in found], output)
    wrong = sum(not one.equal for one in found)
    total = sum(one.values for one in found)
    if wrong:
        click.echo(f"{wrong} of {len(found)} months differ between {source} and {store}.", err=True)
        raise SystemExit(1)
    click.echo(f"{store} holds all {total} values of {source}, in {len(found)} months of series: equal.", err=True)
