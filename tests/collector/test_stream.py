# SPDX-License-Identifier: EUPL-1.2
"""MQTT packets out of blocks that are cut anywhere, and what is no MQTT."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.ingest import stream
from collector.ingest.stream import LONGEST, MalformedPacket, Reader

TOPICS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MESSAGES = st.lists(st.tuples(TOPICS, st.binary(max_size=400), st.none() | st.integers(1, 65535)), max_size=12)


def length(size):
    """A packet's length as the specification's own algorithm writes it [2.2.3]."""
    out = bytearray()
    while True:
        size, digit = divmod(size, 128)
        out.append(digit | (128 if size else 0))
        if not size:
            return bytes(out)


def publish(topic, payload, packet_id=None):
    name = topic if isinstance(topic, bytes) else topic.encode()
    body = len(name).to_bytes(2, "big") + name
    body += b"" if packet_id is None else packet_id.to_bytes(2, "big")
    body += payload
    return bytes([0x30 if packet_id is None else 0x32]) + length(len(body)) + body


def cut(data, cuts):
    places = [0, *sorted(one % (len(data) + 1) for one in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=8))
def test_messages_come_whole_and_in_order_however_the_stream_is_cut(messages, cuts):
    data = b"".join(publish(*one) for one in messages) + b"\xd0\x00"
    reader, got, pubacks, answers = Reader(), [], b"", []
    for block in cut(data, cuts):
        received = reader.feed(block)
        got += received.messages
        pubacks += received.pubacks
        answers += received.answers
    assert got == [(topic, payload) for topic, payload, _ in messages]
    assert pubacks == b"".join(b"\x40\x02" + n.to_bytes(2, "big") for *_, n in messages if n is not None)
    assert answers == [(stream.PINGRESP, b"")]


@given(st.lists(st.binary(max_size=300), max_size=5))
@example([b"\x32\x01\x00"])
@example([b"\x30\xff\xff\xff\xff"])
def test_whatever_comes_is_read_or_refused_and_never_anything_else(blocks):
    reader = Reader()
    try:
        for block in blocks:
            reader.feed(block)
    except MalformedPacket:
        pass


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x30\x00",  # no topic
        b"\x30\x03\x00\x09a",  # a topic longer than its packet
        b"\x32\x04\x00\x01a\x00",  # half a packet's number
        b"\x34\x05\x00\x01a\x00\x01",  # QoS 2, which nobody asked for
        b"\x90\xff\xff\xff\xff",  # a length without an end
        b"\x90" + length(LONGEST + 1),
    ],
)
def test_what_is_no_mqtt_ends_the_connection(wrong):
    with pytest.raises(MalformedPacket):
        Reader().feed(wrong)


@pytest.mark.parametrize("size", [LONGEST - 7, LONGEST - 6, LONGEST, 5 * LONGEST])
def test_a_huge_message_is_cut_and_the_next_one_is_whole(size):
    data = publish("big", b"x" * size, 7) + publish("next", b"whole", 8)
    reader, got, pubacks = Reader(), [], b""
    for start in range(0, len(data), 1 << 16):
        received = reader.feed(data[start : start + (1 << 16)])
        got += received.messages
        pubacks += received.pubacks
        assert len(reader._rest) <= LONGEST + (1 << 16)
    assert [(topic, len(payload)) for topic, payload in got] == [("big", min(size, LONGEST - 7)), ("next", 5)]
    assert pubacks == b"\x40\x02\x00\x07\x40\x02\x00\x08"


def test_a_topic_that_is_not_utf8_is_named_so():
    assert Reader().feed(publish(b"\xff", b"1")).messages == [(stream.NOT_UTF8, b"1")]


@given(st.lists(st.tuples(TOPICS, st.binary(max_size=300)), max_size=8), st.sampled_from([0, 200, 20_000, 70_000]))
def test_what_is_published_is_what_the_specification_says(messages, size):
    messages = [*messages, ("big", b"x" * size)]
    assert stream.publish(messages) == b"".join(publish(*one) for one in messages)


def test_a_login_names_what_there_is():
    head = b"\x00\x04MQTT\x04"
    assert stream.connect("a", 60) == b"\x10\x0d" + head + b"\x02\x00\x3c\x00\x01a"
    assert stream.connect("a", 60, "u") == b"\x10\x10" + head + b"\x82\x00\x3c\x00\x01a\x00\x01u"
    assert stream.connect("a", 60, "u", "pw") == b"\x10\x14" + head + b"\xc2\x00\x3c\x00\x01a\x00\x01u\x00\x02pw"
