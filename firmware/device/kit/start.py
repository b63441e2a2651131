# SPDX-License-Identifier: EUPL-1.2
"""Starts the kit: puts its parts together on its board, and runs the application for ever."""

import asyncio
import binascii
import os

import machine
from machine import WDT, Pin, reset

from kit import board, noise
from kit.core.clock import Clock, set_chip
from kit.core.led import Panel
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


def run(watchdog=None):
    """Runs the kit for ever. `watchdog` is running already, if there is one: it wants to be fed every two minutes."""
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
    asyncio.run(_measure(settings, ready, state, watchdog))


async def _measure(settings, ready, state, watchdog):
    """The application, and setting it up."""
    app = build(settings, ready, state, watchdog)
    app.updates.begin()
    forget("kit.start")
    await asyncio.gather(asyncio.create_task(_set_up(settings)), app.run())


async def _set_up(settings):
    """Listens on the serial port, for the first minute or until the kit knows a network; then forgets how."""
    from kit.net import improv

    await improv.serve(settings, CONFIG)
    forget("kit.net.improv")


def build(settings, ready, state, watchdog=None):
    """The application, ready to run."""
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
    _add_panel(app)
    app.add("page", Door(app).run)
    if not ready:
        app.add("portal", make_portal(app).run, None)
    return app


def make_portal(app):
    """The way to set the kit up with a phone; imported only when it is wanted."""
    from kit.net.portal import Portal

    app.portal = Portal(app, CONFIG, lambda: asyncio.create_task(_restart_soon()))
    return app.portal


async def _restart_soon():
    await asyncio.sleep(2)  # the phone should still get its answer
    reset()


def _add_panel(app):
    import neopixel

    pixel = neopixel.NeoPixel(Pin(board.LED), 1)
    button = Pin(board.BUTTON, Pin.IN, Pin.PULL_UP)

    def show(colour):
        pixel[0] = colour
        pixel.write()

    def wipe():
        from kit.core import config

        config.forget(CONFIG)
        app.store.forget_all()
        reset()

    def set_up():
        if not (app.portal and app.portal.open):
            asyncio.create_task(make_portal(app).run())

    app.add("panel", Panel(app, show, lambda: not button.value(), set_up, wipe).run)
