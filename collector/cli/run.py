# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure run`: the collector in the foreground."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

import click

from collector.cli.options import with_settings
from collector.settings import Settings

log = logging.getLogger(__name__)


@click.command()
@with_settings("broker", "broker_listen", "broker_group", "stores", "log_format")
def run(settings: Settings) -> None:
    """Collect readings until stopped.

    Ctrl-C or SIGTERM stops it cleanly; starting it again goes on where it was. Nothing that was acknowledged to a kit
    is ever lost, however it ends.

    \b
    citimeasure run                                      embedded broker and store, in ./citimeasure-data
    citimeasure run --broker mqtt://127.0.0.1:1883       with a broker of your own
    citimeasure run --stores sqlite,influx               into InfluxDB as well
    """
    from collector import logs
    from collector.service import serve

    logs.use(settings.log_format)
    stop = threading.Event()

    def end(number: int, _: Any) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)

    def ready(address: str) -> None:
        stores = ", ".join(settings.stores)
        log.info("Collecting: broker %s, folder %s, store %s. Ctrl-C ends.", address, settings.folder, stores)

    serve(settings, stop, ready)
