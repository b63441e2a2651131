# SPDX-License-Identifier: EUPL-1.2
"""Power cuts over the flash operations of store, settings and update, on MicroPython's own littlefs.

At each cut the operation is half done and all later ones never happen; some starts after a cut are cut as well. It must
always start, lose no reading that was kept and not acknowledged, keep all of the old or all of the new settings, and
end in a whole and good version. The normal run tries one cut in some; with CITIMEASURE_REQUIRE_ALL=1, as in CI, or
SOAK=1 it is more than 2,500.
"""

import json
import os

from tests.firmware import board
from tests.firmware.ota.kits import keys, small_release

ALL = os.environ.get("CITIMEASURE_REQUIRE_ALL") == "1" or bool(os.environ.get("SOAK"))


def cuts(script, *arguments, least):
    """Runs a script of cuts; nothing may be wrong, and enough must have been tried."""
    told = json.loads(board.run(script, *arguments, heap="16m", timeout=280))
    print(
        f"{script} {arguments[0] if script == 'cuts' else ''}: {told['cuts']} cuts in {told['operations']} operations"
    )
    assert told["wrongs"] == 0, told["wrong"]
    assert told["cuts"] >= least


def test_the_store_loses_no_reading_that_was_not_acknowledged():
    cuts("cuts", "store", 2 if ALL else 14, least=1200 if ALL else 180)


def test_settings_are_all_old_or_all_new():
    cuts("cuts", "config", 1 if ALL else 3, least=400 if ALL else 130)


def test_an_update_ends_in_a_whole_and_good_version(tmp_path):
    for version in ("0.2.0", "0.3.0", "0.4.0"):
        small_release(tmp_path, version)
    arguments = (tmp_path, keys() / "current.pub", board.DEVICE / "boot.py")
    cuts("cuts_update", *arguments, 1 if ALL else 3, least=430 if ALL else 140)


def test_the_cuts_find_a_store_that_is_not_safe():
    """The harness sees what it is for: a store that forgets one reading in nine, say."""
    unsafe = "from kit.data import store\nsave = store.Store.append\n"
    unsafe += "store.Store.append = lambda self, record: save(self, record) if record.seq % 9 else None\nimport cuts\n"
    told = json.loads(board.run(unsafe, "store", 40, heap="16m"))
    assert told["wrongs"] > 10 and "lost" in told["wrong"][-1]
