# SPDX-License-Identifier: EUPL-1.2
"""Each promise of docs/explanation/durability.md names tests that exist."""

import re

from tests import parts

PAGE = parts.ROOT / "docs/explanation/durability.md"


def test_every_promise_names_tests_that_exist():
    there = set()
    for path in (parts.ROOT / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))
    promises = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "| test |" not in line]
    assert len(promises) >= 15
    for promise in promises:
        named = re.findall(r"`(test_\w+)`", promise)
        assert named and set(named) <= there, promise
