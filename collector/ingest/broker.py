# SPDX-License-Identifier: EUPL-1.2
"""The embedded broker: amqtt in a thread of this process, for a laptop or a street.

It is slow beside mosquitto and keeps its queues in memory. That costs no reading, as a reading counts as safe only
after the collector's own acknowledgement (docs/decisions/0005). The service starts it; nothing else calls it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from concurrent.futures import Future
from typing import Any

from collector.errors import SettingError

# amqtt writes a line for every packet; its warnings repeat what the collector says itself.
_QUIET = ("amqtt", "transitions")


class EmbeddedBroker:
    """Listens from `start` to `stop`."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._broker: Any = None

    def start(self) -> None:
        """Returns when clients can connect; SettingError if the address cannot be had."""
        self._try_address()
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="broker", daemon=True)
        self._thread.start()
        ready.result(timeout=30)

    def _try_address(self) -> None:
        """Says in our words what amqtt would say in a traceback."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise SettingError(
                    f"The embedded broker cannot listen on {self.host}:{self.port}: {error.strerror}.",
                    "Another broker or collector may be running there. Choose another address with the setting"
                    f" broker_listen, or use that broker: --broker mqtt://{self.host}:{self.port}.",
                ) from error

    def _run(self, ready: Future[None]) -> None:
        from amqtt.broker import Broker
        from amqtt.contexts import BrokerConfig, ListenerConfig

        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        config = BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"{self.host}:{self.port}")},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
        try:
            self._broker = Broker(config, loop=loop)
            loop.run_until_complete(self._broker.start())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits for it
            ready.set_exception(error)
            loop.close()
            return
        ready.set_result(None)
        try:
            loop.run_forever()
        finally:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    def stop(self) -> None:
        """Disconnects everyone and returns when the thread has ended."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop)
        try:
            done.result(timeout=10)
        except TimeoutError:
            logging.getLogger(__name__).warning("broker: clients did not let go within 10 s")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
