# SPDX-License-Identifier: EUPL-1.2
"""The store on flash: restarts, power cuts in the middle of a write, no room."""

import json
import shutil

from tests.firmware import board

HEAD = """
import json, os, sys
from kit.data.record import Record
from kit.data.store import Store
folder = sys.argv[1]
def record(boot, seq, n=6):
    return Record(boot, seq, 1767225600 + 60 * seq, None, 60, [(code, 100 * seq + code) for code in range(n)])
def held(store):
    return [[r.boot, r.seq] for r in store.waiting((), 100000)]
"""


def run(code, folder, feed="", heap="4m"):
    return [json.loads(line) for line in board.run(HEAD + code, folder, heap=heap, feed=feed).splitlines()]


def test_what_was_kept_survives_restarts_bit_for_bit(tmp_path):
    code = """
store = Store(folder)
boot = store.boot
for seq in range(1, 301):
    store.append(record(boot, seq))
store.ack(boot, 1, 100); store.ack(boot, 150, 150)
again = Store(folder)
r = again.waiting((), 1)[0]
print(json.dumps([held(store) == held(again), store.held, again.held, boot, again.boot]))
print(json.dumps([r.boot, r.seq, r.t, r.dt, r.values]))
"""
    (same, before, after, boot, next_boot), first = run(code, tmp_path / "s")
    assert same and before == after == 199 and next_boot == boot + 1
    assert first == [boot, 101, 1767225600 + 6060, 60, [[code, 10100 + code] for code in range(6)]]


def test_what_is_acknowledged_frees_its_room(tmp_path):
    code = """
store = Store(folder)
for seq in range(1, 2001):
    store.append(record(1, seq))
    store.ack(1, seq, seq)
print(json.dumps(len([name for name in os.listdir(folder) if name.endswith(".seg")])))
print(json.dumps([store.held, store.dropped]))
"""
    files, (held, dropped) = run(code, tmp_path / "s")
    assert files == 1 and held == 0 and dropped == 0


def test_without_room_the_oldest_go_and_are_counted(tmp_path):
    code = """
store = Store(folder, 5 * 4096)
for seq in range(1, 1001):
    store.append(record(1, seq))
size = sum([os.stat(folder + "/" + name)[6] for name in os.listdir(folder) if name.endswith(".seg")])
print(json.dumps([store.dropped, store.held, held(store)[0][1], held(store)[-1][1], size]))
"""
    dropped, held, oldest, newest, size = run(code, tmp_path / "s")[0]
    assert dropped + held == 1000 and newest == 1000 and oldest == dropped + 1
    assert size <= 5 * 4096 and held > 4 * 4096 // 60


RESTLESS = """
import random
random.seed(7)
# Hundredths: dust, climate, noise as restless as beside a road, all thirteen quantities of the first kit.
level = [500, 800, 900, 1000, 1500, 6000, 5500, 6500, 7500, 4500, 6000, 5200, 4700]
step = [60, 90, 100, 110, 15, 60, 500, 500, 900, 300, 600, 400, 300]
def restless(boot, seq):
    values = [(code, value + random.randint(-by, by)) for code, (value, by) in enumerate(zip(level, step))]
    return Record(boot, seq, 1767225600 + 60 * seq, None, 60, values)
"""


def test_half_a_megabyte_holds_nine_days_of_a_whole_kit(tmp_path):
    code = """
store = Store(folder)
for seq in range(1, 16001):
    store.append(restless(1, seq))
size = sum([os.stat(folder + "/" + name)[6] for name in os.listdir(folder) if name.endswith(".seg")])
print(json.dumps([store.dropped, store.held, size]))
"""
    dropped, held, size = run(RESTLESS + code, tmp_path / "s")[0]
    assert size <= 512 * 1024 and dropped + held == 16000
    assert held >= 9 * 24 * 60, f"{held / 1440:.1f} days"


