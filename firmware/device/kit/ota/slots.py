# SPDX-License-Identifier: EUPL-1.2
"""The two folders that the application can run from, and /slot.json, which boot.py goes by.

Its keys: `active` and `previous` slot ("", "/a" or "/b"; no previous one is null), `phase` of the active one (trial,
probation, settled), `tries` (starts on trial, bad ends on probation), `version`, `floor` (nothing older is taken any
more), `failed` (versions that were rolled back), `why` (what the last crash was), `building` (hash of the manifest
whose files are being put into the other slot), `answered` (an order that was refused), `orders` (a day, and the
versions ordered on it), `fallbacks` (how often boot.py went back), `result` (how the last update ended: outcome,
version, reason).
It is written beside the old one and renamed: a power cut leaves the one or the other.
"""

import json
import os
import sys

MANIFEST = "manifest.jsonl"
_STATE = const("/slot.json")


def load():
    """The state; empty before the first update."""
    try:
        with open(_STATE) as file:
            state = json.load(file)
    except (OSError, ValueError):
        state = {}
    return state if isinstance(state, dict) else {}


def save(state):
    """Replaces the state as a whole."""
    with open("/slot.new", "w") as file:
        json.dump(state, file)
    os.rename("/slot.new", _STATE)


def running():
    """The slot that this code was imported from, whatever the state says; "" if it lies flat in /."""
    return sys.path[0] if sys.path[0] in ("/a", "/b") else ""


def other():
    """The slot that does not run."""
    return "/b" if running() == "/a" else "/a"


def numbers(version):
    """A version as a tuple of numbers, which compare as versions do; ValueError if it is none."""
    parts = version.split(".")
    if len(parts) != 3 or any(not (part.isdigit() and len(part) < 6 and str(int(part)) == part) for part in parts):
        raise ValueError("version")
    return tuple([int(part) for part in parts])


def begin(state, digest):
    """Makes the other slot ready for the files of a manifest; keeps those that an earlier try has left."""
    if state.get("building") == digest:
        return
    # From here on there is no way back to the other slot, and before it is empty no try may be continued there.
    state.update({"active": running(), "previous": None, "building": None})
    save(state)
    remove(other())
    state["building"] = digest
    save(state)


def switch(state, version):
    """The other slot is whole: the next start is its first on trial."""
    state.update({"active": other(), "previous": running(), "phase": "trial", "tries": 0})
    state["answered"] = None
    state.update({"version": version, "building": None, "why": None, "result": None})
    save(state)


def confirm(state):
    """The version on trial works. It stays on probation, and nothing older is taken any more."""
    version = state["version"]
    state.update({"phase": "probation", "tries": 0, "why": None, "floor": version})
    state["failed"] = [one for one in state.get("failed", []) if numbers(one) > numbers(version)]
    state["result"] = ["confirmed", version, ""]
    save(state)


def settle(state):
    """The version has done well for long: from now on it stays, whatever happens."""
    state.update({"phase": "settled", "tries": 0, "why": None})
    save(state)


def blocks(path, block):
    """Blocks of flash that a file or folder takes on littlefs: two for a folder, and no two files share one."""
    try:
        stat = os.stat(path)
        if stat[0] & 0x4000:
            return 2 + sum([blocks(path + "/" + entry[0], block) for entry in os.ilistdir(path)])
        return stat[6] // block + 1
    except OSError:
        return 0  # it is not there


def remove(folder):
    """Removes a slot, its manifest first: without that, boot.py does not enter it."""
    for path in (folder + "/" + MANIFEST, folder):
        _remove(path)


def _remove(path):
    try:
        if os.stat(path)[0] & 0x4000:
            for entry in list(os.ilistdir(path)):
                _remove(path + "/" + entry[0])
            os.rmdir(path)
        else:
            os.remove(path)
    except OSError as error:
        if error.errno != 2:
            raise


def keys(folder="/keys"):
    """The moduli of the keys that may sign: the current one and the next one."""
    found = []
    for name in ("current.pub", "next.pub"):
        try:
            with open(folder + "/" + name) as file:
                n = 0
                while text := file.read(96).strip():
                    n = n << 4 * len(text) | int(text, 16)
                found.append(n)
        except (OSError, ValueError):
            pass  # one key is enough; with none, nothing is taken
    return found
