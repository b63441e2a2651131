# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: opens the bus of the board, looks which sensors answer, and runs the application for ever."""

import asyncio
import os

import machine

from kit import board
from kit.core import config
from kit.net.wifi import Wifi


def run(watchdog=None):
    """`watchdog` is running already, if there is one: it wants to be fed every two minutes."""
    settings = config.load("/cfg")
    if "update.json" in os.listdir("/"):
        from kit.ota.early import update

        asyncio.run(update(Wifi(settings), watchdog))
        machine.reset()
    asyncio.run(_measure(settings, watchdog))


async def _measure(settings, watchdog):
    from kit.core.app import App
    from kit.sensors import find
    from kit.sensors.bus import Bus

    bus = Bus(machine.I2C(0, sda=machine.Pin(board.I2C_SDA), scl=machine.Pin(board.I2C_SCL), freq=100_000))
    app = App(settings, find(bus), folder="/data", wifi=Wifi(settings))
    app.updates.begin(watchdog)
    await app.run()