WEAR = """
import vfs
class Flash:
    "512 kB in sectors of 4 kB, which counts how often each is erased."
    def __init__(self):
        self.data, self.erased = bytearray(512 * 1024), [0] * 128
    def readblocks(self, n, buffer, offset=0):
        at = n * 4096 + offset
        buffer[:] = memoryview(self.data)[at : at + len(buffer)]
    def writeblocks(self, n, buffer, offset=0):
        at = n * 4096 + offset
        self.data[at : at + len(buffer)] = buffer
    def ioctl(self, what, n):
        if what == 4:
            return 128
        if what == 5:
            return 4096
        if what == 6:
            self.erased[n] += 1
            for i in range(4096):
                self.data[n * 4096 + i] = 255
            return 0
flash = Flash()
vfs.VfsLfs2.mkfs(flash)
vfs.mount(vfs.VfsLfs2(flash), "/flash")
store = Store("/flash/data", 400 * 1024)
flash.erased = [0] * 128
for seq in range(1, 2 * 1440 + 1):
    store.append(restless(1, seq))
print(json.dumps([sum(flash.erased) / 128 / 2, max(flash.erased) / 2, store.held, store.dropped]))
"""


def test_two_days_offline_wear_the_flash_little(tmp_path):
    mean, most, held, dropped = run(RESTLESS + WEAR, tmp_path / "s", heap="16m")[0]
    assert (held, dropped) == (2880, 0)
    # At 12 erases a day a sector that bears 100,000 of them lasts for 22 years of being offline.
    assert mean <= 12, f"{mean} erases of a sector in a day, {most} of the most used"


def test_a_power_cut_at_any_byte_of_a_write_costs_that_record_at_most(tmp_path):
    make = """
store = Store(folder)
for seq in range(1, 6):
    store.append(record(1, seq))
print(json.dumps([name for name in os.listdir(folder) if name.endswith(".seg")]))
"""
    (names,) = run(make, tmp_path / "whole")
    whole = (tmp_path / "whole" / names[0]).read_bytes()
    ends = [0]
    while ends[-1] < len(whole):
        ends.append(ends[-1] + 3 + whole[ends[-1]])  # a record begins with the length of its body
    assert len(ends) == 6 and ends[-1] == len(whole)
    for cut in range(len(whole) + 1):
        shutil.copytree(tmp_path / "whole", tmp_path / "cuts" / str(cut))
        (tmp_path / "cuts" / str(cut) / names[0]).write_bytes(whole[:cut])
    after = """
import os
base = folder
for cut in range(%d):
    store = Store("%%s/%%d" %% (base, cut))
    before = held(store)
    store.append(record(2, 1))
    again = Store("%%s/%%d" %% (base, cut))
    print(json.dumps([before, store.torn, held(again) == before + [[2, 1]]]))
""" % (len(whole) + 1)
    for cut, (held, torn, goes_on) in enumerate(run(after, tmp_path / "cuts")):
        assert held == [[1, seq] for seq in range(1, 6) if ends[seq] <= cut]
        assert torn == (cut not in ends) and goes_on


def test_acknowledgements_count_though_readings_were_added_since(tmp_path):
    code = """
store = Store(folder)
for seq in range(1, 41):
    store.append(record(1, seq))
    if seq == 20:
        store.ack(1, 1, 15)
print(json.dumps([store.held, Store(folder).held]))
"""
    assert run(code, tmp_path / "s")[0] == [25, 25]


def test_a_damaged_list_of_acknowledgements_deletes_nothing(tmp_path):
    make = """
store = Store(folder)
for seq in range(1, 10):
    store.append(record(1, seq))
store.ack(1, 2, 4)
print(json.dumps([name for name in os.listdir(folder) if name.endswith(".ack")]))
"""
    (names,) = run(make, tmp_path / "s")
    path = tmp_path / "s" / names[0]
    sound = path.read_bytes()
    for damage in (b"", sound[:1], sound[:-1], bytes([sound[0] ^ 1]) + sound[1:], sound + b"x"):
        path.write_bytes(damage)
        assert run("print(json.dumps(held(Store(folder))))", tmp_path / "s")[0] == [[1, n] for n in range(1, 10)]
    path.write_bytes(sound)
    assert len(run("print(json.dumps(held(Store(folder))))", tmp_path / "s")[0]) == 6


def test_readings_from_before_the_time_was_known_can_be_dated_in_a_later_boot(tmp_path):
    code = """
store = Store(folder)
store.append(Record(store.boot, 1, None, 60, 60, [(1, 5)]))
store.remember_zero(1767225600000)
again = Store(folder)
r = again.waiting((), 1)[0]
print(json.dumps([r.uptime, again.zero_of(r.boot), again.zero_of(99)]))
"""
    assert run(code, tmp_path / "s")[0] == [60, 1767225600000, None]
