# SPDX-License-Identifier: EUPL-1.2
"""Carries out a command: {"v":1,"update":{"version":"0.2.0","url":"https://.../","percent":20,"at":1767225600}}.

A command is not signed, as it can do no harm: it only says where a signed release lies, and so many orders a day are
too many, as each may cost wear of the flash. Without "update" it takes back an order that still waits. A board with
PSRAM downloads while it measures. One without has no room for that beside the application: it starts again, and
`early.py` downloads before the application is imported.
"""

import asyncio
import gc
import hashlib
import json

from kit.data.message import FIRMWARE
from kit.ota import slots
from kit.ota.trial import restart

EARLY = "/update.json"
_ROOMY = const(64_000)  # bytes free beside the application
_AGAIN_S = const(60)  # after a download that was cut; then twice that, ...
_LONGEST_AGAIN_S = const(3600)
_LOOK_S = const(10)
_MOST = const(8)  # orders that are begun in a day of UTC
_MOST_OF_ONE = const(4)  # of them for the same version


async def obey(updates):
    """Runs until the order that came last is carried out, refused, or does not concern this kit."""
    try:
        order = None
        while order != updates.waiting:
            order = updates.waiting
            update = read(order)
            # A retained order comes again and again, to those who have carried it out as well.
            if update and update[0] != FIRMWARE and not _is_answered(updates, order, update[0]):
                try:
                    await _carry_out(updates, order, *update)
                except OSError as error:  # not even a note of it can be written
                    updates.tell("pending", update[0], "flash: %d" % error.errno)
    finally:
        updates.done()


def takes_part(device, version, percent):
    """Whether a kit is among the first `percent` of 100 for a version; each version has its own order."""
    digest = hashlib.sha256(("%s %s" % (device, version)).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def _is_answered(updates, order, version):
    """Whether it was refused already, or rolled back: that is told by its outcome, better than by a refusal."""
    if updates.result and list(updates.result[:2]) == ["rolled back", version]:
        return True
    return slots.load().get("answered") == order.decode()


async def _carry_out(updates, order, version, url, percent):
    if not takes_part(updates.settings["device"], version, percent):
        updates.tell("pending", version, "share: %d %%" % percent)
        return
    gc.collect()
    roomy = gc.mem_free() > _ROOMY
    wait = _AGAIN_S if roomy else _LONGEST_AGAIN_S
    told = updates.result or ("", "", "")
    again = tuple(told[:2]) == ("pending", version) and not told[2].startswith("share")
    if again and not await _waited(updates, order, wait):
        return
    if not updates.clock.known:
        await asyncio.sleep(_LOOK_S)  # right after a start it may come any moment
    while not counted(updates, version):
        updates.tell("refused", version, "limit")
        if not await _waited(updates, order, _LONGEST_AGAIN_S):
            return
    while True:
        updates.tell("pending", version, "downloading")
        await asyncio.sleep(3)  # the status goes out
        if not roomy:
            _write(order)
            break
        result = await _install(updates, order, version, url)
        if not result:
            break
        updates.tell(*result)
        if result[0] == "refused" or not await _waited(updates, order, wait):
            return
        wait = min(wait * 2, _LONGEST_AGAIN_S)
    updates.tell("pending", version, "restarting")
    await asyncio.sleep(3)
    restart(updates)


def counted(updates, version):
    """Counts an order that is begun, also over starts; False if there were too many today. Days are of UTC."""
    state = slots.load()
    day, *begun = state.get("orders") or [0]
    now = updates.clock.unix_ms(updates.clock.uptime_ms())
    if now is not None and now // 86_400_000 != day:
        day, begun = now // 86_400_000, []
    if len(begun) >= _MOST or begun.count(version) >= _MOST_OF_ONE:
        return False
    state["orders"] = [day] + begun + [version]
    slots.save(state)
    return True


async def _waited(updates, order, seconds):
    """Waits; False if another order has come."""
    for _ in range(0, seconds, _LOOK_S):
        await asyncio.sleep(_LOOK_S)
        if updates.waiting != order:
            return False
    return True


def _write(order):
    """Leaves the order to the next start; a power cut in here leaves none, and the retained one comes again."""
    with open(EARLY, "wb") as file:
        file.write(order)


async def _install(updates, order, version, url):
    from kit.ota.early import attempt

    return await attempt(order, version, url, updates.open_)


def read(payload):
    """(version, url, percent) of a command, or None if it orders no update."""
    try:
        update = json.loads(payload)["update"]
        version, url, percent = update["version"], update["url"], update["percent"]
        slots.numbers(version)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    sound = payload[-1:] == b"}" and isinstance(url, str) and type(percent) is int
    return (version, url, percent) if sound else None
