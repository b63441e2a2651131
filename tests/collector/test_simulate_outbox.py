# SPDX-License-Identifier: EUPL-1.2
"""The outbox: no reading is let go before it is acknowledged, whatever gets lost on the way."""

import math
from dataclasses import replace

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.message import MAX_BYTES, Ack, Reason, decode, ranges
from collector.simulate.outbox import Outbox, Pace
from collector.simulate.replay import Replay

NOON = 1767268800
DEVICE = "kit-a1b2c3"


class Made:
    """A source of columns that were made by hand."""

    device, firmware = DEVICE, "simulated"

    def __init__(self, n=10, **changes):
        recording = Replay(DEVICE, NOON + 60 * np.arange(1, n + 1), {"pm25": np.arange(n) / 10})
        self._columns = replace(recording.columns(), **changes)

    def columns(self):
        return self._columns


def outbox(source, *, live=False, clock=lambda: 0.0, **pace):
    return Outbox(source, Pace(**pace), live=live, clock=clock)


def take(box, now=0.0, until=math.inf):
    return [decode(DEVICE, payload) for payload in box.take(now, until)]


def seqs(messages):
    return [[reading.seq for reading in message.readings] for message in messages]


def ack(*numbers, boot=1, **more):
    return msgspec.json.encode(Ack(boot=boot, seq=ranges(numbers), **more))


def test_messages_are_full_and_the_window_bounds_them():
    box = outbox(Made(10), batch=3, window=2)
    assert seqs(take(box)) == [[1, 2, 3], [4, 5, 6]]
    assert seqs(take(box)) == []
    box.settle(ack(4, 5, 6))
    assert seqs(take(box)) == [[7, 8, 9]]
    box.settle(ack(*range(1, 10)))
    assert seqs(take(box)) == [[10]]
    assert not box.finished
    box.settle(ack(10))
    assert box.finished and box.counts.acknowledged == 10 and box.counts.left == 0


def test_exactly_what_is_acknowledged_is_let_go_and_the_rest_is_sent_again():
    box = outbox(Made(6), batch=6, resend_after=10)
    assert seqs(take(box, now=100.0)) == [[1, 2, 3, 4, 5, 6]]
    box.settle(ack(1, 2, 5))
    assert seqs(take(box, now=109.9)) == []
    assert seqs(take(box, now=110.0)) == [[3, 4, 6]]
    assert seqs(take(box, now=119.9)) == []
    assert seqs(take(box, now=120.0)) == [[3, 4, 6]]
    assert (box.counts.messages, box.counts.sent, box.counts.acknowledged) == (3, 12, 3)


def test_rejections_notes_and_errors_are_counted():
    box = outbox(Made(5))
    take(box)
    box.settle(ack(1, 2, rejected={"3": Reason.CLOCK, "4": Reason.CONFLICT}, noted={"1": Reason.LATE}))
    box.settle(ack(1, 2, rejected={"3": Reason.CLOCK, "99": Reason.CLOCK, "x": Reason.CLOCK}))  # once more
    box.settle(msgspec.json.encode(Ack(error=Reason.JSON)))
    box.settle(b"\xff")
    assert box.counts.acknowledged == 2
    assert box.counts.rejected == {"clock": 1, "conflict": 1}
    assert box.counts.noted == {"late": 1}
    assert box.counts.errors == {"json": 1, "unreadable": 1}
    assert box.counts.left == 1 and not box.finished


def test_acknowledgements_of_another_boot_or_of_everything_let_nothing_else_go():
    box = outbox(Made(3))
    take(box)
    box.settle(ack(1, 2, 3, boot=2))
    assert box.counts.acknowledged == 0
    box.settle(msgspec.json.encode(Ack(boot=1, seq=[(0, 2**53)])))
    assert box.counts.acknowledged == 3


