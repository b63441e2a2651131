# SPDX-License-Identifier: EUPL-1.2
"""Downloads a release; on a board with little memory before the application is imported, right after a start.

The order lies in /update.json, and is removed before it is tried: whatever happens, the next start measures again.
After a power cut the chip does not know the time, by which certificates are judged: it is asked for here as well.
"""

import asyncio
import os
import time

from kit import board
from kit.core.clock import EPOCH, RELEASED, set_chip
from kit.data.message import FIRMWARE
from kit.ota import fetch, slots
from kit.ota.order import EARLY, read
from kit.ota.verify import Refused

_TRY_S = const(20)
_ALL_TRIES_MS = const(600_000)  # then it measures again
_LONGEST_S = const(300)  # for one: a server may dawdle, and what has come is not lost


async def attempt(order, version, url, open_=None):
    """How it went: (outcome, version, reason), a refusal being kept; None when the next start is the new version's."""
    try:
        await asyncio.wait_for(fetch.install(url, version, FIRMWARE, board.NAME, open_ or _open), _LONGEST_S)
    except Refused as error:
        state = slots.load()
        state.update({"answered": order.decode(), "result": ["refused", version, str(error)]})
        slots.save(state)
        return state["result"]
    except (OSError, EOFError, asyncio.TimeoutError, MemoryError, ValueError) as error:
        return "pending", version, _cause(error)
    return None


def _cause(error):
    """Why it will be tried again: a code, and perhaps more."""
    if isinstance(error, ValueError):
        return "certificate: " + str(error)
    if isinstance(error, MemoryError):
        return "memory"
    number = (isinstance(error, OSError) and error.errno) or 0
    if isinstance(number, str):  # one of ours
        return getattr(error, "word", number)
    if number < 0:
        return "tls: %d" % number
    if number in (5, 28):
        return "flash: %d" % number
    return "no_answer: %d" % number if number else "no_answer"


async def _open(host, port, tls):
    if not tls:
        return await asyncio.open_connection(host, port)
    from kit.net.tls import connect

    return await connect(host, port, "/cfg/roots")


def _set_floor():
    """A certificate must not seem to be from the future, should nobody tell the time."""
    from kit.data.recover import read_zeros

    ordered = (slots.load().get("orders") or [0])[0] * 86400  # the day of the order
    floor = max([RELEASED, ordered] + [zero // 1000 for zero in read_zeros("/data/zeros").values()])
    if time.time() + EPOCH < floor:
        set_chip(floor)


async def _learn_time(settings, wifi):
    from kit.net.ntp import ask_hosts

    try:
        set_chip(await ask_hosts(settings, wifi) // 1000)
        return True
    except OSError:
        return False  # the Wi-Fi may not be up yet; or nobody tells it


async def update(settings, wifi, watchdog):
    """Carries out the order that was left; returns when the kit is to be started again."""
    with open(EARLY, "rb") as file:
        order = file.read(2048)
    os.remove(EARLY)
    version, url, _ = read(order) or (None, None, None)
    if version is None:
        return
    _set_floor()
    asyncio.create_task(wifi.run())
    asyncio.create_task(_feed(watchdog))
    began, timely = time.ticks_ms(), not url.startswith("https")
    while True:
        timely = timely or await _learn_time(settings, wifi)
        result = await attempt(order, version, url)
        if not result or result[0] == "refused":
            return
        if time.ticks_diff(time.ticks_ms(), began) > _ALL_TRIES_MS:
            break
        await asyncio.sleep(_TRY_S)
    state = slots.load()
    state["result"] = result
    slots.save(state)


async def _feed(watchdog):
    """Until all must be over: what hangs even so ends in a new start."""
    for _ in range(0, 2 * _ALL_TRIES_MS, 10_000):
        watchdog.feed()
        await asyncio.sleep(10)
