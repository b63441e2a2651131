# SPDX-License-Identifier: EUPL-1.2
"""The LED and the button.

The LED blinks a number of times, every ten seconds, so that nobody needs to tell colours apart: once for all is well,
twice for the Wi-Fi, three times for the broker or the collector, four times for a sensor or the clock, five times for
the kit itself. It is dark outside the hours that the settings name, but for set-up, when somebody stands beside it.
The button, held three seconds, opens the set-up network; held ten, the kit forgets everything and starts again.
"""

import asyncio

SETUP_S = 3
RESET_S = 10
_EVERY_MS = const(10_000)
_LOOK_MS = const(100)
# Colours are (red, green, blue), dim: the LED is in somebody's home.
_GREEN, _YELLOW, _RED, _BLUE, _DARK = (0, 12, 0), (12, 8, 0), (16, 0, 0), (0, 0, 16), (0, 0, 0)


def signal(word):
    """(colour, blinks) for the kit's state."""
    if word == "ok":
        return _GREEN, 1
    if word.startswith("wifi") or word == "captive":
        return _YELLOW, 2
    if word in ("config_damaged", "flash_full"):
        return _RED, 5
    if word in ("sensor", "clock"):
        return _YELLOW, 4
    return _YELLOW, 3


def lit(hours, unix_s):
    """Whether the LED may light now; `hours` are (from, to) in UTC, over midnight if from is larger."""
    start, end = hours
    if unix_s is None:
        return start != end
    hour = unix_s // 3600 % 24
    return start <= hour < end if start <= end else not end <= hour < start


class Panel:
    """`show(colour)` sets the LED; `pressed()` tells whether the button is down."""

    def __init__(self, app, show, pressed, set_up, forget):
        self._app, self._show, self._pressed = app, show, pressed
        self._set_up, self._forget = set_up, forget

    async def run(self):
        """Runs for ever."""
        held = since = 0
        while True:
            self._app.watchdog.alive("panel", 60)
            if self._pressed():
                held += _LOOK_MS
                self._show(_RED if held >= RESET_S * 1000 else _BLUE if held >= SETUP_S * 1000 else _GREEN)
            elif held:
                self._show(_DARK)
                if held >= RESET_S * 1000:
                    self._forget()
                elif held >= SETUP_S * 1000:
                    self._set_up()
                held = 0
            elif since >= _EVERY_MS:
                since = 0
                await self._blink()
            since += _LOOK_MS
            await asyncio.sleep_ms(_LOOK_MS)

    async def _blink(self):
        app = self._app
        if app.portal and app.portal.open:
            colour, times = _BLUE, 1
        else:
            unix = app.clock.unix_ms(app.clock.uptime_ms())
            if not lit(app.settings["led"], None if unix is None else unix // 1000):
                return
            colour, times = signal(app.state.word)
        for _ in range(times):
            self._show(colour)
            await asyncio.sleep_ms(150)
            self._show(_DARK)
            await asyncio.sleep_ms(250)


def open_panel(app, folder):
    """Adds the panel of the board to the application; `folder` has the settings."""
    from machine import Pin, reset
    from neopixel import NeoPixel

    from kit import board

    pixel = NeoPixel(Pin(board.LED), 1)
    button = Pin(board.BUTTON, Pin.IN, Pin.PULL_UP)

    def show(colour):
        pixel[0] = colour
        pixel.write()

    def wipe():
        from kit.core import config

        config.forget(folder)
        app.store.forget_all()
        reset()

    def set_up():
        if not (app.portal and app.portal.open):
            from kit.net.portal import open_portal

            asyncio.create_task(open_portal(app, folder).run())

    app.add("panel", Panel(app, show, lambda: not button.value(), set_up, wipe).run)
