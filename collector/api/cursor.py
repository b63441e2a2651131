# SPDX-License-Identifier: EUPL-1.2
"""Cursors: where the next page of a list begins, as a word for the client's next request.

A cursor names the last entry that was given, not how many were, so that what is added meanwhile neither repeats nor
hides anything. It holds good for the question it was made for, and says so to any other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from collector.api.problems import Problem

Key = tuple[str | int, ...]
T = TypeVar("T")
_LONGEST = 400  # characters of a cursor


def encode(question: str, last: Key) -> str:
    """The cursor behind an entry's key, for a question."""
    return base64.urlsafe_b64encode(msgspec.json.encode([_mark(question), *last])).decode().rstrip("=")


def decode(cursor: str, question: str, kinds: tuple[type, ...]) -> Key:
    """The key in a cursor; Problem if it is none of this question, or of other types than `kinds`."""
    wrong = Problem("parameter", "This cursor is none of this question.", "Take `next` of an answer as it is.")
    if len(cursor) > _LONGEST:
        raise wrong
    try:
        mark, *last = msgspec.json.decode(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError, msgspec.DecodeError, RecursionError) as error:
        raise wrong from error
    if mark != _mark(question) or tuple(map(type, last)) != kinds:
        raise wrong
    return tuple(last)


def page(
    entries: Sequence[T], key: Callable[[T], Key], question: str, limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """At most `limit` entries behind a cursor, and the cursor of the next page; None where this is the last.

    Entries are in the order of their keys, which all differ.
    """
    left = list(entries)
    if cursor is not None:
        after = decode(cursor, question, tuple(type(one) for one in key(left[0]))) if left else ()
        left = [one for one in left if key(one) > after]
    given = left[:limit]
    return given, encode(question, key(given[-1])) if len(left) > limit else None


def _mark(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:12]
