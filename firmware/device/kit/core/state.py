# SPDX-License-Identifier: EUPL-1.2
"""How the kit is, in one word for each part, shared by LED, local page, status message and serial line.

The worst word is the kit's. The page turns words into sentences; docs/reference/firmware.md lists them all.
"""

# Worst first. What is not here is no fault.
FAULTS = (
    "config_damaged",  # the settings cannot be read: set the kit up again
    "flash_full",  # nothing can be written
    "wifi_password",  # the network refuses the password
    "wifi_not_found",  # no network of that name
    "wifi_no_address",  # in the network, but it gives no address
    "wifi_away",  # it was there, and is not now
    "captive",  # the network wants somebody to log in on a page first
    "no_root",  # TLS is asked for, and there is no certificate to check with
    "certificate",  # the broker's certificate is expired, for another name, or signed by somebody else
    "broker_refused",  # the broker does not accept name and password
    "broker_away",  # nobody answers at that address
    "readings_refused",  # the collector refuses readings
    "no_answer",  # the broker takes readings, and no collector acknowledges them
    "readings_dropped",  # there was no room for more readings
    "sensor",  # a sensor does not answer, or none was found
    "clock",  # nobody tells the time
)


class State:
    """What each part says of itself. `changed` is called when the kit's word becomes another."""

    def __init__(self):
        self._words = {}
        self._word = "ok"
        self.changed = None

    def set(self, part, word="ok"):
        """A part is like that now."""
        self._words[part] = word
        worst = self.word
        if worst != self._word:
            self._word = worst
            print("state:", worst)
            if self.changed:
                self.changed()

    def get(self, part):
        """The word of one part."""
        return self._words.get(part, "ok")

    @property
    def word(self):
        """The worst of all words, or "ok"."""
        said = self._words.values()
        for word in FAULTS:
            if word in said:
                return word
        return "ok"
