# SPDX-License-Identifier: EUPL-1.2
"""A TCP load balancer on 127.0.0.1, as a city has one before its brokers: each connection goes to a server that lives.

It passes bytes on and looks into none. Runs in a thread, inside a `with`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence


class Balancer:
    """`port` is where it listens; `ports` are those of the servers, which take turns."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports, self._turn = list(ports), 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Balancer:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for _ in self._ports:
                self._turn = (self._turn + 1) % len(self._ports)
                with contextlib.suppress(OSError):
                    upstream = await asyncio.open_connection("127.0.0.1", self._ports[self._turn])
                    await self._join((reader, writer), upstream)
                    break
            writer.close()

    async def _join(self, *ends: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Passes on until one end closes; then so does the other."""
        (left, left_writer), (right, right_writer) = ends
        there = asyncio.create_task(self._pass(left, right_writer))
        back = asyncio.create_task(self._pass(right, left_writer))
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (there, back):
                task.cancel()
            right_writer.close()
            left_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while block := await reader.read(1 << 16):
                writer.write(block)
                await writer.drain()
