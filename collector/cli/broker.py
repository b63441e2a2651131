# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure broker`: what brokers of one's own need: certificates, whole set-ups, and the answers to logins."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from collector.cli.options import need_folder, with_settings
from collector.errors import SettingError
from collector.settings import Settings, parse_address

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)
_PORT = click.IntRange(1, 65535)


@click.group()
def broker() -> None:
    """Set up brokers of your own: certificates, files for mosquitto or a cluster, answers to logins."""


@broker.command()
@click.option("--out", type=_FOLDER, required=True, help="The folder for keys and certificates.")
@click.option("--name", "names", multiple=True, required=True, help="Host name or address of the broker; repeatable.")
def certs(out: Path, names: tuple[str, ...]) -> None:
    """Make a private root, and a certificate for the broker with it.

    Kits and the collector get root.crt; root.key stays where nobody else comes. Say it again before the year ends: the
    root stays the same, and only the broker's certificate is new.

    \b
    citimeasure broker certs --out certs --name mqtt.city.example
    """
    from collector.certificates import make

    for path in make(out, names):
        click.echo(f"{path}", err=True)


@broker.group()
def config() -> None:
    """Write the files of a broker."""


@config.command()
@with_settings()
@click.option("--out", type=_FOLDER, required=True, help="The folder for the files.")
@click.option("--certificate", type=_FILE, required=True, help="The broker's certificate, in PEM.")
@click.option("--key", type=_FILE, required=True, help="Its key.")
@click.option("--data", type=_FOLDER, help="Where mosquitto keeps what must outlive it.  [OUT/data]")
@click.option("--kits-port", type=_PORT, default=8883, show_default=True, help="For kits, with TLS.")
@click.option("--collector-port", type=_PORT, default=1884, show_default=True, help="For the collector, local.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the files are not what they should be.")
@click.option("--reload", "pid_file", type=_FILE, metavar="PIDFILE", help="Then let this mosquitto read them again.")
def mosquitto(
    settings: Settings,
    out: Path,
    certificate: Path,
    key: Path,
    data: Path | None,
    kits_port: int,
    collector_port: int,
    check: bool,
    pid_file: Path | None,
) -> None:
    """Write a whole set-up for mosquitto: TLS, passwords, rights, limits, persistence.

    Say it again after kits were added, rotated or locked out; what did not change stays.

    \b
    citimeasure broker config mosquitto --out mosquitto --certificate certs/server.crt --key certs/server.key
    citimeasure broker config mosquitto --out mosquitto --certificate certs/server.crt --key certs/server.key \\
        --reload /run/mosquitto/mosquitto.pid
    """
    from collector import mosquitto
    from collector.registry import Registry

    need_folder(settings)
    _look_at(certificate, key)
    out = out.resolve()
    setup = mosquitto.Setup(
        out, certificate.resolve(), key.resolve(), (data or out / "data").resolve(), kits_port, collector_port
    )
    secret = _secret(out / mosquitto.SECRET)
    passwords = out / mosquitto.PASSWORDS
    with Registry(settings.registry_url) as registry:
        accounts = registry.identity.accounts()
        without = sorted(registry.known_devices() - accounts.keys() - registry.identity.revoked())
    wanted = mosquitto.files(setup, accounts, secret, passwords.read_text() if passwords.exists() else "")
    wanted[mosquitto.SECRET] = secret + "\n"
    stale = _stale(out, wanted)
    if check:
        _tell(out, stale)
    _write(out, stale, setup.data)
    click.echo(f"{len(accounts)} kits may log in; {len(stale)} of {len(wanted)} files written into {out}.", err=True)
    if without:
        click.echo(f"No password yet: {', '.join(without)}. `citimeasure device rotate KIT` gives one.", err=True)
    if pid_file:
        _reload(pid_file)


