# SPDX-License-Identifier: EUPL-1.2
"""Power cuts over every flash operation of the store and the settings, on littlefs. MicroPython.

argv: what (store or config), and of how many cuts one is tried. Prints a line of JSON: operations, cuts, and what
was wrong. A second cut hits every tenth recovery as well.
"""

import json
import os
import random
import sys

from flash import recorded, tried

from kit.core import config
from kit.data.record import Record
from kit.data.store import Store

what, step = sys.argv[1], int(sys.argv[2])


def record(boot, seq):
    return Record(boot, seq, 1767225600 + 60 * seq, None, 60, [(code, 100 * seq + code) for code in range(6)])


def days_of_a_store():
    """Three boots: appends, acknowledgements in order and out of it, dates, and files that come and go."""
    for _ in range(3):
        store = Store("/f/data", 8 * 4096)
        yield "boot", store.boot, 0, 0
        for n in range(90):
            seq = n + 1
            yield "begin", store.boot, seq, seq
            store.append(record(store.boot, seq))
            yield "kept", store.boot, seq, seq
            if n == 20:
                store.remember_zero(1767225600000 + store.boot)
                yield "zero", store.boot, 0, 0
            if n % 7 == 6:
                low = seq - random.randrange(6)
                yield "ack", store.boot, low, seq
                store.ack(store.boot, low, seq)
            if n == 60:
                for boot in range(1, store.boot + 1):
                    yield "ack", boot, 1, 200 if boot < store.boot else 55
                    store.ack(boot, 1, 200 if boot < store.boot else 55)
    # Short boots of a kit that is online: a file goes as a whole, and the next one takes its number.
    for n in range(16):
        store = Store("/f/data", 8 * 4096)
        yield "boot", store.boot, 0, 0
        for seq in range(1, 6):
            yield "begin", store.boot, seq, seq
            store.append(record(store.boot, seq))
            yield "kept", store.boot, seq, seq
        for boot in range(1, store.boot + (n % 4 != 3)):
            yield "ack", boot, 1, 200
            store.ack(boot, 1, 200)


def check_store(steps):
    """A function that looks at a store after a cut: no brick, no reading lost, none that never was, no boot twice."""

    def check(cut):
        kept, allowed, boots, zeros = set(), set(), [0], set()
        for operations, (kind, boot, low, high) in steps:
            if operations > cut:
                break
            keys = [(boot, seq) for seq in range(low, high + 1)]
            if kind == "begin":
                allowed.update(keys)
            elif kind == "kept":
                kept.update(keys)
            elif kind == "ack":
                kept.difference_update(keys)
            elif kind == "boot":
                boots.append(boot)
            else:
                zeros.add(boot)
        store = Store("/f/data", 8 * 4096)
        found = {}
        for one in store.waiting((), 10000):
            found[one.boot, one.seq] = one
            mine = one.boot > max(boots) and one.seq == 1  # from a start that was cut itself
            assert mine or (one.boot, one.seq) in allowed, "a reading that never was"
            assert one.values == record(one.boot, one.seq).values and one.t == 1767225600 + 60 * one.seq, "changed"
        lost = [key for key in kept if key not in found]
        assert not lost and not store.dropped, "lost %s" % lost[:5]
        assert store.boot > max(boots), "boot %d again" % store.boot
        held = {boot for boot, _ in kept}
        assert all(store.zero_of(boot) == 1767225600000 + boot for boot in zeros & held), "a date is lost"
        # It goes on: what is appended now is there after another start, and may be acknowledged.
        store.append(record(store.boot, 1))
        again = Store("/f/data", 8 * 4096)
        assert again.held == len(found) + 1, "%d held, not %d" % (again.held, len(found) + 1)

    return check


def settings(n):
    """The n-th settings: every text tells which, so that a mixture is seen."""
    secret = ("%d-" % n) * (1 + n * 17 % 40)
    return config.defaults(device="kit-%d" % n, host="host-%d" % n, network="net-%d" % n, wifi_password=secret,
                           mqtt_password=secret if n % 3 else "")  # fmt: skip


def changes_of_settings():
    for n in range(1, 40):
        yield n, False
        config.save("/f/cfg", settings(n))
        yield n, True


def check_config(steps):
    """A function that looks at the settings after a cut: all of the old ones, or all of the new ones."""

    def check(cut):
        old = new = 0
        for operations, (n, saved) in steps:
            if operations > cut:
                break
            new = n
            old = n if saved else old
        found = config.load("/f/cfg")
        assert found in (settings(old), settings(new), settings(1000)), "%s with %s" % (
            found["device"],
            found["wifi_password"],
        )
        config.save("/f/cfg", settings(1000))
        assert config.load("/f/cfg") == settings(1000), "settings cannot be saved any more"

    return check


if what == "store":
    before, log, steps = recorded("/f", 48, lambda: os.mkdir("/f/data"), days_of_a_store)
    check = check_store(steps)
else:

    def prepare():
        os.mkdir("/f/cfg")
        config.save("/f/cfg", settings(0))

    before, log, steps = recorded("/f", 48, prepare, changes_of_settings)
    check = check_config(steps)
print(json.dumps(tried("/f", before, log, check, step)))
