# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: settings, sensors, network, and the application for ever."""

import asyncio
import sys
import time

from machine import reset

from kit.core.start import build

try:
    asyncio.run(build().run())
except Exception as error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    sys.print_exception(error)
    time.sleep(10)
    reset()