@config.command()
@click.option("--out", type=_FOLDER, required=True, help="The folder for the files.")
@click.option("--certificate", type=_FILE, required=True, help="The brokers' certificate, in PEM.")
@click.option("--key", type=_FILE, required=True, help="Its key.")
@click.option("--node", "nodes", multiple=True, required=True, metavar="ADDRESS", help="A node, three at least.")
@click.option("--kits-port", type=_PORT, default=8883, show_default=True, help="For kits, with TLS.")
@click.option("--collector-port", type=_PORT, default=1884, show_default=True, help="For the collector, local.")
@click.option("--rpc-port", type=_PORT, default=5363, show_default=True, help="Between nodes.")
@click.option("--raft-port", type=_PORT, default=6003, show_default=True, help="Between nodes.")
@click.option("--logins", default="127.0.0.1:9090", show_default=True, help="Where `broker logins` listens.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if the files are not what they should be.")
def rmqtt(out: Path, certificate: Path, key: Path, nodes: tuple[str, ...], check: bool, **chosen: Any) -> None:
    """Write a whole set-up for a cluster of RMQTT brokers: TLS, logins, rights, limits, and who the others are.

    \b
    citimeasure broker config rmqtt --out rmqtt --certificate certs/server.crt --key certs/server.key \\
        --node 10.0.0.1 --node 10.0.0.2 --node 10.0.0.3
    """
    from collector import rmqtt

    _look_at(certificate, key)
    out = out.resolve()
    wanted = rmqtt.files(rmqtt.Setup(out, nodes, certificate.resolve(), key.resolve(), **chosen))
    wanted[rmqtt.SECRET] = _secret(out / rmqtt.SECRET) + "\n"
    stale = _stale(out, wanted)
    if check:
        _tell(out, stale)
    _write(out, stale)
    click.echo(f"{len(nodes)} nodes; {len(stale)} of {len(wanted)} files written into {out}.", err=True)


@broker.command()
@with_settings()
@click.option("--listen", default="127.0.0.1:9090", show_default=True, help="Where the node on this machine asks.")
@click.option(
    "--valid", type=click.IntRange(min=1), default=21_600, show_default=True, help="A login holds so long [s]."
)
def logins(settings: Settings, listen: str, valid: int) -> None:
    """Answer the logins of a cluster's node on this machine, from the registry, until stopped.

    \b
    citimeasure broker logins
    """
    from collector.ingest.logins import Logins, Server
    from collector.registry import Registry

    password = settings.secret("broker_password")
    if not password:
        raise SettingError(
            "The collector has no password at the broker.", "Name its file with the setting broker_password_file."
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Registry(settings.registry_url) as registry:
        server = Server(*parse_address(listen), Logins(registry.identity.accounts, password, valid=valid))
        click.echo(f"Answering logins: {listen}. Ctrl-C ends.", err=True)
        server.run(stop)


def _look_at(certificate: Path, key: Path) -> None:
    from collector import certificates

    days = certificates.check(certificate, key)
    if days < certificates.WARN_DAYS:
        click.echo(f"Note: {certificate} is good for {days:.0f} days only.", err=True)


def _secret(path: Path) -> str:
    """The collector's password: the one that is there, or a new one."""
    from collector.credentials import new_secret

    return path.read_text().strip() if path.exists() else new_secret()


def _stale(out: Path, wanted: Mapping[str, str]) -> dict[str, str]:
    """The files that are missing or not what they should be."""
    return {
        name: text for name, text in wanted.items() if not (out / name).exists() or (out / name).read_text() != text
    }


def _tell(out: Path, stale: Mapping[str, str]) -> None:
    for name in stale:
        click.echo(f"{out / name} is not what it should be.", err=True)
    raise SystemExit(1 if stale else 0)


def _write(out: Path, texts: Mapping[str, str], *folders: Path) -> None:
    try:
        for folder in (out, *folders):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        for name, text in texts.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            new = out / f"{name}.new"
            new.unlink(missing_ok=True)
            new.touch(mode=0o600)
            new.write_text(text)
            if (out / name).exists():
                there = (out / name).stat()
                if os.geteuid() == 0:
                    os.chown(new, there.st_uid, there.st_gid)  # the broker's, which must still be able to read it
            new.replace(out / name)
    except OSError as error:
        raise SettingError(f"{out} cannot be written: {error.strerror}.", "Name another folder with --out.") from error


def _reload(pid_file: Path) -> None:
    try:
        os.kill(int(pid_file.read_text()), signal.SIGHUP)
    except (OSError, ValueError) as error:
        raise SettingError(
            f"mosquitto could not be told to read the files again ({pid_file}: {error}).",
            "The files are written. Restart mosquitto, or send it SIGHUP.",
        ) from error
    click.echo("mosquitto reads them again.", err=True)
