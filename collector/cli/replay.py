# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure replay`: a recorded CSV file on the way that live readings take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from collector.cli.columns import columns_of, file_options, mapping_of
from collector.cli.options import progress, with_settings
from collector.errors import CitimeasureError
from collector.settings import Settings


@click.command()
@with_settings("broker", "broker_listen")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--device", required=True, metavar="ID", help="Whose readings they are; registered before.")
@file_options(interval="1m")
@click.option("--speed", type=float, metavar="TIMES", help="So many times real time. [as fast as it goes]")
@click.option("--timeout", default=600.0, show_default=True, metavar="S", help="Give up after so long.")
def replay(settings: Settings, file: Path, device: str, speed: float | None, timeout: float, **how: Any) -> None:
    """Publish a recorded CSV file as a kit would.

    The readings go over MQTT to the broker, and stay open until the collector acknowledges each. A collector must be
    running. Replaying a file again changes nothing.

    \b
    citimeasure replay kit.csv --device kit-7hx3m9ab --time Time --zone UTC-5 --label begin \\
        --map "pm25=PM2.5 (µg/m³)" --map "humidity=RH (%)"
    """
    from collector.cli.simulate import sending
    from collector.reference import read_columns
    from collector.simulate.fleet import Fleet
    from collector.simulate.replay import Replay

    columns = columns_of(how)
    found = read_columns(file, columns, mapping_of(how))
    source = Replay(device, found.t, found.values, dt=found.interval)
    fleet = Fleet([source], sending(settings, speed=speed))
    with progress("acknowledged", None) as report:
        whole = fleet.run(timeout=timeout, progress=lambda done, _: report(done))
    counts = fleet.total
    refused = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.rejected.items())) or "none"
    click.echo(
        f"{device}: {counts.made} readings, {counts.acknowledged} acknowledged, {counts.left} open;"
        f" refused: {refused}.",
        err=True,
    )
    if not whole:
        raise CitimeasureError(
            f"{counts.left} readings were not acknowledged within {timeout:.0f} s.",
            "Is `citimeasure run` going, with the same broker? Replaying again sends only what changes nothing.",
        )
