# SPDX-License-Identifier: EUPL-1.2
"""The decoder of the wire message: never raises, names what is wrong, keeps what is sound."""

import itertools
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.message import (
    MAX_BYTES,
    Message,
    Reading,
    Reason,
    decode,
    device_of,
    encode,
    ranges,
    readings_topic,
)

DEVICE = "kit-a1b2c3"
SEQ = st.integers(0, 2**53)
VALUES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    min_size=1,
    max_size=4,
)
READINGS = st.builds(
    Reading, seq=SEQ, dt=st.integers(1, 86400), q=VALUES, t=st.integers(-(2**53), 2**53), age=st.none()
) | st.builds(Reading, seq=SEQ, dt=st.integers(1, 86400), q=VALUES, t=st.none(), age=SEQ)


@given(st.builds(Message, v=st.just(1), boot=SEQ, readings=st.lists(READINGS, min_size=1, max_size=5), fw=st.just("1")))
def test_what_is_encoded_is_decoded(message):
    decoded = decode(DEVICE, encode(message))
    assert (decoded.boot, decoded.fw, decoded.readings, decoded.refused) == (message.boot, "1", message.readings, [])


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(payload):
    decoded = decode(DEVICE, payload)
    assert decoded.readings or decoded.refused


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ALMOST_READING = st.fixed_dictionaries(
    {}, optional={"seq": JSON, "t": JSON, "dt": JSON, "age": JSON, "q": JSON | st.dictionaries(st.just("pm25"), JSON)}
)


@given(
    st.fixed_dictionaries(
        {"v": st.just(1) | JSON, "boot": st.just(17) | JSON, "readings": st.lists(ALMOST_READING, max_size=3) | JSON}
    )
)
def test_almost_a_message_is_answered_and_nothing_false_is_taken(thing):
    decoded = decode(DEVICE, json.dumps(thing).encode())
    assert decoded.readings or decoded.refused
    for reading in decoded.readings:
        assert isinstance(reading.seq, int) and (reading.t is None) != (reading.age is None)
        assert all(value is None or math.isfinite(value) for value in reading.q.values())


@given(st.integers(0, 4), st.sampled_from(["dt", "seq", "q", "t"]))
def test_a_bad_reading_does_not_hide_its_neighbours(position, broken):
    readings = [{"seq": n, "t": 1767261600 + 60 * n, "dt": 60, "q": {"pm25": 1.0}} for n in range(5)]
    readings[position][broken] = "?"
    decoded = decode(DEVICE, json.dumps({"v": 1, "boot": 1, "readings": readings}).encode())
    assert [reading.seq for reading in decoded.readings] == [n for n in range(5) if n != position]
    assert [r.seq for r in decoded.refused] == [None if broken == "seq" else position]


def test_a_deep_nest_is_refused_quickly():
    payload = b"[" * 4000 + b"]" * 4000
    assert decode(DEVICE, payload).refused[0].reason is Reason.JSON


@pytest.mark.parametrize(
    "odd",
    [
        b'"fw":"\xff"',  # a text that is no text
        b'"\\ud800":1',  # half of a pair, as a name and as a text
        b'"fw":"\\udfff"',
        b'"more":' + b"[" * 3000 + b"]" * 3000,  # a nest where nobody looks
    ],
)
def test_what_no_text_can_be_is_refused_as_json(odd):
    payload = b'{"v":1,"boot":17,%s,"readings":[{"seq":1,"t":1767261600,"dt":60,"q":{"pm25":1.0}}]}' % odd
    decoded = decode(DEVICE, payload)
    assert decoded.readings == [] and [one.reason for one in decoded.refused] == [Reason.JSON]


def test_the_size_is_that_of_the_bytes():
    text = '{"v":1,"boot":1,"fw":"' + "é" * MAX_BYTES + '","readings":[]}'
    assert decode(DEVICE, text.encode()).refused[0].reason is Reason.SIZE


@pytest.mark.parametrize(
    "topic",
    ["citimeasure/v1/abc/readings", "citimeasure/v1/" + "a" * 33 + "/readings", "citimeasure/v1/kit_1234/readings",
     "citimeasure/v2/kit-1234/readings", "citimeasure/v1/kit-1234/readings/x", "x/citimeasure/v1/kit-1234/readings"],
)  # fmt: skip
def test_other_topics_name_no_device(topic):
    assert device_of(topic) is None


def test_a_topic_names_its_device():
    assert device_of(readings_topic(DEVICE)) == DEVICE


@given(st.lists(st.integers(0, 60)))
def test_ranges_hold_exactly_the_numbers(numbers):
    found = ranges(numbers)
    assert {n for low, high in found for n in range(low, high + 1)} == set(numbers)
    assert all(after[0] > before[1] + 1 for before, after in itertools.pairwise(found))


def test_a_reading_is_immutable():
    reading = Reading(seq=1, dt=60, q={"pm25": 1.0}, t=5)
    with pytest.raises(AttributeError):
        reading.seq = 2
    assert msgspec.structs.asdict(reading)["u"] is None
