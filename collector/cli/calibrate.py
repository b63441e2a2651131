# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure calibrate`: fit kits to official stations, and judge the fit."""

from __future__ import annotations

from typing import Any

import click

from collector.cli.drift import drift
from collector.cli.evaluate import evaluate
from collector.cli.inspecting import align, qc
from collector.cli.network import network
from collector.cli.options import Moment, emit, opened, output_option, period_options, with_settings
from collector.cli.plan import plan
from collector.cli.records import diff, renew, use
from collector.cli.transfer import transfer
from collector.moments import iso
from collector.settings import Settings


@click.group()
def calibrate() -> None:
    """Fit kits to official stations, and judge the fit."""


@calibrate.command()
@with_settings("stores")
@period_options
@click.argument("devices", metavar="DEVICE...", nargs=-1, required=True)
@click.argument("quantity")
@click.option("--station", required=True, metavar="ID", help="The station that the kits hung beside.")
@click.option("--model", default="auto", show_default=True, help="A name, or auto: by length and cross-validation.")
@click.option("--use-from", type=Moment(), help="Use it from then on. [the beginning of the period]")
@click.option("--dry-run", is_flag=True, help="Fit and show, but keep nothing.")
@output_option
def fit(settings: Settings, after: int, until: int, devices: tuple[str, ...], quantity: str, **how: Any) -> None:
    """Fit kits to a station beside which they hung in a period.

    The record that comes out is kept for ever under the hash of its content, and used for the kit from --use-from on.
    Scores are on blocks of days that the model was not fitted on; "no sensor" is the mean of the station.

    \b
    citimeasure calibrate fit kit-7hx3m9ab pm25 --station nl10636 --from 2026-01-01 --to 2026-02-01
    """
    from collector import calibrating

    rows, notes = [], []
    with opened(settings) as (store, registry):
        for device in devices:
            registry.device(device)
            place = calibrating.CoLocation(device, quantity, how["station"], after, until)
            before = [one.record for one in registry.assignments(device, quantity)]
            record = calibrating.fit(store, place, model=how["model"], supersedes=before[-1] if before else None)
            if not how["dry_run"]:
                start = how["use_from"] if how["use_from"] is not None else record.training.start
                calibrating.keep(registry, record, device, start=start)
            rows.append(_summary(device, record))
            if record.alignment.sure and record.alignment.lag_hours:
                lag = record.alignment.lag_hours
                notes.append(f"{device} seems {lag:+} h off the station: look at labels and zones.")
    kept = "Nothing was kept (--dry-run)." if how["dry_run"] else "Kept, and used from now on."
    emit(rows, how["output"], notes=[*notes, kept])


def _summary(device: str, record: Any) -> dict[str, Any]:
    by_model = {score.model: score for score in record.scores}
    best = by_model[record.model.name]
    return {
        "device": device,
        "record": record.id[:12],
        "model": record.model.name,
        "hours": record.training.hours,
        "rmse raw": by_model["raw"].rmse,
        "rmse no sensor": by_model["no sensor"].rmse,
        "rmse": best.rmse,
        "bias": best.mbe,
        "W %": record.expanded.percent if record.expanded else None,
        "unit": record.unit,
    }


@calibrate.command("list")
@with_settings()
@click.option("--device", metavar="DEVICE", help="Only of this one.")
@click.option("--as-of", type=Moment(), help="As it was known at that moment.")
@output_option
def list_(settings: Settings, device: str | None, as_of: int | None, output: str) -> None:
    """Show which calibration each kit uses, and used before; the last one that holds counts."""
    with opened(settings) as (_, registry):
        rows = [
            {
                "device": one.device,
                "quantity": one.quantity,
                "record": one.record[:12],
                "from": iso(one.start),
                "to": iso(one.until) if one.until else None,
                "assigned": iso(one.created),
                "note": one.note,
            }
            for one in registry.assignments(device, as_of=as_of)
        ]
    emit(rows, output, notes=[] if rows else ["No calibrations yet. `citimeasure calibrate fit` makes one."])


@calibrate.command()
@with_settings()
@click.argument("record")
def show(settings: Settings, record: str) -> None:
    """Print a record, whole, by its id or the beginning of it."""
    with opened(settings) as (_, registry):
        click.echo(registry.calibration(record).decode())


for _command in (evaluate, align, qc, network, transfer, plan, diff, drift, renew, use):
    calibrate.add_command(_command)
