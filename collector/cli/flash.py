# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure flash`: MicroPython and the kit's files onto a board, checked before and afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.boards import told_plainly
from collector.cli.options import emit, output_option, progress
from collector.errors import UsageError

if TYPE_CHECKING:
    from firmware.chips import Chip
    from firmware.factory import Given
    from firmware.flash import Board, Link, Part
    from firmware.keep import Kept
    from firmware.runtime import Place, Runtime

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("port", required=False)
@click.option("--runtime", metavar="FILE", help="MicroPython's image (.bin) for the chip, or its address.")
@click.option("--sha256", metavar="SUM", help="What the image's SHA-256 must be; an address needs it.")
@click.option("--pin", type=_FILE, metavar="FILE", help="A table of images and their SHA-256; a new image is added.")
@click.option("--config", type=_FILE, metavar="FILE", help="The kit's settings (config.json).")
@click.option("--secret", type=_FILE, metavar="FILE", help="The kit's passwords (secret.json).")
@click.option("--keys", type=_FOLDER, metavar="DIR", help="The city's .pub files; without, the kit takes no updates.")
@click.option(
    "--root", "roots", type=_FILE, multiple=True, metavar="FILE", help="A broker's root certificate; at most 2."
)
@click.option("--keep-data", is_flag=True, help="Keep readings, settings and keys; needs no --runtime.")
@click.option("--in-boot", is_flag=True, help="The board waits already: you held its button Boot.")
@click.option("--baud", default=460_800, show_default=True, help="Slower may help with a long cable: 115200.")
@click.option("--no-stub", is_flag=True, help="Without esptool's helper on the board: slower, for odd boards.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
def flash(
    port: str | None, config: Path | None, secret: Path | None, keys: Path | None, output: str, **how: Any
) -> None:
    """Put MicroPython and the kit's firmware onto a board.

    PORT is found by itself if one board is plugged in. What lies on the board, readings that were not sent yet too, is
    replaced, unless --keep-data says that only the application is. Every step may be repeated: what is there already is
    not written again.

    \b
    citimeasure flash --dry-run
    citimeasure flash --runtime ESP32_GENERIC_S3-20250415-v1.25.0.bin --config config.json --keys keys
    citimeasure flash --keep-data
    """
    from firmware import factory
    from firmware.flash import Link, identify
    from firmware.keep import Kept, find_files
    from firmware.ports import find_port
    from firmware.runtime import parse

    given, keep, dry = factory.Given(config, secret, keys, how["roots"]), how["keep_data"], how["dry_run"]
    with told_plainly():
        # What needs no board first: nobody should plug one in to hear of a misspelt file.
        factory.settings(given)
        factory.keys(keys)
        factory.roots(given.roots)
        runtime = _image(how["runtime"], how["sha256"], how["pin"]) if how["runtime"] else None
        link = Link(port or find_port(), how["baud"], how["in_boot"], not how["no_stub"])
        board = identify(link)
        click.echo(f"{link.port}: {board.revision}, {board.flash >> 20} MB of flash, {board.mac}", err=True)
        if runtime is None and how["pin"]:
            runtime = _pinned(how["pin"], board.chip)
        if runtime:
            parse(runtime.data, board.chip)
            place = runtime.files_at(board.flash)
        elif keep:
            place = find_files(link, board)
        elif dry:
            emit(_rows(link.port, board, []), output)
            return
        else:
            raise UsageError(
                f"Which MicroPython? The board is an {board.chip.name}.",
                f"Download the newest .bin from {board.chip.page} and name it with --runtime.",
            )
        if not dry:
            _ask(how["yes"], keep)
        kept = Kept(Path(click.get_app_dir("citimeasure")), board)
        if keep and not dry:
            given = replace(given, kept=_keep(link, board, kept))
        parts = _parts(board, runtime, place, given)
        if not dry:
            _write(link, parts, kept)
    emit(_rows(link.port, board, parts), output)


def _image(where: str, sha256: str | None, table: Path | None) -> Runtime:
    """MicroPython's image, checked against its sum or the table; what the table does not know yet is noted there."""
    from firmware import pins
    from firmware import runtime as runtimes

    known = pins.find(pins.read(table), where) if table else None
    if known and sha256 and sha256.lower() != known.sha256:
        raise UsageError(f"--sha256 is not what {table} says of {known.name}.", "Which of the two is right?")
    expected = known.sha256 if known else sha256
    with progress("downloading, kB", None) as bar:
        data = runtimes.fetch(where, expected, _in_kb(bar), first=table is not None)
    runtime = runtimes.parse(data)
    if table and not known:
        pins.add(table, pins.pin(runtime.chip.name, where, runtime.sha256))
        if not sha256:
            click.echo(
                f"First use of this image: {runtime.sha256} is now in {table}. Nobody has checked it yet: compare it "
                "with what somebody else gets, then commit the file. From now on it must be the same.", err=True,
            )  # fmt: skip
    return runtime


def _pinned(table: Path, chip: Chip) -> Runtime:
    """The newest image that the table has for a chip."""
    from firmware import pins

    one = pins.newest(pins.read(table), chip.name)
    if one is None:
        raise UsageError(
            f"{table} has no address of an image for an {chip.name}.",
            f"Name one from {chip.page} with --runtime once: it is added.",
        )
    return _image(one.url, None, table)


def _keep(link: Link, board: Board, kept: Kept) -> dict[str, bytes]:
    """The board's files; those that an earlier try has read, if it did not come to its end."""
    from firmware import keep

    if kept.since:
        click.echo(
            f"An earlier try read the board at {kept.since} and was not done with writing: its copy is used. If the "
            f"board has run since, remove {kept.path} and begin again.", err=True,
        )  # fmt: skip
    else:
        place = keep.find_files(link, board)
        with progress("reading, kB", place.blocks * 4) as bar:
            keep.save(link, place, kept, _in_kb(bar))
    return kept.files()


def _parts(board: Board, runtime: Runtime | None, place: Place, given: Given) -> list[Part]:
    """What shall lie in the flash of that board."""
    from firmware import build, factory, image
    from firmware.flash import Part

    files = factory.contents(board.chip.machine, build.tree(board.chip.machine), given)
    if not any(path.startswith("/keys/") for path in files):
        click.echo(
            "This kit knows no keys: it will take no update over the air. `citimeasure fleet keys keys` makes a city's "
            "keys, once; then flash with --keys keys.", err=True,
        )  # fmt: skip
    parts = [Part("micropython", board.chip.offset, runtime.data)] if runtime else []
    return [*parts, Part("files", place.offset, image.image(files, place.blocks))]


def _write(link: Link, parts: list[Part], kept: Kept) -> None:
    from firmware import flash as tools

    total = sum(len(part.data) for part in parts) // 1024
    with progress("writing, kB", total) as bar:
        tools.write(link, parts, _in_kb(bar))
    kept.forget()  # esptool has compared each part's sum: from here on the board has the newer readings
    with progress("verifying, kB", total) as bar:
        tools.verify(link, parts, _in_kb(bar))
    after = "Press" if link.in_boot else "If nothing happens within a minute, press"
    click.echo(f"Written and verified. {after} the button Reset.", err=True)


def _in_kb(bar: Callable[[int], None]) -> Callable[[int], None]:
    """For a bar that counts kB: takes bytes."""
    return lambda done: bar(done // 1024)


def _ask(yes: bool, keep: bool) -> None:
    if yes:
        return
    what = "the application" if keep else "all that lies"
    if not sys.stdin.isatty():
        raise UsageError(f"Flashing replaces {what} on the board.", "Say --yes if that is meant.")
    click.confirm(f"This replaces {what} on the board. Go on?", abort=True, err=True)


def _rows(port: str, board: Board, parts: list[Part]) -> list[dict[str, object]]:
    """One for each part of the flash; without parts, one for the board."""
    from hashlib import sha256

    about = {"port": port, "chip": board.chip.name, "mac": board.mac, "flash": board.flash}
    found = [
        {"part": part.name, "offset": part.offset, "bytes": len(part.data), "sha256": sha256(part.data).hexdigest()}
        for part in parts
    ]
    return [{**about, **one} for one in found] or [about]
