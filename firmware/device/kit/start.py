# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: out of ROM if the board has one, puts it together, and runs it for ever; main.py calls it.

What runs for ever keeps its module, and all that the module knows, in memory. So this one is nearly empty, and
`kit.assemble`, which knows everything, leaves when the kit is put together.
"""

import asyncio

from kit.core.once import forget


def run(watchdog=None):
    """Runs the kit for ever. `watchdog` is running already, if there is one: it wants to be fed every two minutes.

    Returns once at most: when main.py is to import it again, from ROM.
    """
    if _moves():
        return
    app = _assembled(watchdog)
    forget("kit.assemble")
    asyncio.run(app.run())


def _moves():
    from kit.core.rom import enter

    try:
        return enter()
    finally:
        forget("kit.core.rom")


def _assembled(watchdog):
    from kit.assemble import assemble

    return assemble(watchdog)
