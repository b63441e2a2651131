# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure fleet`: sign releases of the kits' application, order updates, and see how they went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collector.cli.options import emit, need_folder, output_option, with_settings
from collector.errors import DataError, NetworkError, NothingFound, UsageError
from collector.moments import iso
from collector.settings import Settings

if TYPE_CHECKING:
    from firmware.sign import Release

_FOLDER = click.Path(path_type=Path, file_okay=False)
_ID = click.option("--device", "devices", multiple=True, metavar="ID", help="Only this kit; may be repeated. [all]")
_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def fleet() -> None:
    """Update kits, and see how they do."""


@contextmanager
def _signing() -> Iterator[None]:
    from firmware.sign import SigningError

    try:
        yield
    except SigningError as error:
        raise DataError(str(error)) from error


@fleet.command()
@click.argument("folder", type=_FOLDER)
@click.option("--passphrase", is_flag=True, help="Protect the private keys with one; openssl asks for it.")
def keys(folder: Path, passphrase: bool) -> None:
    """Make the two pairs of keys that sign releases: the current one and the next.

    The .pub files go onto each kit when it is flashed. The .pem files are secret: who has one of them can put a
    program on every kit. Keep them off the server, and next.pem in another place than current.pem.

    \b
    citimeasure fleet keys keys
    """
    from firmware.sign import make_keys

    with _signing():
        for path in make_keys(folder, passphrase=passphrase):
            click.echo(path)


@fleet.command()
@click.argument("tree", type=_FOLDER)
@click.option("--version", required=True, help="Three numbers, as in the files themselves, say 0.2.0.")
@click.option("--key", required=True, type=click.Path(path_type=Path), help="A private key, .pem.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder of the release.")
@click.option("--board", default="kit-1", show_default=True, help="The model of kit it is for.")
@click.option("--arch", default="any", show_default=True, help="Architecture of .mpy files with native code.")
@click.option("--runtime", default="1.25", show_default=True, help="The oldest MicroPython that will do.")
def sign(tree: Path, version: str, key: Path, out: Path, board: str, arch: str, runtime: str) -> None:
    """Make a signed release of the files in TREE/kit.

    Put the folder on a web server as it is.

    \b
    citimeasure fleet sign build/tree --version 0.2.0 --key keys/current.pem --out 0.2.0
    """
    from firmware.sign import Release, sign_release

    with _signing():
        made = sign_release(tree, out, key, Release(version, runtime, board, arch, int(time.time()), 1, 1))
    click.echo(f"{out}: version {made.version}, {made.files} files, {made.size} bytes", err=True)


@fleet.command()
@with_settings("broker", "broker_listen")
@click.argument("url")
@click.option("--keys", "folder_of_keys", required=True, type=_FOLDER, help="The folder with the .pub files.")
@click.option(
    "--percent", type=click.IntRange(1, 100), default=100, show_default=True, help="How many kits may take it."
)
@_ID
@click.option("--dry-run", is_flag=True, help="Show what would be ordered, and order nothing.")
@_YES
@output_option
def update(
    settings: Settings, url: str, folder_of_keys: Path, percent: int, devices: tuple[str, ...], dry_run: bool,
    yes: bool, output: str,
) -> None:  # fmt: skip
    """Order kits to update to the release at URL.

    The release is fetched and checked first as kits will check it. Which kits are among the first PERCENT is decided
    by a hash of the device and the version: raising it later adds kits, and takes none away. The order stays at the
    broker for kits that are off.

    \b
    citimeasure fleet update https://kits.example.org/0.2.0/ --keys keys --percent 10
    """
    from collector.fleet import Fleet, order
    from firmware.sign import takes_part

    url = url.rstrip("/") + "/"
    release = _check_release(url, folder_of_keys)
    chosen = _devices(settings, devices)
    with Fleet(settings) as kits:
        statuses = kits.statuses()
        rows = []
        for device in chosen:
            status = statuses.get(device)
            rows.append(
                {
                    "device": device,
                    "online": status.online if status else None,
                    "now": status.fw if status else None,
                    "ordered": release.version,
                    "takes part": takes_part(device, release.version, percent),
                }
            )
        emit(rows, output)
        part = sum(bool(row["takes part"]) for row in rows)
        text = f"version {release.version} for {part} of {len(rows)} kits"
        if dry_run:
            click.echo(f"Would order {text}.", err=True)
            return
        if not yes:
            click.confirm(f"Order {text}?", abort=True, err=True)
        kits.publish(dict.fromkeys(chosen, order(release.version, url, percent, int(time.time()))))
    click.echo(f"Ordered {text}. `citimeasure fleet status` shows how it goes.", err=True)


