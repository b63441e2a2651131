# SPDX-License-Identifier: EUPL-1.2
"""The store on flash: restarts, power cuts in the middle of a write, no room."""

import json
import shutil

from tests.firmware import board

HEAD = """
import json, os, sys
from kit.data.store import Record, Store
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


def test_half_a_megabyte_holds_more_than_three_days(tmp_path):
    code = """
store = Store(folder)
for seq in range(1, 9001):
    store.append(record(1, seq))
print(json.dumps([store.dropped, store.held]))
"""
    dropped, held = run(code, tmp_path / "s")[0]
    assert held >= 3 * 24 * 60 and dropped + held == 9000


def test_a_power_cut_at_any_byte_of_a_write_costs_that_record_at_most(tmp_path):
    make = """
store = Store(folder)
for seq in range(1, 6):
    store.append(record(1, seq))
print(json.dumps([name for name in os.listdir(folder) if name.endswith(".seg")]))
"""
    (names,) = run(make, tmp_path / "whole")
    whole = (tmp_path / "whole" / names[0]).read_bytes()
    size = len(whole) // 5
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
        assert held == [[1, seq] for seq in range(1, cut // size + 1)]
        assert torn == (cut % size != 0) and goes_on


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
