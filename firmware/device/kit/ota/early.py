# SPDX-License-Identifier: EUPL-1.2
"""Downloads a release; on a board with little memory before the application is imported, right after a start.

The order lies in /update.json, and is removed before it is tried: whatever happens, the next start measures again.
"""

import asyncio
import os

from kit import board
from kit.data.message import FIRMWARE
from kit.ota import fetch, slots
from kit.ota.order import EARLY, read
from kit.ota.verify import Refused

_TRY_S = const(20)
_TRIES = const(15)


async def attempt(order, version, url, open_=None):
    """None when the next start is the new version's, else the refusal, which is kept. OSError if it was cut off."""
    try:
        await fetch.install(url, version, FIRMWARE, board.NAME, open_ or _open)
        return None
    except Refused as error:
        state = slots.load()
        state.update({"answered": order.decode(), "result": ["refused", version, str(error)]})
        slots.save(state)
        return state["result"]


async def _open(host, port, tls):
    if not tls:
        return await asyncio.open_connection(host, port)
    from kit.net.tls import connect

    return await connect(host, port, "/cfg/roots")


async def update(wifi, watchdog):
    """Carries out the order that was left; returns when the kit is to be started again."""
    with open(EARLY, "rb") as file:
        order = file.read(2048)
    os.remove(EARLY)
    version, url, _ = read(order) or (None, None, None)
    if version is None:
        return
    asyncio.create_task(wifi.run())
    asyncio.create_task(_feed(watchdog))
    for _ in range(_TRIES):
        try:
            await attempt(order, version, url)
            return
        except (OSError, EOFError, asyncio.TimeoutError, MemoryError, ValueError) as error:  # of a certificate
            reason = str(error) or "no answer"  # the Wi-Fi may not be up yet
        await asyncio.sleep(_TRY_S)
    state = slots.load()
    state["result"] = ["pending", version, "will try again: " + reason]
    slots.save(state)


async def _feed(watchdog):
    while watchdog:
        watchdog.feed()
        await asyncio.sleep(10)
