# SPDX-License-Identifier: EUPL-1.2
"""Carries out a command: {"v":1,"update":{"version":"0.2.0","url":"https://.../","percent":20}}.

A command is not signed, as it can do no harm: it only says where a signed release lies. Without "update" it takes
back an order that still waits.
"""

import asyncio
import gc
import json

from kit import board
from kit.data.message import FIRMWARE
from kit.ota import fetch
from kit.ota.trial import restart
from kit.ota.verify import Refused

_AGAIN_S = 60  # after a download that was cut; then twice that, ...
_LONGEST_AGAIN_S = 3600
_LOOK_S = 10


async def obey(updates):
    """Runs until the order that came last is carried out, refused, or does not concern this kit."""
    try:
        order = None
        while order != updates.waiting:
            order = updates.waiting
            update = read(order)
            # A retained order comes again and again, to those who have carried it out as well.
            if update and update[0] != FIRMWARE and not _failed_here(updates, update[0]):
                await _install(updates, order, *update)
    finally:
        updates.done()


def _failed_here(updates, version):
    """That a version was rolled back is told by its outcome, better than by a refusal."""
    return bool(updates.result) and list(updates.result[:2]) == ["rolled back", version]


async def _install(updates, order, version, url, percent):
    if not fetch.takes_part(updates.settings["device"], version, percent):
        updates.tell("pending", version, "not among the first %d %%" % percent)
        return
    updates.tell("pending", version, "downloading")
    wait = _AGAIN_S
    while True:
        gc.collect()
        try:
            await fetch.install(url, version, FIRMWARE, board.NAME, updates.open_ or _open)
            break
        except Refused as error:
            updates.tell("refused", version, str(error))
            return
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            updates.tell("pending", version, "will try again: %s" % (str(error) or "no answer"))
        for _ in range(0, wait, _LOOK_S):
            await asyncio.sleep(_LOOK_S)
            if updates.waiting != order:
                return
        wait = min(wait * 2, _LONGEST_AGAIN_S)
    updates.tell("pending", version, "restarting")
    await asyncio.sleep(3)  # the status goes out
    restart(updates)


def read(payload):
    """(version, url, percent) of a command, or None if it orders no update."""
    try:
        update = json.loads(payload)["update"]
        version, url, percent = update["version"], update["url"], update["percent"]
    except (ValueError, KeyError, TypeError):
        return None
    sound = payload[-1:] == b"}" and isinstance(version, str) and isinstance(url, str) and type(percent) is int
    return (version[:20], url, percent) if sound else None


async def _open(host, port, tls):
    return await asyncio.open_connection(host, port, ssl=tls or None)
