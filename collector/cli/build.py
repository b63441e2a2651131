# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure build`: the firmware as the files that lie on a board, and how large they are."""

from __future__ import annotations

from pathlib import Path

import click

from collector.cli.boards import told_plainly
from collector.cli.options import emit, output_option, progress
from firmware.chips import MACHINES


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", default="firmware-build", show_default=True,
    help="Gets a folder for each kind of machine code.",
)  # fmt: skip
@click.option(
    "--machine", "machines", type=click.Choice(MACHINES), multiple=True,
    help="Only this one: xtensawin for ESP32 and S3, rv32imc for C3 and C6, x86 for tests.",
)  # fmt: skip
@click.option("--sizes-out", type=click.Path(path_type=Path), metavar="FILE", help="Write the sizes, to be committed.")
@output_option
def build(out: Path, machines: tuple[str, ...], sizes_out: Path | None, output: str) -> None:
    """Compile the kit's firmware, and show its size.

    Modules with functions in machine code differ between machines; the others are the same for all (any). Copying one
    of the folders onto a board that runs MicroPython is all that is needed; `flash` does it for you.

    \b
    citimeasure build
    citimeasure build --sizes-out firmware/sizes.csv
    """
    from firmware import build as tools

    chosen = machines or MACHINES
    with told_plainly(), progress("compiling", len(chosen)) as report:
        sizes = tools.build(out, chosen, report=report)
        complaints = tools.outgrown(sizes, tools.read_sizes())
        if sizes_out:
            tools.write_sizes(sizes, sizes_out)
    notes = [f"Larger than before: {one}." for one in complaints]
    rows = [{"module": module, "machine": machine, "bytes": size} for (module, machine), size in sizes.items()]
    emit(rows, output, notes=[*notes, f"Written into {out}."])
