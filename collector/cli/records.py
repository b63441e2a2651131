# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate diff`, `renew` and `use`: what a change of calibration does, and making one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from collector.cli.options import Moment, Span, emit, opened, output_option, period_options, with_settings
from collector.errors import DataError, UsageError
from collector.settings import Settings


@click.command()
@with_settings("stores")
@period_options
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--device", metavar="DEVICE", help="Whose values to compare. [the one that both are for]")
@output_option
def diff(settings: Settings, after: int, until: int, old: str, new: str, device: str | None, output: str) -> None:
    """Say in words what changed between two records, and by how much values move.

    OLD and NEW are ids, beginnings of ids, or files. The values are those of a kit's hours in the period, of the latest
    year at most: the median ratio over all of them, by thirds of the old values, and by season.

    \b
    citimeasure calibrate diff 3f2a9c01 b71e55d0 --last 30d
    """
    from collector import renewing

    with opened(settings) as (store, registry):
        before, now = renewing.read_record(registry, old), renewing.read_record(registry, new)
        both = [one for one in now.lineage.devices if one in before.lineage.devices]
        if device is not None:
            registry.device(device)
        elif len(both) == 1 and both[0] in registry.known_devices():
            device = both[0]
        found = renewing.compare(store, before, now, device, after, until)
    if output != "table":
        rows: list[dict[str, Any]] = [{"kind": "change", **asdict(one)} for one in found.changes]
        rows += [{"kind": "move", "device": device, **asdict(one), "words": one.words} for one in found.moves]
        emit(rows if output != "csv" else [asdict(one) for one in found.moves], output)
        return
    if found.same:
        click.echo("These are one and the same record.", err=True)
        return
    emit([{"what": one.what, "before": one.before, "after": one.after} for one in found.changes], output)
    for one in found.moves:
        click.echo(one.words, err=True)
    if not found.moves:
        click.echo("Name a kit with --device to see by how much its values move.", err=True)


@click.command()
@with_settings("stores")
@click.option("--device", metavar="DEVICE", help="Only this one. [all whose calibration is in use]")
@click.option(
    "--window", type=Span(), default="60d", show_default=True, help="How much of the latest time to learn from."
)
@click.option("--to", "until", type=Moment(), default="now", help="End of the window; a new record holds from then on.")
@click.option("--apply", "apply_", is_flag=True, help="Use what is better and within the bounds.")
@click.option(
    "--most-change",
    type=click.FloatRange(0.01, 0.9),
    default=0.2,
    show_default=True,
    help="Bound: the median value may move by this share.",
)
@click.option(
    "--least-gain",
    type=click.FloatRange(0, 0.9),
    default=0.03,
    show_default=True,
    help="Bound: by this share the error on the latest days must fall.",
)
@output_option
def renew(settings: Settings, device: str | None, window: int, until: int, output: str, **how: Any) -> None:
    """Fit kits anew that hang beside their station all the time, and propose what is better.

    For each calibration in use: a new one is fitted on the window, and judged beside it on the window's last quarter,
    which neither has seen. Nothing is used without --apply, and with it only what stays within the bounds; what does
    not is kept, and waits for a person, who may say `calibrate use`. Made for a timer: packaging/systemd has one.

    \b
    citimeasure calibrate renew --window 60d
    citimeasure calibrate renew --window 60d --apply --most-change 0.1
    """
    from calibration.renewal import Bounds
    from collector import renewing

    bounds = Bounds(change=how["most_change"], gain=how["least_gain"])
    rows, notes = [], []
    with opened(settings) as (store, registry):
        if device is not None:
            registry.device(device)
        for one in renewing.renewals(
            store, registry, until=until, window=window, device=device, bounds=bounds, apply=how["apply_"]
        ):
            rows.append(_row(one))
            notes.append(f"{one.device} {one.quantity}: {one.words}")
    if not rows:
        notes.append("No calibration is in use. `citimeasure calibrate fit` makes one.")
    emit(rows, output, notes=notes)


def _row(one: Any) -> dict[str, Any]:
    found = one.proposal
    verdict = "not possible" if found is None else ("used" if one.used else str(found.verdict))
    return {
        "device": one.device,
        "quantity": one.quantity,
        "station": one.station,
        "verdict": verdict,
        "record": found.record.id[:12] if found is not None and found.verdict != "keep" else None,
        "in use": one.now[:12],
        "rmse": found.rmse_new if found else None,
        "rmse in use": found.rmse_now if found else None,
        "ratio": found.difference.moves[0].ratio if found else None,
    }


@click.command()
@with_settings()
@click.argument("device", metavar="DEVICE")
@click.argument("record", metavar="RECORD")
@click.option("--from", "start", type=Moment(), required=True, help="Values from then on are made with it.")
@click.option("--to", "until", type=Moment(), help="Until then. [until another is used, or the kit is moved]")
@click.option("--note", default="", metavar="TEXT", help="Why, for those who ask later.")
def use(settings: Settings, device: str, record: str, start: int, until: int | None, note: str) -> None:
    """Use a record for a kit: one that `renew` proposed, or a file of `evaluate --record`.

    Assignments are added, never changed: values as of an earlier day stay what they were.

    \b
    citimeasure calibrate use kit-7hx3m9ab b71e55d0 --from 2026-03-01
    """
    from collector import renewing
    from collector.calibrating import keep

    if until is not None and until <= start:
        raise UsageError("The period ends before it begins: --from must be earlier than --to.")
    with opened(settings) as (_, registry):
        registry.device(device)
        found = renewing.read_record(registry, record)
        if found.lineage.devices and device not in found.lineage.devices:
            raise DataError(
                f"This record is for {', '.join(found.lineage.devices)}, not for {device}.",
                "Sensors differ: fit this one, or look at `citimeasure calibrate transfer`.",
            )
        keep(registry, found, device, start=start, until=until, note=note)
    click.echo(f"{device} uses {found.id[:12]} for {found.quantity} from then on.", err=True)
