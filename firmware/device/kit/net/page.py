# SPDX-License-Identifier: EUPL-1.2
"""The kit's own page in the home network: what it measures now, what it sends and to whom, and whether it arrives.

Read-only, without secrets. `/measures` is the same as JSON. In set-up mode, on the kit's own network, the portal uses
the same page to ask for the settings.
"""

from kit.data.message import FIRMWARE, pieces
from kit.data.quantities import NAMES, text
from kit.net.http import answer, serve

PAGE = "/".join(__file__.split("/")[:-1]) + "/page.html"


def measures(app):
    """What the page shows, as JSON in pieces."""
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
    return pieces(about)


async def show(app, reader, writer):
    """Answers one request; while the portal is open, that answers."""

    async def handle(request, writer, peer):
        if app.portal and app.portal.open:
            await app.portal.handle(request, writer, peer)
        elif request.method != "GET":
            await answer(writer, 403, b"this page only shows", "text/plain")
        elif request.path == "/":
            await answer(writer, 200, PAGE, "text/html; charset=utf-8")
        elif request.path == "/measures":
            await answer(writer, 200, measures(app))
        else:
            await answer(writer, 404, b"", "text/plain")

    await serve(reader, writer, handle)
