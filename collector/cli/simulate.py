# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure simulate`: kits that do not exist, over MQTT that does."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from collector.cli.options import emit, output_option, progress, with_settings
from collector.settings import Settings

if TYPE_CHECKING:
    from collector.simulate.fleet import Sending


@click.command()
@with_settings("broker", "broker_listen")
@click.option("--kits", default=12, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another city.")
@click.option("--days", default=1.0, show_default=True, help="How much time they measure.")
@click.option("--interval", default=60, show_default=True, metavar="S", help="Between two readings; at most 60.")
@click.option("--speed", type=float, default=1.0, show_default=True, metavar="TIMES", help="0: as fast as it goes.")
@click.option("--connections", is_flag=True, help="One connection for each kit, instead of one for all.")
@click.option("--register/--no-register", default=True, help="Register the kits, as simulated.")
@output_option
def simulate(settings: Settings, output: str, **how: Any) -> None:
    """Let simulated kits publish to a broker.

    A plausible city: traffic, wood smoke, weather, street noise; sensors with a gain, drift, humidity response and
    faults of their own. A collector must be running. Everything is marked as simulated. Ctrl-C ends it and shows the
    books.

    \b
    citimeasure simulate --kits 100
    citimeasure simulate --kits 12 --days 30 --speed 0
    """
    from collector.simulate.city import City
    from collector.simulate.fleet import Fleet
    from collector.simulate.kit import Kit

    live = how["speed"] > 0
    now = int(time.time())
    length = int(how["days"] * 86400)
    start = now if live else now - length
    city = City(how["seed"], start, start + length, how["kits"])
    kits = [Kit(city, n, colocated_days=0, dt=how["interval"]) for n in range(how["kits"])]
    if how["register"]:
        _register(settings, kits, start)
    origin = float(start) if live else None
    how_to = sending(settings, connections=how["connections"], speed=how["speed"] if live else None, origin=origin)
    fleet = Fleet(kits, how_to)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo(f"SIMULATED: {len(kits)} kits publish to {how_to.broker}. Ctrl-C ends.", err=True)
    with progress("readings settled", None) as report:
        fleet.run(stop=stop, progress=lambda done, _: report(done))
    emit([books(device, counts) for device, counts in fleet.counts.items()], output, title="SIMULATED")


def books(device: str, counts: Any) -> dict[str, Any]:
    """A kit's books as a row."""
    refused = ", ".join(f"{n} {reason}" for reason, n in sorted(counts.rejected.items()))
    return {
        "kit": device,
        "made": counts.made,
        "sent": counts.sent,
        "acknowledged": counts.acknowledged,
        "rejected": counts.rejected.total(),
        "reasons": refused,
        "open": counts.left,
    }


def _register(settings: Settings, kits: list[Any], start: int) -> None:
    from collector.registry import Registry
    from collector.service import prepare_folder

    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        known = registry.known_devices()
        for kit in kits:
            if kit.device not in known:
                registry.add_device("simulated", kit.device, simulated=True)
                place = kit.city.place(kit.number)
                registry.start_deployment(kit.device, start, latitude=place.latitude, longitude=place.longitude)


def sending(settings: Settings, **how: Any) -> Sending:
    """How to publish: to the broker of the settings, or to the one that the collector embeds."""
    from collector.ingest.broker import anonymous, with_login
    from collector.simulate.fleet import Sending

    broker = f"mqtt://{settings.broker_listen}" if settings.broker == "embedded" else settings.broker
    if settings.broker == "embedded" and not anonymous(settings):
        settings = with_login(settings)
    if settings.broker_username:
        how |= {"username": settings.broker_username, "password": settings.secret("broker_password")}
    return Sending(broker, ca_file=settings.broker_root, **how)
