# SPDX-License-Identifier: EUPL-1.2
"""Runs the application from the slot that boot.py chose, and is never updated over the air.

A version that is on trial or on probation runs under the watchdog from before its first import. If it crashes, that is
noted, and counted while it is on probation; the starts of a trial are counted by boot.py.
"""

import micropython

micropython.kbd_intr(-1)  # from the first byte on: a frame of Improv holds a Ctrl-C, which must not end this program

import json
import os
import sys
import time

import machine


def _read():
    try:
        with open("/slot.json") as file:
            state = json.load(file)
    except (OSError, ValueError):
        return {}  # nothing was ever updated
    return state if isinstance(state, dict) else {}


def _note(error):
    state = _read()
    if state.get("phase") in ("trial", "probation"):
        state["why"] = ("crashed: %s: %s" % (type(error).__name__, error))[:80]
        if state["phase"] == "probation":
            state["tries"] += 1
        with open("/slot.new", "w") as file:
            json.dump(state, file)
        os.rename("/slot.new", "/slot.json")


_watchdog = machine.WDT(timeout=120_000) if _read().get("phase") in ("trial", "probation") else None
try:
    while True:
        from kit.start import run

        run(_watchdog)  # returns if it is to be imported again, from elsewhere
except Exception as _error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    micropython.kbd_intr(3)
    sys.print_exception(_error)
    try:
        _note(_error)
    except Exception as _error:  # noqa: BLE001 - no note is better than no restart
        sys.print_exception(_error)
    time.sleep(10)
    machine.reset()
