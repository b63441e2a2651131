# SPDX-License-Identifier: EUPL-1.2
"""Runs the application from the slot that boot.py chose, and is never updated over the air.

A version that is on trial or on probation runs under the watchdog from before its first import. If it crashes, that is
noted, and counted while it is on probation; the starts of a trial are counted by boot.py.
"""

import json
import os
import sys
import time

import machine

_state = {}
try:
    with open("/slot.json") as _file:
        _state = json.load(_file)
except (OSError, ValueError):
    pass  # nothing was ever updated
_young = _state.get("phase") in ("trial", "probation")
del _state
_watchdog = machine.WDT(timeout=120_000) if _young else None
try:
    from kit.start import run

    run(_watchdog)
except Exception as _error:  # noqa: BLE001 - whatever it was: readings are on flash, and a kit that stands still helps nobody
    sys.print_exception(_error)
    try:
        with open("/slot.json") as _file:
            _state = json.load(_file)
        if _state["phase"] in ("trial", "probation"):
            _state["why"] = ("%s: %s" % (type(_error).__name__, _error))[:80]
            if _state["phase"] == "probation":
                _state["tries"] += 1
            with open("/slot.new", "w") as _file:
                json.dump(_state, _file)
            os.rename("/slot.new", "/slot.json")
    except Exception as _error:  # noqa: BLE001 - no note is better than no restart
        sys.print_exception(_error)
    time.sleep(10)
    machine.reset()
