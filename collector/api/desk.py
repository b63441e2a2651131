# SPDX-License-Identifier: EUPL-1.2
"""The desk: workers that answer questions, each with a store of its own, while the server goes on listening.

A question is a function of a store and the registry. Too many at once are sent away, and one that takes too long gets
no answer; its worker is free again when the store has let go of it. Stores are only read.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from collector.api.problems import Problem
from collector.registry import Registry
from collector.settings import Settings
from collector.store import open_store
from collector.store.base import Store

WORKERS = 4
WAITING = 64  # questions that may wait for a worker
PATIENCE = 20.0  # with one question, waiting included [s]

T = TypeVar("T")


class Desk:
    """The workers of one server. Errors of opening the store or the registry are raised here."""

    def __init__(self, settings: Settings, *, workers: int = WORKERS, patience: float = PATIENCE) -> None:
        self._patience, self._most = patience, workers + WAITING
        self._taken = 0  # by the event loop's thread alone
        self._registry = Registry(settings.registry_url)
        self._stores = [open_store(settings.stores[0], settings)]
        self._stores += [self._stores[0].beside() for _ in range(workers - 1)]
        self._free: queue.SimpleQueue[Store] = queue.SimpleQueue()
        for store in self._stores:
            self._free.put(store)
        self._pool = ThreadPoolExecutor(workers, "api-worker")

    async def ask(self, question: Callable[[Store, Registry], T]) -> T:
        """What a question comes to; Problem if there is no time for it."""
        if self._taken >= self._most:
            raise Problem("busy", "Too many questions wait already.", "Ask again in a few seconds.", retry_after=2)
        self._taken += 1
        answer = asyncio.get_running_loop().run_in_executor(self._pool, self._work, question)
        answer.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(answer), self._patience)
        except TimeoutError as error:
            raise Problem(
                "time",
                f"The answer took longer than {self._patience:g} seconds.",
                "Ask for a shorter period, for one kit at a time, or for longer intervals.",
                retry_after=self._patience,
            ) from error

    def close(self) -> None:
        """Waits for what is being answered, and lets go of the stores."""
        self._pool.shutdown(cancel_futures=True)
        for store in self._stores:
            store.close()
        self._registry.close()

    def _done(self, answer: asyncio.Future[T]) -> None:
        self._taken -= 1
        if not answer.cancelled():
            answer.exception()  # of an answer that nobody waits for any more, nobody else looks at it

    def _work(self, question: Callable[[Store, Registry], T]) -> T:
        store = self._free.get()
        try:
            return question(store, self._registry)
        finally:
            self._free.put(store)
