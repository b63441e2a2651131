# SPDX-License-Identifier: EUPL-1.2
"""Runs the API until it is stopped: one process, uvicorn, on the address of the setting api_listen."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from collector.api.app import make_app
from collector.api.desk import Desk
from collector.errors import SettingError
from collector.settings import Settings, parse_address

CONNECTIONS = 500  # at once; more get 503
_IDLE = 15  # between two requests of a connection [s]
_LEAVE = 25  # for what is being answered when it stops [s]


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Answers until SIGTERM or SIGINT; `ready` is told the address. SettingError if that cannot be had."""
    host, port = parse_address(settings.api_listen)
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        raise SettingError(
            f"The API cannot listen on {host}:{port}: {error.strerror}.",
            "Another program may be listening there. Choose another address with --listen or the setting api_listen.",
        ) from error
    with listening:
        desk = Desk(settings)
        app = make_app()
        app.state.desk = desk
        try:
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=CONNECTIONS,
                timeout_keep_alive=_IDLE,
                timeout_graceful_shutdown=_LEAVE,
                lifespan="off",
                ws="none",
            )
            ready(f"http://{host}:{port}/v1/docs")
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            desk.close()
