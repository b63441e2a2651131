# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: opens the bus of the board, looks which sensors answer, and runs the application for ever."""

import asyncio
import sys
import time

from machine import I2C, Pin, reset

from kit import board, noise
from kit.core import config
from kit.core.app import App
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import Bus

settings = config.load("/cfg")
bus = Bus(I2C(0, sda=Pin(board.I2C_SDA), scl=Pin(board.I2C_SCL), freq=100_000))
try:
    asyncio.run(App(settings, find(bus), folder="/data", wifi=Wifi(settings), meter=noise.find(settings)).run())
except Exception as error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    sys.print_exception(error)
    time.sleep(10)
    reset()
