# SPDX-License-Identifier: EUPL-1.2
"""The wire as the kit sees it, on the example files that the collector's tests read too."""

import json

import pytest

from collector.message import Ack
from collector.quantities import QUANTITIES
from tests import parts
from tests.firmware import board

VECTORS = parts.ROOT / "tests" / "vectors"

ENCODE = """
import json, sys
from kit.data.message import Encoder
from kit.data.quantities import CODES, hundredths
from kit.data.store import Record
for line in sys.stdin:
    message = json.loads(line)
    records, times = [], []
    for r in message["readings"]:
        values = [(CODES[name], hundredths(value)) for name, value in r["q"].items()]
        records.append(Record(message["boot"], r["seq"], r.get("t"), 0, r["dt"], values))
        times.append(("t", r["t"]) if "t" in r else ("age", r["age"]))
    payload, n = Encoder(2600).encode(records, times)
    print(json.dumps([bytes(payload).decode(), n]))
"""

ACKS = """
import json, os, sys
from kit.data.message import BadAck, decode_ack
from kit.data.store import Record, Store
for number, line in enumerate(sys.stdin):
    vector = json.loads(line)
    store = Store("%s/%d" % (sys.argv[1], number))
    for boot, seq in vector["held"]:
        store.append(Record(boot, seq, 1767225600 + seq, None, 60, [(1, 1234)]))
    bad = False
    try:
        boot, ranges, rejected, error, now = decode_ack(vector["raw"])
        for low, high in ranges:
            store.ack(boot, low, high)
        for seq in rejected:
            store.ack(boot, seq, seq)
    except BadAck:
        bad = True
    left = [[r.boot, r.seq] for r in store.waiting((), 100)]
    again = [[r.boot, r.seq] for r in Store("%s/%d" % (sys.argv[1], number)).waiting((), 100)]
    print(json.dumps([left, again, bad, store.held]))
"""


def kit_can(message):
    """Whether a kit could say this: it knows its quantities, hundredths, and no units but theirs."""
    return set(message) <= {"v", "boot", "fw", "readings"} and message["boot"] < 2**32 and all(
        set(r) <= {"seq", "t", "age", "dt", "q"} and r["seq"] < 2**32
        and all(v is not None and name in QUANTITIES and round(v, 2) == v for name, v in r["q"].items())
        for r in message["readings"]
    )  # fmt: skip


def test_messages_are_encoded_as_the_collector_reads_them():
    messages = [json.loads(path.read_text())["payload"] for path in sorted((VECTORS / "messages").glob("good-*.json"))]
    messages = [message for message in messages if kit_can(message)]
    assert len(messages) >= 5
    feed = "".join(json.dumps(message) + "\n" for message in messages)
    told = board.run(ENCODE, feed=feed, heap="1m").splitlines()
    for message, line in zip(messages, told, strict=True):
        text, n = json.loads(line)
        assert n == len(message["readings"])
        assert json.loads(text) == {**message, "fw": "0.1.0"}


def test_acknowledgements_delete_exactly_what_they_name(tmp_path):
    vectors = [json.loads(path.read_text()) for path in sorted((VECTORS / "acks").glob("*.json"))]
    assert len(vectors) >= 20
    feed = "".join(
        json.dumps({"held": one["held"], "raw": one.get("raw", json.dumps(one.get("ack")))}) + "\n" for one in vectors
    )
    told = board.run(ACKS, tmp_path, feed=feed, heap="1m").splitlines()
    for vector, line in zip(vectors, told, strict=True):
        left, after_restart, bad, held = json.loads(line)
        assert left == after_restart == vector["left"], vector["about"]
        assert held == len(left)
        assert bad == ("raw" in vector), vector["about"]


@pytest.mark.parametrize("path", sorted((VECTORS / "acks").glob("*.json")), ids=lambda path: path.stem)
def test_good_acknowledgements_are_what_the_collector_can_say(path):
    import msgspec

    vector = json.loads(path.read_text())
    if "ack" in vector:
        msgspec.convert(vector["ack"], Ack)


def test_the_kit_and_the_collector_use_the_same_words():
    names = json.loads(board.run("import json; from kit.data.quantities import NAMES; print(json.dumps(NAMES))"))
    assert set(names) <= set(QUANTITIES) and len(names) == len(set(names))
