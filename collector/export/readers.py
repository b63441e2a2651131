# SPDX-License-Identifier: EUPL-1.2
"""Threads that read from the store in advance, each with an instance of its own, while an export writes.

What they give comes in the order in which it was asked for, and so do their errors. Stores spend most of their time
outside of Python's lock: two threads read nearly twice as much as one.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from collector.store.base import Store

_THREADS = 2
_AHEAD = 4  # results that wait to be taken

T = TypeVar("T")


class Readers:
    """The threads; use them in a `with` block."""

    def __init__(self, store: Store) -> None:
        self._stores = [store.beside() for _ in range(_THREADS)]
        self._free: queue.SimpleQueue[Store] = queue.SimpleQueue()
        for one in self._stores:
            self._free.put(one)
        self._pool = ThreadPoolExecutor(_THREADS, "export-reader")

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)
        for one in self._stores:
            one.close()

    def map(self, tasks: Iterable[Callable[[Store], T]]) -> Iterator[T]:
        """What each task makes of a store."""
        waiting: deque[Future[T]] = deque()
        for task in tasks:
            waiting.append(self._pool.submit(self._run, task))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _run(self, task: Callable[[Store], T]) -> T:
        store = self._free.get()
        try:
            return task(store)
        finally:
            self._free.put(store)
