# SPDX-License-Identifier: EUPL-1.2
"""A new version proves itself: on trial until the collector's first acknowledgement, then a day on probation.

Who can send readings can be updated again: that is why the acknowledgement decides. A trial without one ends after
eight hours with a start that boot.py counts; three of them are a day, then the previous version is back.
"""

import asyncio

from kit.ota import slots

_LOOK_S = const(10)
_TRIAL_MS = const(8 * 3600_000)
_PROBATION_MS = const(24 * 3600_000)


async def prove(updates, watchdog=None):
    """Runs until the version is settled, and feeds the watchdog for ever if there is one."""
    while True:
        if watchdog:
            watchdog.feed()
        state = slots.load()
        phase = state.get("phase")
        uptime = updates.clock.uptime_ms()
        if phase == "trial" and state.get("tries") and updates.uplink.counts["acked"]:
            slots.confirm(state)
            updates.tell(*state["result"])
        elif phase == "trial" and uptime > _TRIAL_MS:
            state["why"] = "no_ack: in 8 hours"
            slots.save(state)
            restart(updates)
        elif phase == "probation" and uptime > _PROBATION_MS:
            slots.settle(state)
        elif phase == "settled" and not watchdog:
            return
        await asyncio.sleep(_LOOK_S)


def restart(updates):
    """Starts the kit again; what is on flash is safe."""
    if updates.reset:
        updates.reset()
    else:
        import machine

        machine.reset()
