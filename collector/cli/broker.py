# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure broker`: what a broker of one's own needs, certificates and a whole set-up for mosquitto."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import click

from collector.cli.options import need_folder, with_settings
from collector.errors import SettingError
from collector.settings import Settings

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def broker() -> None:
    """Set up a broker of your own: certificates, and files for mosquitto."""


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
@click.option("--kits-port", type=click.IntRange(1, 65535), default=8883, show_default=True, help="For kits, with TLS.")
@click.option(
    "--collector-port", type=click.IntRange(1, 65535), default=1884, show_default=True, help="For the collector, local."
)
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
    from collector import certificates, mosquitto
    from collector.credentials import new_secret
    from collector.registry import Registry

    need_folder(settings)
    days = certificates.check(certificate, key)
    if days < certificates.WARN_DAYS:
        click.echo(f"Note: {certificate} is good for {days:.0f} days only.", err=True)
    out = out.resolve()
    setup = mosquitto.Setup(
        out, certificate.resolve(), key.resolve(), (data or out / "data").resolve(), kits_port, collector_port
    )
    secret_file = out / mosquitto.SECRET
    secret = secret_file.read_text().strip() if secret_file.exists() else new_secret()
    passwords = out / mosquitto.PASSWORDS
    with Registry(settings.registry_url) as registry:
        accounts = registry.identity.accounts()
        without = sorted(registry.known_devices() - accounts.keys() - registry.identity.revoked())
    wanted = mosquitto.files(setup, accounts, secret, passwords.read_text() if passwords.exists() else "")
    wanted[mosquitto.SECRET] = secret + "\n"
    stale = [name for name, text in wanted.items() if not (out / name).exists() or (out / name).read_text() != text]
    if check:
        for name in stale:
            click.echo(f"{out / name} is not what it should be.", err=True)
        raise SystemExit(1 if stale else 0)
    _write(out, setup.data, {name: wanted[name] for name in stale})
    click.echo(f"{len(accounts)} kits may log in; {len(stale)} of {len(wanted)} files written into {out}.", err=True)
    if without:
        click.echo(f"No password yet: {', '.join(without)}. `citimeasure device rotate KIT` gives one.", err=True)
    if pid_file:
        _reload(pid_file)


def _write(out: Path, data: Path, texts: dict[str, str]) -> None:
    try:
        for folder in (out, data):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        for name, text in texts.items():
            new = out / f"{name}.new"
            new.unlink(missing_ok=True)
            new.touch(mode=0o600)
            new.write_text(text)
            if (out / name).exists():
                there = (out / name).stat()
                if os.geteuid() == 0:
                    os.chown(new, there.st_uid, there.st_gid)  # mosquitto's, who must still be able to read it
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
