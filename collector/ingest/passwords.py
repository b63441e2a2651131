# SPDX-License-Identifier: EUPL-1.2
"""Whether a kit may come in: a name and a password held against the registry's hashes, quickly for who came before.

A kit that sends over HTTPS gives its password with every request, and a hash is slow on purpose. So it is remembered
which hash was last found to be right for which password, as a keyed digest in memory, for as long as the registry has
that hash: rotating or locking out ends it within a second. The HTTP way in asks, in its loop.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.credentials import hash_password, verify_password
from collector.errors import NetworkError
from collector.registry import Account

log = logging.getLogger(__name__)

_RELOAD = 1.0  # [s]
_LOOK_AGAIN = 0.2  # for who is not let in: he may have been registered a moment ago [s]
_ANEW = 10.0  # the list is read whole this often, changed or not: times of grace end [s]
_AT_LEAST = 2  # hashes that are tried: a kit that does not exist takes as long as one in its period of grace


class Logins(Protocol):
    """Who knows which kits may log in now, and whether that was changed; it may block, and is called in a thread."""

    def accounts(self) -> Mapping[str, Account]: ...

    def stamp(self) -> tuple[object, ...]: ...


class Passwords:
    """Checks names and passwords. One loop asks."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins
        self._stamp: tuple[object, ...] | None = None
        self._anew = 0.0
        self._accounts: Mapping[str, Account] = {}
        self._loaded = 0.0
        self._away = False
        self._right: dict[str, bytes] = {}  # by hash, the digest of the password that is right
        self._key = secrets.token_bytes(32)
        self._nobody = hash_password(secrets.token_hex(16))
        self._hashing = asyncio.Lock()  # guessing takes one thread, however many guess
        self._reloading = asyncio.Lock()

    async def watch(self) -> None:
        """Runs for ever: learns who was added, rotated or locked out."""
        while True:
            await self._reload()
            await asyncio.sleep(_RELOAD)

    async def _reload(self) -> None:
        began = time.monotonic()
        try:
            stamp = await asyncio.to_thread(self._logins.stamp)
            if stamp != self._stamp or began >= self._anew:
                self._accounts = await asyncio.to_thread(self._logins.accounts)
                self._stamp, self._anew = stamp, began + _ANEW
            self._away = False
        except NetworkError as error:
            if not self._away:
                log.warning("registry: %s Passwords are those of before.", error)
            self._away = True
        self._loaded = began
        hashes = {one for account in self._accounts.values() for one in account.hashes}
        self._right = {kept: digest for kept, digest in self._right.items() if kept in hashes}

    async def check(self, device: str, password: str) -> bool:
        """Whether the password is the device's. Tells by nothing, its time included, whether there is such a device."""
        digest = hmac.digest(self._key, password.encode(), "sha256")
        if any(self._is(kept, digest) for kept in self._hashes(device)):
            return True
        if await self._verify(device, password, digest):
            return True
        asked = time.monotonic()
        async with self._reloading:
            if self._loaded < asked:
                await asyncio.sleep(max(0.0, self._loaded + _LOOK_AGAIN - asked))
                await self._reload()
        return await self._verify(device, password, digest)

    def _hashes(self, device: str) -> Sequence[str]:
        account = self._accounts.get(device)
        return account.hashes if account else ()

    def _is(self, kept: str, digest: bytes) -> bool:
        return kept in self._right and hmac.compare_digest(self._right[kept], digest)

    async def _verify(self, device: str, password: str, digest: bytes) -> bool:
        hashes = self._hashes(device)
        tried = [*hashes, *[self._nobody] * (_AT_LEAST - len(hashes))]
        async with self._hashing:
            right = await asyncio.to_thread(_first_right, tried, password)
        if right is None or right not in self._hashes(device):
            return False
        self._right[right] = digest
        return True


def _first_right(hashes: Sequence[str], password: str) -> str | None:
    return next((kept for kept in hashes if verify_password(password, kept)), None)
