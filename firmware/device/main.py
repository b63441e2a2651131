# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: opens the bus of the board, looks which sensors answer, and runs the application for ever.

Beside it listens Improv on the serial port: for the first minute, and for as long as the kit does not know a network.
"""

import micropython

micropython.kbd_intr(-1)  # from the first byte on: a frame of Improv holds a Ctrl-C, which must not end this program

import asyncio
import sys
import time

from machine import I2C, Pin, reset

from kit import board
from kit.core import config
from kit.core.app import App
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus


def load():
    """The settings; the defaults if they are damaged, so that the kit can be set up again."""
    try:
        return config.load("/cfg")
    except config.ConfigError as error:
        print(error)
        return config.defaults()


async def set_up(settings):
    """Listens on the serial port, then forgets how, for its memory."""
    from kit.net import improv

    await improv.serve(settings, "/cfg")
    del sys.modules["kit.net.improv"]
    del sys.modules["kit.net"].improv


async def main():
    """The application, and setting it up."""
    settings = load()
    listening = asyncio.create_task(set_up(settings))
    bus = Bus(I2C(0, sda=Pin(board.I2C_SDA), scl=Pin(board.I2C_SCL), freq=100_000))
    await asyncio.gather(App(settings, find(bus), folder="/data", wifi=Wifi(settings)).run(), listening)


try:
    asyncio.run(main())
except Exception as error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    micropython.kbd_intr(3)
    sys.print_exception(error)
    time.sleep(10)
    reset()
