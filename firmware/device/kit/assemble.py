# SPDX-License-Identifier: EUPL-1.2
"""Puts the parts of the kit together on its board. Its code goes again after that, so nothing of it may stay in use."""

import asyncio
import binascii
import os

import machine
from machine import WDT, reset

from kit import board, noise
from kit.core.clock import Clock, set_chip
from kit.core.led import open_panel
from kit.core.once import forget
from kit.core.state import State
from kit.core.watchdog import TIMEOUT_MS
from kit.net.door import Door
from kit.net.wifi import Wifi
from kit.sensors import find
from kit.sensors.bus import open_bus
from kit.sensors.serial import open_serial

CONFIG = "/cfg"
DATA = "/data"


def last_words(note):
    """The task that hung before this start, or ""; asked once."""
    try:
        with open(note) as file:
            name = file.read()
        os.remove(note)
        return name
    except OSError:
        return ""


def reset_cause():
    """Why the chip started, in a word."""
    causes = {}
    for name in ("PWRON", "HARD", "WDT", "DEEPSLEEP", "SOFT"):
        causes[getattr(machine, name + "_RESET", None)] = name.lower()
    return causes.get(machine.reset_cause(), "unknown")


def load_settings(state):
    """(settings, whether the kit can work with them); those of the factory, and a state that says so, if damaged."""
    from kit.core import config

    try:
        settings = config.load(CONFIG)
    except config.ConfigError as error:
        print(error)
        state.set("config", "config_damaged")
        settings = config.defaults()
    if not settings["setup_password"]:
        settings["setup_password"] = binascii.hexlify(os.urandom(5)).decode()
        if state.get("config") == "ok":
            config.save(CONFIG, settings)
    ready = config.ready(settings)
    forget("kit.core.config")
    return settings, ready


def assemble(watchdog=None):
    """The application, ready to run; before that, an update that was ordered. `watchdog` is the one that runs, if any.

    The first of its tasks, which sets the kit up by cable, is waiting for the loop already.
    """
    state = State()
    settings, ready = load_settings(state)
    if "update.json" in os.listdir("/"):
        from kit.ota.early import update

        try:
            asyncio.run(update(settings, Wifi(settings, state), watchdog or WDT(timeout=TIMEOUT_MS)))
            machine.reset()
        except OSError as error:
            if "update.json" not in os.listdir("/"):
                raise
            print("update:", error)  # the flash lets nobody remove it: measuring matters more
    app = build(settings, ready, state, watchdog)
    app.updates.begin()
    asyncio.create_task(_set_up(settings))
    return app


async def _set_up(settings):
    """Listens on the serial port, for the first minute or until the kit knows a network; then forgets how."""
    from kit.net import improv

    await improv.serve(settings, CONFIG)
    forget("kit.net.improv")


def build(settings, ready, state, watchdog=None):
    """The application, with all its tasks."""
    from kit.core.app import App

    finding = find(open_bus(board.I2C_SDA, board.I2C_SCL), open_serial(board.UART_TX, board.UART_RX))
    why = reset_cause()
    hung = last_words(DATA + "/late")
    app = App(
        settings, finding, DATA, state, Clock(), on_time=set_chip, restart=reset, reset=(why + " " + hung).strip(),
        # Not while somebody sets the kit up by cable: the chip's timer cannot be stopped once it runs.
        wdt=watchdog or (WDT(timeout=TIMEOUT_MS) if ready else None),
    )  # fmt: skip
    app.wifi = Wifi(settings, state, app.watchdog.alive)
    app.meter = noise.find(settings, app.watchdog.alive)
    open_panel(app, CONFIG)
    app.add("page", Door(app).run)
    if not ready:
        from kit.net.portal import open_portal

        app.add("portal", open_portal(app, CONFIG).run, None)
    return app