@fleet.command()
@with_settings("broker", "broker_listen")
@_ID
@_YES
def withdraw(settings: Settings, devices: tuple[str, ...], yes: bool) -> None:
    """Take back orders to update.

    Kits that have not begun stay as they are; those that have carried it out keep the new version.
    """
    from collector.fleet import Fleet

    chosen = _devices(settings, devices)
    if not yes:
        click.confirm(f"Take back the orders of {len(chosen)} kits?", abort=True, err=True)
    with Fleet(settings) as kits:
        kits.publish(dict.fromkeys(chosen, b""))
    click.echo(f"Took back the orders of {len(chosen)} kits.", err=True)


@fleet.command()
@with_settings("broker", "broker_listen")
@click.option("--failed", is_flag=True, help="Only kits whose update was refused or rolled back.")
@output_option
def status(settings: Settings, failed: bool, output: str) -> None:
    """Show which version each kit runs, when it was last seen, and how its last update went.

    A kit was last seen at the end of the newest reading that was taken from it; fallbacks counts how often it went
    back to the version before.

    \b
    citimeasure fleet status --failed
    """
    from collector.fleet import Fleet, in_words

    need_folder(settings)
    with Fleet(settings) as kits:
        statuses = kits.statuses()
    readings = _last_readings(settings)
    rows = []
    for device in sorted({*statuses, *_registered(settings)}):
        one = statuses.get(device)
        if failed and (one is None or one.update not in ("refused", "rolled back")):
            continue
        rows.append(
            {
                "device": device,
                "online": one.online if one else None,
                "last seen": iso(readings[device]) if device in readings else None,
                "version": one.fw if one else None,
                "update": one.update or None if one else None,
                "to": one.version or None if one else None,
                "fallbacks": one.fallbacks if one else None,
                "code": one.reason.partition(":")[0] or None if one else None,
                "reason": in_words(one.reason) or None if one else None,
                "queued": one.queued if one else None,
            }
        )
    notes = [] if rows else ["No kit has a failed update." if failed else "No kit is registered or has said anything."]
    emit(rows, output, notes=notes)


def _last_readings(settings: Settings) -> dict[str, int]:
    from collector.ingest.spool import FILE, Spool

    if not (settings.folder / FILE).exists():
        return {}
    spool = Spool(settings.folder)
    try:
        return spool.newest_of_all()
    finally:
        spool.close()


def _registered(settings: Settings) -> list[str]:
    from collector.registry import Registry

    with Registry(settings.registry_url) as registry:
        return [one.id for one in registry.devices() if not one.simulated]


def _devices(settings: Settings, wanted: tuple[str, ...]) -> list[str]:
    """The kits that are meant; NothingFound for one that is not registered."""
    need_folder(settings)
    known = _registered(settings)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise NothingFound(f"There is no kit {', '.join(unknown)}.", "`citimeasure device list` shows those there are.")
    if not known:
        raise NothingFound("No kit is registered.", "`citimeasure device add` registers one.")
    return sorted(wanted or known)


def _check_release(url: str, folder: Path) -> Release:
    """Fetches a release and checks it as a kit would."""
    from firmware.sign import FILES, MANIFEST, MAX_MANIFEST, MAX_SIZE, SIGNATURE, read_public_keys, verify_release

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no address.", "Write the http(s) address of the release's folder.")
    public = sorted(folder.glob("*.pub"))
    if not public:
        raise UsageError(f"There is no .pub file in {folder}.", "`citimeasure fleet keys` makes keys.")
    with _signing():
        moduli = read_public_keys(public)
        manifest = _fetch(url + MANIFEST, MAX_MANIFEST)
        return verify_release(manifest, _fetch(url + SIGNATURE, 1024), _fetch(url + FILES, MAX_SIZE), moduli)


def _fetch(url: str, limit: int) -> bytes:
    import urllib3

    hint = "Kits need the same address: check it, and that the server gives the file without a redirect."
    try:
        answer = urllib3.request("GET", url, redirect=False, retries=False, timeout=30, preload_content=False)
        content: bytes = answer.read(limit + 1)
        answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise NetworkError(f"{url} cannot be fetched: {error}.", hint) from error
    if answer.status != 200:
        raise NetworkError(f"{url} cannot be fetched: HTTP {answer.status}.", hint)
    if "content-length" not in answer.headers:
        raise NetworkError(f"The server does not say how long {url} is; kits need that.", hint)
    if len(content) > limit:
        raise DataError(f"{url} is longer than {limit} bytes: no kit would take it.")
    return content
