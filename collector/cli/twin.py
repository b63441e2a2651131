# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure twin`: a kit without hardware, behind a serial port."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from collector.cli.boards import told_plainly
from collector.cli.options import with_settings
from collector.errors import SettingError
from collector.settings import Settings

_CAUSES = {1: "power", 2: "reset", 3: "watchdog", 5: "soft reset"}


@click.command()
@with_settings("broker", "broker_listen")
@click.option("--flash", type=click.Path(path_type=Path), default=Path("citimeasure-twin"), show_default=True,
              metavar="DIR", help="The folder that is the twin's flash.")  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the firmware in the flash as it is, instead of copying it anew.")
@click.option("--without", multiple=True, metavar="SENSOR", help="Leave a sensor away: SHT45 or SPS30.")
@click.option("--heap", default="2m", show_default=True, help="Memory, as 2m or 320k.")
@click.option("--run", "run_", is_flag=True, help="Set it up for the broker at once, as a simulated kit.")
@click.option("--device", metavar="ID", help="With --run: which kit it is. [a new simulated one]")
def twin(settings: Settings, flash: Path, without: tuple[str, ...], run_: bool, device: str | None, **how: Any) -> None:
    """Run the very firmware here, as a board on a serial port.

    Prints the port. mpremote, a terminal program, and `citimeasure provision`, `monitor` and `selftest` find a board
    there, with simulated sensors and a radio that hears the networks twin-home (password: twin-password), twin-open
    and Café Zoë. Ctrl-C ends it; its flash stays.

    \b
    citimeasure twin
    citimeasure twin --run
    """
    from firmware import twin as twins

    unknown = set(without) - set(twins.SENSORS)
    if unknown:
        raise click.UsageError(f"There is no sensor {sorted(unknown)[0]!r}; the twin has {', '.join(twins.SENSORS)}.")
    if device and not run_:
        raise click.UsageError("--device goes with --run.")
    with told_plainly():
        board = twins.Twin(flash, sensors=[one for one in twins.SENSORS if one not in without], heap=how["heap"])
    try:
        if not (how["keep"] and (flash / "main.py").exists()):
            twins.fill(flash)
        if run_:
            _set_up(settings, flash, device)
        with told_plainly():
            _run(board)
    except OSError as error:
        raise SettingError(f"{flash} cannot be the twin's flash: {error.strerror}.", "Name another --flash.") from None
    finally:
        board.close()


def _run(board: Any) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo(board.port)
    click.echo(f"A board listens there. Try: mpremote connect {board.port}   Ctrl-C ends it.", err=True)
    board.run(stop.is_set, lambda cause: click.echo(f"start: {_CAUSES[cause]}", err=True))


def _set_up(settings: Settings, flash: Path, device: str | None) -> None:
    """Writes what `citimeasure provision` would, so that the kit reaches the broker."""
    broker = f"mqtt://{settings.broker_listen}" if settings.broker == "embedded" else settings.broker
    address = urlsplit(broker)
    if address.scheme != "mqtt":
        raise SettingError(f"The firmware cannot use {broker}.", "It speaks MQTT without TLS: mqtt://HOST:PORT.")
    path = flash / "cfg" / "config.json"
    old = json.loads(path.read_text()) if path.exists() else {}
    config = {**old, "device": device or old.get("device") or "", "network": "twin-open"}
    config |= {"host": address.hostname, "port": address.port or 1883}
    config["device"] = _registered(settings, config["device"], must_exist=device is not None)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(config))
    password = os.environ.get("CITIMEASURE_MQTT_PASSWORD")
    if password:
        (path.parent / "secret.json").write_text(json.dumps({"mqtt_password": password}))
    click.echo(f"SIMULATED: {config['device']} sends to {broker}.", err=True)


def _registered(settings: Settings, device: str, must_exist: bool) -> str:
    """The id, or of a new kit that is marked as simulated."""
    from collector.registry import Registry
    from collector.service import prepare_folder

    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        if must_exist:
            return str(registry.device(device).id)
        if device and device in registry.known_devices():
            return device
        return str(registry.add_device("twin", device or None, simulated=True).id)
