# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: settings, sensors, network, and the application for ever.

Beside it listens Improv on the serial port: for the first minute, and for as long as the kit does not know a network.
"""

import micropython

micropython.kbd_intr(-1)  # from the first byte on: a frame of Improv holds a Ctrl-C, which must not end this program

import asyncio
import sys
import time

from machine import reset

from kit.core.once import forget
from kit.core.start import CONFIG, build


async def set_up(settings):
    """Listens on the serial port, then forgets how, for its memory."""
    from kit.net import improv

    await improv.serve(settings, CONFIG)
    forget("kit.net.improv")


async def main():
    """The application, and setting it up."""
    app = build()
    await asyncio.gather(asyncio.create_task(set_up(app.settings)), app.run())


try:
    asyncio.run(main())
except Exception as error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    micropython.kbd_intr(3)
    sys.print_exception(error)
    time.sleep(10)
    reset()
