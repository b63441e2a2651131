# SPDX-License-Identifier: EUPL-1.2
"""Checks of passwords: slow once, quick then, and not a moment longer than the registry has the hash."""

import asyncio
import time

import pytest

from collector.credentials import hash_password, verify_password
from collector.errors import NetworkError
from collector.ingest import passwords
from collector.ingest.passwords import Passwords
from collector.registry import Account

KIT = "kit-a1b2c3"


class Registry:
    """Says who may log in, and counts how often it is asked for all."""

    def __init__(self, *hashes):
        self.hashes, self.asked, self.away = hashes, 0, False

    def accounts(self):
        self.asked += 1
        return {KIT: Account(KIT, tuple(self.hashes))}

    def stamp(self):
        if self.away:
            raise NetworkError("The registry is away.")
        return (self.hashes,)


@pytest.fixture
def verified(monkeypatch):
    """Counts verifications of hashes."""
    counted = []

    def verify(password, kept):
        counted.append(kept)
        return verify_password(password, kept)

    monkeypatch.setattr(passwords, "verify_password", verify)
    return counted


def test_a_hash_is_computed_once_for_who_comes_again(verified):
    async def check():
        registry = Registry(hash_password("right"))
        checked = Passwords(registry)
        assert [await checked.check(KIT, "right") for _ in range(5)] == [True] * 5
        return verified.count(registry.hashes[0])

    assert asyncio.run(check()) == 1


def test_another_password_never_profits_from_the_one_that_is_remembered(verified):
    async def check():
        checked = Passwords(Registry(hash_password("right")))
        assert await checked.check(KIT, "right")
        assert not await checked.check(KIT, "wrong")
        assert not await checked.check(KIT, "")
        assert not await checked.check("kit-other-1", "right")

    asyncio.run(check())


def test_what_is_remembered_goes_with_the_hash():
    async def check():
        registry = Registry(hash_password("first"))
        checked = Passwords(registry)
        assert await checked.check(KIT, "first")
        registry.hashes = (hash_password("second"),)
        await checked._reload()
        assert not await checked.check(KIT, "first")
        assert await checked.check(KIT, "second")
        registry.hashes = ()
        await checked._reload()
        assert not await checked.check(KIT, "second")
        assert not checked._right

    asyncio.run(check())


def test_as_many_hashes_are_computed_for_a_kit_that_is_not_there(verified):
    async def check():
        checked = Passwords(Registry(hash_password("right")))
        await checked.check(KIT, "wrong")
        known = len(verified)
        await checked.check("kit-other-1", "wrong")
        return known, len(verified) - known

    known, unknown = asyncio.run(check())
    assert known == unknown == 4


def test_many_who_guess_make_the_registry_be_read_once_and_wait_no_longer_than_one():
    async def check():
        registry = Registry(hash_password("right"))
        checked = Passwords(registry)
        await checked._reload()
        registry.hashes = (*registry.hashes, hash_password("other"))
        before = registry.asked
        assert not any(await asyncio.gather(*[checked.check(KIT, f"guess-{n}") for n in range(50)]))
        return registry.asked - before

    began = time.monotonic()
    assert asyncio.run(check()) == 1
    assert time.monotonic() - began < 10


def test_while_the_registry_is_away_the_passwords_of_before_hold(caplog):
    async def check():
        registry = Registry(hash_password("right"))
        checked = Passwords(registry)
        await checked._reload()
        registry.away = True
        assert await checked.check(KIT, "right")
        assert not await checked.check(KIT, "wrong")
        assert not await checked.check(KIT, "wrong")

    asyncio.run(check())
    assert caplog.text.count("registry:") == 1
