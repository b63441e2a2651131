# SPDX-License-Identifier: EUPL-1.2
"""The sound level meter: kernel (weightings), levels (statistics), meter (listening), microphone (the parts)."""


def find(settings, alive=None):
    """The meter of the microphone that the settings name; None, and nothing loaded, if they name none.

    `alive` is the watchdog's.
    """
    if not settings["microphone"]:
        return None
    from kit.noise.meter import Meter
    from kit.noise.microphone import open_i2s

    return Meter(open_i2s, settings, alive)
