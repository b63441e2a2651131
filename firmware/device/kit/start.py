# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: opens the bus of the board, looks which sensors answer, and runs the application for ever."""

import asyncio

from machine import I2C, Pin

from kit import board
from kit.core import config
from kit.core.app import App
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus


def run(watchdog=None):
    """`watchdog` is running already, if there is one: it wants to be fed every two minutes."""
    settings = config.load("/cfg")
    bus = Bus(I2C(0, sda=Pin(board.I2C_SDA), scl=Pin(board.I2C_SCL), freq=100_000))
    app = App(settings, find(bus), folder="/data", wifi=Wifi(settings))
    app.updates.begin(watchdog)
    asyncio.run(app.run())
