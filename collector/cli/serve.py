# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure serve`: the API in the foreground."""

from __future__ import annotations

import logging

import click

from collector.cli.options import need_folder, with_settings
from collector.extras import need
from collector.settings import Settings

log = logging.getLogger(__name__)


@click.command()
@with_settings("api_listen", "stores", "log_format")
def serve(settings: Settings) -> None:
    """Answer questions over HTTP, for programs of cities and researchers.

    What can be asked, and a page to try it out, is at /v1/docs. It only reads, and runs beside the collector. Ctrl-C or
    SIGTERM stops it.

    \b
    citimeasure serve
    citimeasure serve --folder my-city --listen 127.0.0.1:8010
    curl 'http://127.0.0.1:8010/v1/series?source=kit-7hx3m9ab&quantity=pm25'
    """
    from collector import logs

    for package in ("fastapi", "uvicorn", "fastapi_offline"):
        need("The API", package, "api")
    from collector.api.server import serve as run

    logs.use(settings.log_format)
    need_folder(settings)

    def ready(address: str) -> None:
        log.info("Answering: %s, folder %s, store %s. Ctrl-C ends.", address, settings.folder, settings.stores[0])

    run(settings, ready)
