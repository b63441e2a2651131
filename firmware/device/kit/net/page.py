# SPDX-License-Identifier: EUPL-1.2
"""The kit's own page in the home network: what it measures now, what it sends and to whom, and whether it arrives.

Read-only, without secrets. `/measures` is the same as JSON. In set-up mode, on the kit's own network, the portal uses
the same page to ask for the settings.
"""

import asyncio
import json

from kit.data.message import FIRMWARE
from kit.data.quantities import NAMES, text
from kit.net.http import Server, answer

PAGE = "/".join(__file__.split("/")[:-1]) + "/page.html"


def measures(app):
    """What the page shows, as JSON text."""
    now = app.clock.uptime_ms()
    uplink, store = app.uplink, app.store
    newest = store.newest
    values = {NAMES[code]: text(value) for code, value in newest.values} if newest else {}
    about = {
        "device": app.settings["device"],
        "fw": FIRMWARE,
        "state": app.state.word,
        "values": values,
        "age_s": now // 1000 - newest.uptime if newest and newest.uptime is not None else None,
        "acked_s": None if uplink.last_ack is None else (now - uplink.last_ack) // 1000,
        "waiting": store.held,
        "dropped": store.dropped,
        "counts": uplink.counts,
        "errors": app.errors,
        "sensors": [driver.NAME for driver in app.drivers],
        "to": app.settings["host"],
        "tls": app.settings["tls"],
        "grid": app.settings["grid"],
        "uptime_s": now // 1000,
        "clock": app.clock.known,
    }
    return json.dumps(about)


class Page:
    """The server. While the portal is open, it answers."""

    def __init__(self, app, port=80):
        self._app, self._port = app, port

    async def run(self):
        """Runs for ever."""
        await Server(self._handle).start(self._port)
        while True:
            self._app.watchdog.alive("page", 7200)
            await asyncio.sleep(3600)

    async def _handle(self, request, writer, peer):
        portal = self._app.portal
        if portal and portal.open:
            await portal.handle(request, writer, peer)
        elif request.method != "GET":
            await answer(writer, 403, b"this page only shows", "text/plain")
        elif request.path == "/":
            await answer(writer, 200, PAGE, "text/html; charset=utf-8")
        elif request.path == "/measures":
            await answer(writer, 200, measures(self._app).encode())
        else:
            await answer(writer, 404, b"", "text/plain")
