# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure device rotate|revoke|token`: who may log in as a kit. `device add` uses `hand_over` as well.

A password or token is shown once, on stderr, or written into a file that only its owner may read.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from collector.cli.options import Span, need_folder, with_settings
from collector.errors import SettingError
from collector.moments import iso
from collector.settings import Settings

_FILE = click.Path(path_type=Path, dir_okay=False)
password_file_option = click.option(
    "--password-file", type=_FILE, metavar="FILE", help="Write the password there instead of showing it once."
)


@click.command()
@with_settings("broker")
@click.argument("device")
@click.option("--grace", type=Span(), metavar="SPAN", help="The old password holds so long yet, say 24h. [not at all]")
@password_file_option
def rotate(settings: Settings, device: str, grace: int | None, password_file: Path | None) -> None:
    """Give a kit a new password; the old one ends.

    It also lets a kit in again that was locked out. The grace holds at the embedded broker.

    \b
    citimeasure device rotate kit-7hx3m9ab --password-file kit.password
    citimeasure provision kit-7hx3m9ab --mqtt-password-file kit.password
    """
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        password = registry.identity.set_password(device, grace=grace or 0)
    hand_over(f"Password of {device}", password, password_file)
    _remind(settings)


@click.command()
@with_settings("broker")
@click.argument("device")
def revoke(settings: Settings, device: str) -> None:
    """Lock a kit out: its passwords and tokens end, and its readings are not taken.

    What it sent before stays. `citimeasure device rotate` lets it in again.
    """
    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        registry.identity.revoke(device)
    click.echo(
        f"{device} is locked out: the collector takes nothing of it, and the embedded broker no login.", err=True
    )
    _remind(settings)


@click.command()
@with_settings()
@click.argument("device")
@click.option("--valid", type=Span(), default="7d", show_default=True, metavar="SPAN", help="How long it is good.")
@click.option("--token-file", type=_FILE, metavar="FILE", help="Write the token there instead of showing it once.")
def token(settings: Settings, device: str, valid: int, token_file: Path | None) -> None:
    """Make a token with which a kit can be set up once.

    Whoever sets the kit up gives it to `citimeasure provision --token-file FILE`, and never sees the password.

    \b
    citimeasure device token kit-7hx3m9ab --valid 24h
    """
    import time

    from collector.registry import Registry

    need_folder(settings)
    with Registry(settings.registry_url) as registry:
        made = registry.identity.new_token(device, valid)
    hand_over(f"Token for {device}, good once and until {iso(int(time.time()) + valid)}", made, token_file)


def hand_over(what: str, secret: str, file: Path | None) -> None:
    """Shows a secret once, or writes it into a file of mode 0600."""
    if file is None:
        click.echo(f"{what}, shown this once: {secret}", err=True)
        return
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:  # noqa: PTH123 - needs the mode
            os.fchmod(out.fileno(), 0o600)
            out.write(secret + "\n")
    except OSError as error:
        raise SettingError(f"{file} cannot be written: {error.strerror}.", "Name another file.") from error
    click.echo(f"{what}: in {file}", err=True)


def _remind(settings: Settings) -> None:
    if settings.broker != "embedded":
        click.echo(
            "A broker of your own does not learn it by itself: change its password file, and let it read that again.",
            err=True,
        )
