# SPDX-License-Identifier: EUPL-1.2
"""Each promise of docs/explanation/durability.md, and each attack of docs/reference/security.md, names its tests."""

import re

from tests import parts


def rows(page):
    """A page's lines of tables, without their heads."""
    lines = (parts.ROOT / "docs" / page).read_text().splitlines()
    return [line for line in lines if line.startswith("| ") and "| test |" not in line]


def named(row):
    return re.findall(r"`(test_\w+)`", row)


def every_test():
    """Every test that there is."""
    there = set()
    for path in (parts.ROOT / "tests").rglob("test_*.py"):
        there |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE))
    return there


def test_every_promise_names_tests_that_exist():
    promises, there = rows("explanation/durability.md"), every_test()
    assert len(promises) >= 15
    for promise in promises:
        assert named(promise) and set(named(promise)) <= there, promise


def test_every_attack_names_tests_that_exist_and_they_are_many():
    attacks, there = rows("reference/security.md"), every_test()
    assert len({attack.split("|")[1] for attack in attacks}) == len(attacks) >= 40
    for attack in attacks:
        assert named(attack) and set(named(attack)) <= there, attack
    assert len({name for attack in attacks for name in named(attack)}) >= 40
