# SPDX-License-Identifier: EUPL-1.2
"""The part of updates that is always in memory: takes orders, and tells how they went.

All else is imported when an order comes or while a version has to prove itself, and forgotten afterwards.
"""

import asyncio
import json
import sys


class Updates:
    """Lives in the application. Tests may give `open_(host, port, tls)`, which opens streams, and `reset`."""

    open_ = reset = result = task = None
    fallbacks = 0  # how often a version was rolled back
    waiting = b""  # the order that came last

    def __init__(self, settings, uplink, clock):
        self.settings, self.uplink, self.clock = settings, uplink, clock
        uplink.on_command = self.order

    def begin(self, watchdog=None):
        """Looks what is to be proved. `watchdog`, if it runs already, is fed from now on."""
        try:
            with open("/slot.json") as file:
                state = json.load(file)
            self.result = state.get("result")  # outcome, version, reason
            self.fallbacks = state.get("fallbacks", 0)
        except (OSError, ValueError, AttributeError):
            return  # nothing was ever updated, or nobody knows what
        if state.get("phase") == "trial":
            self.result = "pending", state.get("version"), "trial"
        if watchdog or state.get("phase") in ("trial", "probation"):
            from kit.ota.trial import prove

            asyncio.create_task(prove(self, watchdog))

    def status(self):
        """What the status message says about updates."""
        if not self.result:
            return None
        state, version, reason = self.result
        return {"state": state, "version": version, "reason": reason, "fallbacks": self.fallbacks}

    def order(self, payload):
        """A command has come, perhaps the same one again."""
        if payload == self.waiting:
            return
        self.waiting = bytes(payload)
        if not self.task:
            from kit.ota.order import obey

            self.task = asyncio.create_task(obey(self))

    def tell(self, *result):
        """Outcome, version and reason have changed."""
        self.result = result
        self.uplink.tell()

    def done(self):
        """No order waits any more: modules that are not needed now leave the memory."""
        self.task = None
        package = sys.modules["kit.ota"]
        for name in ("early", "fetch", "http", "order", "slots", "trial", "verify"):
            sys.modules.pop("kit.ota." + name, None)
            if hasattr(package, name):
                delattr(package, name)
