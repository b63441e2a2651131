# SPDX-License-Identifier: EUPL-1.2
"""Runs first after a reset, and is never updated over the air: chooses the slot that the application is imported from.

A slot is "/a" or "/b", or "" for files that lie flat in /, as from the first flashing and in development. /slot.json
names the active one and the previous one, and the phase of the active one. On trial, every start is counted before
the application is imported: the fourth, or the one after a hang, goes back to the previous slot. On probation only
bad ends count: hangs here, crashes in main.py. Nothing here may fail: whatever is damaged, some slot is entered.
"""

import sys


def _choose():
    import json
    import os

    import machine

    def is_whole(slot):
        try:
            os.stat(slot + "/kit")
            # The manifest is the last file to come into a slot and the first to go.
            return not slot or bool(os.stat(slot + "/manifest.jsonl"))
        except OSError:
            return False

    try:
        with open("/slot.json") as file:
            state = json.load(file)
    except (OSError, ValueError):
        state = None
    if not isinstance(state, dict):
        state = {}
    slot, previous, phase = state.get("active"), state.get("previous"), state.get("phase")
    if slot is None or not is_whole(slot):
        return ([one for one in ("/a", "/b") if is_whole(one)] or [""])[0]
    if phase not in ("trial", "probation") or previous is None or not is_whole(previous):
        return slot
    tries, reason = state.get("tries", 0), state.get("why")
    # Before the first start on trial a hang was the old version's.
    hung = machine.reset_cause() == machine.WDT_RESET and (tries or phase == "probation")
    if hung:
        reason = "hung"
    if tries >= 3 or (hung and (phase == "trial" or tries == 2)):
        version = state.get("version")
        state.update({"active": previous, "previous": None, "phase": "settled", "tries": 0, "why": None})
        state["failed"] = state.get("failed", [])[-7:]
        state["failed"].append(version)
        state["result"] = ["rolled back", version, reason or "no_ack: three starts"]
        state["fallbacks"] = state.get("fallbacks", 0) + 1
    elif hung or phase == "trial":
        state["tries"] = tries + 1
    else:
        return slot
    try:
        with open("/slot.new", "w") as file:
            json.dump(state, file)
        os.rename("/slot.new", "/slot.json")
    except OSError:
        return previous  # a start that cannot be counted could be one of thousands
    return state["active"]


try:
    _slot = _choose()
except Exception as _error:  # noqa: BLE001 - whatever is wrong with the state: a kit that does not start helps nobody
    sys.print_exception(_error)
    _slot = ""
if _slot:
    sys.path.insert(0, _slot)
del _choose, _slot
