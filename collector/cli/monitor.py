# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure monitor`: what a board says."""

from __future__ import annotations

import signal
import threading

import click

from collector.cli.boards import told_plainly
from collector.cli.cable import port_option


@click.command()
@port_option
def monitor(port: str | None) -> None:
    """Show what a board says, with the time.

    A board that is unplugged or restarts is waited for. Nothing is sent to it. Ctrl-C ends. In tracebacks of this very
    version functions have their names; a board itself knows short ones only.

    \b
    citimeasure monitor
    """
    from firmware.build import modules
    from firmware.monitor import watch
    from firmware.names import full_trace, short_names
    from firmware.ports import find_port

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with told_plainly():
        names = short_names(modules())
        name = port or find_port()
        click.echo(f"Listening to {name}. Ctrl-C ends.", err=True)
        for line in watch(name, stop.is_set, lambda text: click.echo(text, err=True)):
            click.echo(full_trace(line, names))
