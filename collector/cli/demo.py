# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure demo`: see the whole chain at work within a minute."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from collector.cli.options import emit, output_option, progress
from collector.errors import CitimeasureError, SettingError


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), metavar="DIR", help="Where the data go. [a temporary one]")
@click.option("--kits", default=12, show_default=True, type=click.IntRange(1, 200), help="How many.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(20, 366), help="How much time they measure.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another neighbourhood.")
@output_option
def demo(folder: Path | None, kits: int, days: int, seed: int, output: str) -> None:
    """Show the whole chain on a simulated neighbourhood.

    Kits publish a month of readings over MQTT, the collector stores them, each kit is calibrated on two weeks beside a
    station and then judged at its own place, where the simulation knows the truth. Needs nothing installed; ends by
    itself in under a minute. Everything is marked as simulated.
    """
    from collector.demo import Plan, run_demo

    folder = _empty(folder)
    click.echo(f"SIMULATED: {kits} kits, {days} days, one station. Data in {folder}.", err=True)
    outcomes = run_demo(folder, Plan(kits, days, seed=seed), progress)
    emit([asdict(one) for one in outcomes], output, title="SIMULATED: hourly PM2.5 at each kit's own place, ug/m3")
    raw, after = (sum(getattr(one, name) for one in outcomes) / kits for name in ("raw_rmse", "rmse"))
    inside = sum(one.coverage90 for one in outcomes) / kits
    click.echo(
        f"\nMean error {raw:.2f} raw, {after:.2f} calibrated; {inside:.0%} of hours within their 90 % interval.\n"
        f"Sent = acknowledged + rejected for every kit; what was refused is kept, with the reason.\n\n"
        f"The data lie in {folder}. Look at them:\n"
        f"  citimeasure device show {outcomes[0].kit} --folder {folder}\n"
        f"  citimeasure query {outcomes[0].kit} pm25 --folder {folder} --from 2026-03-20 --to 2026-03-21\n"
        f"  citimeasure export my-export --folder {folder}",
        err=True,
    )
    wrong = [one.kit for one in outcomes if (one.made - one.rejected, one.stored) != (one.acknowledged,) * 2]
    if wrong:
        raise CitimeasureError(f"The books of {', '.join(wrong)} do not balance: this is a fault of citimeasure.")


def _empty(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="citimeasure-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingError(f"The folder {folder} is not empty.", "Name a new one; a demo never mixes with data.")
    except OSError as error:
        raise SettingError(f"The folder {folder} cannot be written: {error.strerror}.", "Name another one.") from error
    return folder.resolve()
