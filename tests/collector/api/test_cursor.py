# SPDX-License-Identifier: EUPL-1.2
"""Cursors: pages of any size hold every entry once, also while entries are added; words of others are refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.cursor import decode, encode, page
from collector.api.problems import Problem

KEY = st.tuples(st.text(max_size=32), st.integers(-(2**62), 2**62))
KEYS = st.lists(KEY, unique=True)


def walked(entries, limit, question="q"):
    """All pages, and after each of them what `entries` gives by then."""
    cursor, found = None, []
    while True:
        given_, cursor = page(sorted(entries()), lambda key: key, question, limit, cursor)
        assert len(given_) <= limit
        found += given_
        if cursor is None:
            return found


@given(KEYS, st.integers(1, 50))
def test_pages_of_any_size_hold_every_entry_once_and_in_order(keys, limit):
    assert walked(lambda: keys, limit) == sorted(keys)


@given(KEYS, KEYS, st.integers(1, 5))
def test_what_is_added_meanwhile_repeats_and_hides_nothing(keys, later, limit):
    growing = iter(later)
    there = set(keys)

    def entries():
        with contextlib.suppress(StopIteration):
            there.add(next(growing))
        return there

    found = walked(entries, limit)
    assert len(found) == len(set(found)) and set(keys) <= set(found)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_what_is_no_cursor_is_a_problem(text):
    with pytest.raises(Problem):
        decode(text, "q", (str, int))


@given(KEY)
def test_a_cursor_comes_back_as_it_went_but_only_to_its_question(key):
    cursor = encode("q", key)
    assert decode(cursor, "q", (str, int)) == key
    for question, kinds in (("r", (str, int)), ("q", (int, int)), ("q", (str,))):
        with pytest.raises(Problem):
            decode(cursor, question, kinds)
