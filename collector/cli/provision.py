# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure provision`: a kit on a cable learns who it is, where its collector is, and the Wi-Fi."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from collector.cli.boards import told_plainly
from collector.cli.cable import port_option, secret
from collector.cli.options import with_settings
from collector.errors import SettingError
from collector.settings import Settings

if TYPE_CHECKING:
    from collector.registry import Registry

_GRACE_S = 3600
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@with_settings("broker", "broker_listen")
@click.argument("device", required=False)
@port_option
@click.option("--collector", metavar="HOST[:PORT]", help="Where kits reach the broker. [from --broker or --listen]")
@click.option("--network", metavar="NAME", help="The Wi-Fi, of 2.4 GHz. [the one the kit has, or asks]")
@click.option("--wifi-password-file", type=_FILE, metavar="FILE", help="Or CITIMEASURE_WIFI_PASSWORD. [asks]")
@click.option("--mqtt-password-file", type=_FILE, metavar="FILE", help="Or CITIMEASURE_MQTT_PASSWORD. [a new one]")
@click.option("--token-file", type=_FILE, metavar="FILE", help="Or CITIMEASURE_TOKEN: of `device token`.")
@click.option("--new-password", is_flag=True, help="Give a kit that has a password another one.")
@click.option("--set", "more", multiple=True, metavar="NAME=VALUE", help="A setting of the kit, as interval=60.")
def provision(
    settings: Settings, device: str | None, port: str | None, collector: str | None, network: str | None, **rest: Any
) -> None:
    """Set up a kit on a cable: its id, its collector, its Wi-Fi.

    Without DEVICE a kit keeps the id it has if that is registered; a new kit is registered as a new one. It can be
    repeated. A new kit gets a password of its own, which nobody sees. The Wi-Fi's is asked for, or comes from a file or
    the environment, never from an argument. Prints a label.

    \b
    citimeasure provision
    citimeasure provision kit-7hx3m9ab --collector 192.168.1.20 --network "name of your Wi-Fi"
    """
    from firmware.ports import find_port
    from firmware.provision import Session, Wanted, label

    host, number = _address(settings, collector)
    more = _more(rest["more"])
    with told_plainly(), Session(port or find_port(), _say) as kit:
        known = kit.known()
        _say(f"A kit with firmware {known.version} on {kit.name} ({known.chip}).")
        id_, password = _identity(settings, device, known.device, rest)
        kit.tell(Wanted(id_, host, number, password, more))
        _say(f"It is {id_} now, and sends to {host}:{number}.")
        if network or not known.network:
            _join(kit, network, rest["wifi_password_file"])
        kit.restart()
    click.echo(label(id_))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _join(kit: Any, network: str | None, password_file: Path | None) -> None:
    """Which Wi-Fi, its password, and the kit tries it."""
    heard = {one.name: one for one in kit.networks()}
    if network is None:
        for one in heard.values():
            _say(f"  {one.name}  {one.strength} dBm{'' if one.closed else '  open'}")
        network = str(click.prompt("Wi-Fi", err=True))
    open_ = network in heard and not heard[network].closed
    ask = None if open_ else f"Password of {network}"
    password = "" if open_ else secret("CITIMEASURE_WIFI_PASSWORD", password_file, ask) or ""
    _say(f"It tries the Wi-Fi {network}; that takes up to half a minute.")
    kit.join(network, password)
    _say("It is in.")


def _more(given: tuple[str, ...]) -> dict[str, str | int]:
    """Other settings: whole numbers, or words."""
    more: dict[str, str | int] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{one!r} is no setting; write NAME=VALUE.")
        if "password" in name:
            raise click.UsageError(
                "A password is no argument: others could see it. Put it in a file or the environment."
            )
        more[name] = int(value) if value.lstrip("-").isdecimal() else value
    return more


def _identity(settings: Settings, device: str | None, own: str, rest: dict[str, Any]) -> tuple[str, str | None]:
    """The kit's id (named, its own, of a token, or a new one) and its password; None if it keeps the one it has."""
    from collector.registry import Registry
    from collector.service import prepare_folder

    token = secret("CITIMEASURE_TOKEN", rest["token_file"], None)
    prepare_folder(settings.folder)
    with Registry(settings.registry_url) as registry:
        if token:
            return registry.identity.redeem(token, device)
        id_ = _registered(registry, device, own)
        new = rest["new_password"] or id_ != own
        ask = f"MQTT password of {id_} (empty: {'a new one' if new else 'it stays'})"
        given = secret(
            "CITIMEASURE_MQTT_PASSWORD", rest["mqtt_password_file"], ask if settings.broker != "embedded" else None
        )
        if not given and not new and (settings.broker != "embedded" or registry.identity.has_password(id_)):
            return id_, None
        # Should the cable be pulled now, the kit can still log in with the password that it has.
        return id_, registry.identity.set_password(id_, given or None, grace=_GRACE_S)


def _registered(registry: Registry, device: str | None, own: str) -> str:
    """The id of the kit: the one that was named, its own, or a new one."""
    if device:
        return str(registry.device(device).id)
    if own and own in registry.known_devices():
        return own
    made = registry.add_device("kit-1")
    registry.start_deployment(made.id, int(time.time()))
    return str(made.id)


def _address(settings: Settings, collector: str | None) -> tuple[str, int]:
    """Host and port that a kit in another room can reach."""
    if collector is None and settings.broker != "embedded":
        collector = settings.broker
    address = urlsplit(
        collector if collector and "://" in collector else f"mqtt://{collector or settings.broker_listen}"
    )
    try:
        host, number = address.hostname, address.port or 1883
    except ValueError:
        host, number = None, 0
    if address.scheme != "mqtt" or not host:
        raise SettingError(
            f"A kit cannot use {collector}: it is no HOST:PORT, or one with TLS.", "Name one with --collector."
        )
    if collector is None and host == "0.0.0.0":
        host = _own_address()
    if collector is None and host in ("127.0.0.1", "localhost", "::1"):
        raise SettingError(
            f"The collector listens on {host}: no kit can reach it there.",
            "Let it listen in the network (`citimeasure run --listen 0.0.0.0:1883`, and the same --listen here), or "
            "name the broker's address with --collector.",
        )
    return host, number


def _own_address() -> str:
    """This computer's address in its network; nothing is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of nobody, RFC 5737
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
