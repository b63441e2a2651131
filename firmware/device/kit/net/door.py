# SPDX-License-Identifier: EUPL-1.2
"""Listens for who wants to see the kit's page, and holds its code only while somebody does."""

import asyncio

from kit.core.once import forget

_PATIENCE_S = const(8)
_MOST = const(4)  # who may wait at a time; one is served, as more would cost memory that measuring needs


class Door:
    """The page's port."""

    def __init__(self, app, port=80):
        self._app, self._port = app, port
        self._n = 0
        self._turn = asyncio.Lock()

    async def run(self):
        """Runs for ever."""
        await asyncio.start_server(self._knock, "0.0.0.0", self._port, 2)
        while True:
            self._app.watchdog.alive("page", 7200)
            await asyncio.sleep(3600)

    async def _knock(self, reader, writer):
        self._n += 1
        try:
            if self._n <= _MOST:
                async with self._turn:
                    from kit.net.page import show

                    await asyncio.wait_for(show(self._app, reader, writer), _PATIENCE_S)
        except (OSError, EOFError, asyncio.TimeoutError):
            pass  # gone
        finally:
            self._n -= 1
            writer.close()
            await writer.wait_closed()
            if not self._n:
                forget("kit.net.page")
                forget("kit.net.http")
