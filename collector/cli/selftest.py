# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure selftest`: a board looks at itself, and tells in words that can be pasted to others."""

from __future__ import annotations

import click

from collector import __version__
from collector.cli.boards import told_plainly
from collector.cli.cable import port_option
from collector.errors import BoardError


@click.command()
@port_option
def selftest(port: str | None) -> None:
    """Let a board check itself, and print what it found.

    Bus, sensors, microphone, flash, network, memory. It holds no password, no name of a Wi-Fi, and no address of the
    chip, so it can be pasted to others. The kit measures nothing for half a minute, and restarts at the end.

    \b
    citimeasure selftest
    """
    from firmware.ports import find_port
    from firmware.selftest import look

    with told_plainly():
        name = port or find_port()
        click.echo(f"The board on {name} looks at itself; half a minute.", err=True)
        click.echo(f"citimeasure {__version__} selftest")
        findings = look(name, click.echo)
    wrong = [one.part for one in findings if one.fine is False]
    if not findings:
        raise BoardError("The board found nothing to say.", "Put the firmware on it anew.")
    if wrong:
        raise BoardError(f"Wrong: {', '.join(wrong)}.", "Paste the lines above when you ask others for help.")
