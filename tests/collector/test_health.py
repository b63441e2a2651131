# SPDX-License-Identifier: EUPL-1.2
"""How a kit is: states, words, clocks, and the message that says so."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.health import (
    INTERVALS,
    RECENT,
    UNKNOWN_PACE,
    Health,
    Pulse,
    State,
    Verdict,
    clock_of,
    common_offset,
    health_topic,
    judge,
    message,
    patience,
)
from collector.ingest.rules import COLLECTOR_WRITES, KIT_WRITES, kit_reads
from collector.message import Reason
from collector.reasons import CODES, LANGUAGES, MORE, in_words, language_of, words
from collector.settings import Settings

SETTINGS = Settings()
NOW = 1_767_261_600
WELL = Pulse(heard=NOW - 30, newest=NOW - 60, pace=60, clock=2)


def test_every_code_has_words_in_every_language():
    assert set(CODES) == {one.value for one in Reason} | set(MORE)
    for code in CODES:
        for language in LANGUAGES:
            told = words(code, language)
            assert all(part.endswith(".") and len(part) < 130 for part in told), told
        assert words(code, "en") != words(code, "nl")
    assert len({str(words(code)) for code in CODES}) == len(CODES)


def test_a_code_of_a_newer_collector_stays_a_code():
    assert in_words(["something_new"], "nl") == {"something_new": "something_new"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("nl", "nl"),
        ("nl-NL,nl;q=0.9", "nl"),
        ("fr,de", "en"),
        ("", "en"),
        ("C", "en"),
        ("EN-us", "en"),
        ("fr,nl", "nl"),
    ],
)
def test_the_first_language_that_we_have(accepted, language):
    assert language_of(accepted) == language


@pytest.mark.parametrize(
    ("pulse", "refused", "verdict"),
    [
        (WELL, {}, Verdict(State.OK, ())),
        (WELL, {"clock": NOW - RECENT}, Verdict(State.REJECTING, ("clock",))),
        (WELL, {"clock": NOW - RECENT - 1}, Verdict(State.OK, ())),
        (WELL, {"unit": NOW, "clock": NOW}, Verdict(State.REJECTING, ("clock", "unit"))),
        (WELL._replace(clock=61), {}, Verdict(State.CLOCK, ("clock_ahead",))),
        (WELL._replace(clock=-61), {}, Verdict(State.CLOCK, ("clock_behind",))),
        (WELL._replace(clock=60), {}, Verdict(State.OK, ())),
        (WELL._replace(clock=90), {"unit": NOW}, Verdict(State.REJECTING, ("unit", "clock_ahead"))),
        (WELL._replace(heard=NOW - 3600), {}, Verdict(State.OK, ())),
        (WELL._replace(heard=NOW - 3601), {"unit": NOW}, Verdict(State.SILENT, ("silent",))),
        (WELL._replace(heard=NOW - 3601, pace=600), {}, Verdict(State.OK, ())),
        (WELL._replace(heard=NOW - 6001, pace=600), {}, Verdict(State.SILENT, ("silent",))),
    ],
)
def test_a_kit_is_as_the_first_state_that_holds(pulse, refused, verdict):
    assert judge(pulse, refused, NOW, SETTINGS) == verdict


def test_a_kit_that_another_collector_hears_is_not_silent():
    gone = WELL._replace(heard=NOW - 4000)
    assert judge(gone, {}, NOW, SETTINGS).state is State.SILENT
    assert judge(gone, {}, NOW, SETTINGS, elsewhere=NOW - 60).state is State.OK


def test_patience_is_ten_intervals_of_a_slow_kit():
    assert patience(WELL, SETTINGS) == SETTINGS.silent_s
    assert patience(WELL._replace(pace=3600), SETTINGS) == INTERVALS * 3600
    assert patience(WELL._replace(pace=0), SETTINGS) == max(SETTINGS.silent_s, INTERVALS * UNKNOWN_PACE)


@given(st.integers(-100_000, 100_000), st.lists(st.integers(0, 3_600_000), min_size=3, max_size=6))
def test_a_clock_is_never_called_further_behind_than_it_may_be(offset_s, ways):
    """What a way takes only adds to a delay: a clock is behind by the least delay at most."""
    delays = [way - offset_s * 1000 for way in ways]
    found = clock_of(delays)
    assert found is not None
    if all(delay >= 0 for delay in delays):
        assert found <= 0 and -found >= 0 and found >= -round(min(delays) / 1000) - 1
        assert found <= offset_s + max(ways) / 1000 + 1
    if all(way == 0 for way in ways):
        assert found == offset_s


def test_one_wrong_reading_says_nothing_of_a_clock():
    assert clock_of([500, 700, 600, -86_400_000, 800]) == 0
    assert clock_of([500, 700]) is None


def test_when_most_clocks_are_off_together_it_is_the_collectors():
    assert common_offset([120, 121, 119, 120, 2], SETTINGS) == 120
    assert common_offset([120, 121, 119, 120], SETTINGS) is None
    assert common_offset([1, 2, 0, -1, 500, None], SETTINGS) is None


@given(
    st.lists(st.sampled_from(CODES), unique=True),
    st.builds(Pulse, *[st.integers(0, 2**40)] * 3, st.none() | st.integers(-(2**40), 2**40)),
    st.integers(0, 2**40),
)
def test_a_message_says_what_was_found(codes, pulse, since):
    state = State.REJECTING if codes else State.OK
    payload = message(Verdict(state, tuple(codes)), pulse, since)
    read = msgspec.json.decode(payload, type=Health)
    assert (read.state, read.codes, read.since) == (state, codes, since)
    assert (read.last, read.clock) == (pulse.heard, pulse.clock)
    for language in LANGUAGES:
        assert list(read.text[language]) == (codes or ["ok"])
    assert json.loads(payload)["v"] == 1


@given(st.binary())
def test_no_bytes_are_an_uncaught_error_for_who_reads_health(payload):
    with contextlib.suppress(msgspec.MsgspecError):
        msgspec.json.decode(payload, type=Health)


def test_only_the_collector_writes_health():
    assert "health" in COLLECTOR_WRITES and "health" not in KIT_WRITES
    assert health_topic("kit-a1b2c3") in kit_reads("kit-a1b2c3")
