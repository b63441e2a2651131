# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure flash`: MicroPython and the kit's files onto a board, checked before and afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collector.cli.boards import told_plainly
from collector.cli.options import emit, output_option, progress
from collector.errors import UsageError

if TYPE_CHECKING:
    from firmware.flash import Board, Link, Part

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("port", required=False)
@click.option("--runtime", metavar="FILE", help="MicroPython's image (.bin) for the chip, or its address.")
@click.option("--sha256", metavar="SUM", help="What the image's SHA-256 must be; an address needs it.")
@click.option("--config", type=_FILE, metavar="FILE", help="The kit's settings (config.json).")
@click.option("--secret", type=_FILE, metavar="FILE", help="The kit's passwords (secret.json).")
@click.option("--in-boot", is_flag=True, help="The board waits already: you held its button Boot.")
@click.option("--baud", default=460_800, show_default=True, help="Slower may help with a long cable: 115200.")
@click.option("--no-stub", is_flag=True, help="Without esptool's helper on the board: slower, for odd boards.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
def flash(
    port: str | None, runtime: str | None, sha256: str | None, config: Path | None, secret: Path | None, output: str,
    **how: Any,
) -> None:  # fmt: skip
    """Put MicroPython and the kit's firmware onto a board.

    PORT is found by itself if one board is plugged in. What lies on the board, readings that were not sent yet too, is
    replaced. Every step may be repeated: what is there already is not written again.

    \b
    citimeasure flash --dry-run
    citimeasure flash --runtime ESP32_GENERIC_S3-20250415-v1.25.0.bin --config config.json --secret secret.json
    """
    from firmware import image
    from firmware import runtime as runtimes
    from firmware.flash import Link, identify
    from firmware.ports import find_port

    with told_plainly():
        # What needs no board first: nobody should plug one in to hear of a misspelt file.
        data = runtimes.fetch(runtime, sha256) if runtime else b""
        if runtime:
            runtimes.parse(data)
        image.contents({}, config, secret)
        link = Link(port or find_port(), how["baud"], how["in_boot"], not how["no_stub"])
        board = identify(link)
        click.echo(f"{link.port}: {board.revision}, {board.flash >> 20} MB of flash, {board.mac}", err=True)
        if not runtime and not how["dry_run"]:
            raise UsageError(
                f"Which MicroPython? The board is an {board.chip.name}.",
                f"Download the newest .bin from {board.chip.page} and name it with --runtime.",
            )
        parts = _parts(board, data, config, secret) if runtime else []
        if not how["dry_run"]:
            _ask(how["yes"])
            _write(link, parts)
    emit(_rows(link.port, board, parts), output)


def _parts(board: Board, data: bytes, config: Path | None, secret: Path | None) -> list[Part]:
    """What shall lie in the flash of that board."""
    from firmware import build, image
    from firmware import runtime as runtimes
    from firmware.flash import Part

    runtime = runtimes.parse(data, board.chip)
    place = runtime.files_at(board.flash)
    files = image.contents(build.tree(board.chip.machine), config, secret)
    return [
        Part("micropython", board.chip.offset, runtime.data),
        Part("files", place.offset, image.image(files, place.blocks)),
    ]


def _write(link: Link, parts: list[Part]) -> None:
    from firmware import flash as tools

    total = sum(len(part.data) for part in parts) // 1024
    for text, step in (("writing, kB", tools.write), ("verifying, kB", tools.verify)):
        with progress(text, total) as bar:
            step(link, parts, _in_kb(bar))
    after = "Press" if link.in_boot else "If nothing happens within a minute, press"
    click.echo(f"Written and verified. {after} the button Reset.", err=True)


def _in_kb(bar: Callable[[int], None]) -> Callable[[int], None]:
    """For a bar that counts kB: takes bytes."""
    return lambda done: bar(done // 1024)


def _ask(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("Flashing replaces all that lies on the board.", "Say --yes if that is meant.")
    click.confirm("This replaces all that lies on the board. Go on?", abort=True, err=True)


def _rows(port: str, board: Board, parts: list[Part]) -> list[dict[str, object]]:
    """One for each part of the flash; without parts, one for the board."""
    from hashlib import sha256

    about = {"port": port, "chip": board.chip.name, "mac": board.mac, "flash": board.flash}
    found = [
        {"part": part.name, "offset": part.offset, "bytes": len(part.data), "sha256": sha256(part.data).hexdigest()}
        for part in parts
    ]
    return [{**about, **one} for one in found] or [about]