def test_a_message_is_of_one_boot():
    box = outbox(Made(6, boot=np.array([1, 1, 1, 2, 2, 3]), seq=np.array([1, 2, 3, 1, 2, 1])))
    messages = take(box)
    assert [(m.boot, len(m.readings)) for m in messages] == [(1, 3), (2, 2), (3, 1)]
    box.settle(ack(1, 2, boot=2))
    assert box.counts.acknowledged == 2


def test_live_readings_do_not_leave_before_their_interval_ends():
    box = outbox(Made(5), live=True)
    assert seqs(take(box, until=NOON + 59)) == []
    assert box.counts.made == 0
    assert seqs(take(box, until=NOON + 60)) == [[1]]
    assert seqs(take(box, until=NOON + 190)) == [[2, 3]]
    assert box.counts.made == 3
    assert box.earliest == NOON


def test_an_age_is_that_of_the_moment_of_each_sending():
    clock = [NOON + 90.0]
    box = outbox(Made(1, aged=np.array([True])), clock=lambda: clock[0], resend_after=10)
    first = take(box, now=0.0)[0].readings[0]
    clock[0] += 12.5
    second = take(box, now=12.5)[0].readings[0]
    assert (first.t, first.age, second.t, second.age) == (None, 30_000, None, 42_500)


def test_a_repetition_is_sent_and_not_waited_for():
    again = np.array([False, False, True])
    box = outbox(Made(3, seq=np.array([1, 2, 1]), again=again), batch=2)
    assert box.total == box.counts.made == 2
    assert seqs(take(box)) == [[1, 2], [1]]
    box.settle(ack(1, 2))
    assert box.finished and box.counts.sent == 3


def test_large_readings_are_split_over_messages():
    q = {f"quantity_number_{i:02d}": np.arange(40) + 0.123456 for i in range(30)}
    box = outbox(Made(40, q=q))
    payloads = list(box.take(0.0, math.inf))
    assert len(payloads) > 4 and all(len(payload) <= MAX_BYTES for payload in payloads)
    box.settle(ack(*range(1, 41)))
    assert box.finished


def test_after_a_lost_connection_what_was_on_its_way_is_due():
    box = outbox(Made(4), batch=2)
    take(box, now=50.0)
    box.send_all_again()
    assert seqs(take(box, now=50.1)) == [[1, 2], [3, 4]]


@given(st.data())
def test_the_books_balance_whatever_is_lost_twice_or_refused(data):
    n = data.draw(st.integers(1, 60))
    boots = np.sort(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    seq = np.concatenate([np.arange(1, 1 + np.count_nonzero(boots == b)) for b in (1, 2, 3)])
    pace = {"batch": data.draw(st.integers(1, 9)), "window": data.draw(st.integers(1, 4)), "resend_after": 1.0}
    box = outbox(Made(n, boot=boots, seq=seq), **pace)
    settled: dict[tuple[int, int], str] = {}
    now = 0.0
    for round_ in range(400):
        if box.finished:
            break
        now += 0.6
        for message in take(box, now):
            for one in message.readings:
                assert (message.boot, one.seq) not in settled, "sent again after it was settled"
            fate = data.draw(st.sampled_from(["lost", "some", "all", "refused"])) if round_ < 30 else "all"
            numbers = [one.seq for one in message.readings]
            if fate == "lost":
                continue
            some = numbers[::2] if fate == "some" else numbers
            if fate == "refused":
                answer = ack(boot=message.boot, rejected={str(number): Reason.CLOCK for number in some})
            else:
                answer = ack(*some, boot=message.boot)
            for _ in range(data.draw(st.integers(1, 2))):
                box.settle(answer)
            settled.update({(message.boot, number): fate for number in some})
        counts = box.counts
        assert counts.made == n == counts.acknowledged + counts.rejected.total() + counts.left
        assert counts.settled == len(settled)
    assert box.finished and len(settled) == n
    assert box.counts.rejected.total() == sum(fate == "refused" for fate in settled.values())
