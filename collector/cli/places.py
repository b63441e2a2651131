# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure device move` and `citimeasure project`: where kits hang, and what they belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from collector.cli.options import Moment, emit, need_folder, output_option, with_settings
from collector.moments import iso
from collector.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

_PLACE_OPTIONS = (
    click.option("--place", nargs=2, type=float, metavar="LAT LON", help="Where; kept here only, published on a grid."),
    click.option("--grid", type=click.Choice(["100m", "1km", "none"]), default="100m", show_default=True),
    click.option("--exposure", type=click.Choice(["outdoor", "indoor"]), default="outdoor", show_default=True),
    click.option("--height", type=float, metavar="M", help="Above the ground."),
    click.option(
        "--environment",
        type=click.Choice(["unknown", "background", "traffic", "industrial", "rural"]),
        default="unknown",
        show_default=True,
    ),
    click.option("--zone", default="Europe/Amsterdam", show_default=True, help="Civil time at the place."),
    click.option("--project", metavar="ID", help="The project that it belongs to; see `citimeasure project`."),
    click.option("--host", metavar="ID", help="Who hosts it; see `citimeasure host`."),
)


def place_options(function: F) -> F:
    """Adds what describes a place; the command gets it as keywords, for `deployed`."""
    wrapped: Any = function
    for option in reversed(_PLACE_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def deployed(registry: Any, device: str, start: int, where: dict[str, Any]) -> None:
    """Puts a kit at the place that the options describe."""
    latitude, longitude = where.pop("place") or (None, None)
    if where["project"] is not None:
        registry.project(where["project"])
    if where["host"] is not None:
        registry.people.need_present(where["host"])
    registry.start_deployment(device, start, latitude=latitude, longitude=longitude, **where)


@click.command()
@with_settings()
@click.argument("device", metavar="DEVICE")
@click.option("--from", "start", type=Moment(), default="now", help="Since when it hangs there. [now]")
@place_options
@click.option("--no-host", is_flag=True, help="Nobody hosts it there: it is the operator's own.")
def move(settings: Settings, device: str, start: int, no_host: bool, **where: Any) -> None:
    """Say that a kit hangs elsewhere now: its old place stays on record.

    It keeps its host and its project unless others are named. Its calibrations end with the move, as nobody knows what
    the way did to the sensors. How to go on using them is printed.

    \b
    citimeasure device move kit-7hx3m9ab --from 2026-02-03T14:00+01:00 --place 52.0907 5.1214 --height 2.5
    """
    from collector.registry import Registry

    if no_host and where["host"]:
        raise click.UsageError("--host and --no-host contradict each other.")
    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        ended = {
            one.quantity: one.record
            for one in registry.assignments(device)
            if one.start < start and (one.until is None or one.until > start)
        }
        last = next(reversed(registry.deployments(device)), None)
        if last is not None:
            where["project"] = where["project"] or last.project
            where["host"] = None if no_host else where["host"] or last.host
        deployed(registry, device, start, where)
    click.echo(f"{device} hangs there from {iso(start)} on.", err=True)
    for quantity, record in ended.items():
        click.echo(
            f"Its calibration of {quantity} ended with the move. If the sensor came through as it was: "
            f"citimeasure calibrate use {device} {record[:12]} --from {iso(start)}",
            err=True,
        )


@click.command()
@with_settings()
@click.argument("device", metavar="DEVICE")
@click.argument("host", metavar="HOST")
def hosted(settings: Settings, device: str, host: str) -> None:
    """Say who hosts a kit that hangs already; its calibrations go on.

    
    citimeasure device hosted kit-7hx3m9ab host-7hx3m9ab
    """
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        registry.people.attach(host, device)
    click.echo(f"{host} hosts {device}.", err=True)


@click.group()
def project() -> None:
    """Register projects, to which kits belong."""


@project.command()
@with_settings()
@click.argument("id_", metavar="ID")
@click.option("--title", required=True, help="What people call it.")
def add(settings: Settings, id_: str, title: str) -> None:
    """Register a project.

    \b
    citimeasure project add lombok-2026 --title "Air in Lombok"
    citimeasure device add --project lombok-2026 --place 52.0907 5.1014
    citimeasure query project:lombok-2026 pm25 --every day --last 30d
    """
    from collector.registry import Registry
    from collector.service import prepare_folder

    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        registry.add_project(id_, title)
    click.echo(f"{id_} is registered.", err=True)


@project.command("list")
@with_settings()
@output_option
def list_(settings: Settings, output: str) -> None:
    """Show all projects, and how many kits hang in them now."""
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        projects, deployments = registry.projects(), registry.deployments()
    last = {one.device: one.project for one in deployments if one.until is None}
    rows = [
        {"project": one.id, "title": one.title, "kits": list(last.values()).count(one.id), "since": iso(one.created)}
        for one in projects
    ]
    emit(rows, output, notes=[] if rows else ["No projects yet. `citimeasure project add` registers one."])
