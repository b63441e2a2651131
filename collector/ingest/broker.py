# SPDX-License-Identifier: EUPL-1.2
"""The embedded broker: amqtt in a thread of this process, for a laptop or a street.

It is slow beside mosquitto and keeps its queues in memory. That costs no reading, as a reading counts as safe only
after the collector's own acknowledgement (docs/decisions/0005). Who may connect, and do what there, is for the guard to
say (docs/decisions/0016). The service starts it; nothing else calls it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from collector.credentials import COLLECTOR
from collector.errors import SettingError
from collector.registry import Account
from collector.settings import Settings, parse_address

if TYPE_CHECKING:
    from collector.ingest.guard import Guard, Pace

log = logging.getLogger(__name__)

PASSWORD_FILE = "broker-password"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

# amqtt writes a line for every packet; its warnings repeat what the collector says itself.
_QUIET = ("amqtt", "transitions")


def anonymous(settings: Settings) -> bool:
    """Whether the embedded broker lets in who gives no name."""
    if settings.broker_anonymous == "auto":
        return parse_address(settings.broker_listen)[0] in LOOPBACK
    return settings.broker_anonymous == "yes"


def with_login(settings: Settings) -> Settings:
    """Settings with the collector's own name and password at the embedded broker.

    The password is in a file of the folder, so that `citimeasure fleet` can log in too; the first who asks makes it.
    """
    if settings.broker != "embedded" or settings.broker_username:
        return settings
    path = settings.folder / PASSWORD_FILE
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - its mode
            file.write(secrets.token_urlsafe(24) + "\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error.strerror}.", "Check the folder.") from error
    return replace(settings, broker_username=COLLECTOR, broker_password_file=str(path))


class EmbeddedBroker:
    """Listens from `start` to `stop`. `accounts` reads which kits may log in now."""

    def __init__(
        self, settings: Settings, accounts: Callable[[], Mapping[str, Account]], pace: Pace | None = None
    ) -> None:
        self.host, self.port = parse_address(settings.broker_listen)
        self._accounts, self._pace = accounts, pace
        self._anonymous = anonymous(settings)
        self._password = settings.secret("broker_password")
        self._guard: Guard | None = None
        self._server: asyncio.Server | None = None
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
        from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType

        from collector.ingest.guard import Guard

        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        config = BrokerConfig(
            # The guard listens, and hands amqtt those whom it lets in; what asks no more is not asked here again.
            listeners={"default": ListenerConfig(type=ListenerType.EXTERNAL)},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
        guard = self._guard = Guard(self._accounts, self._password, anonymous=self._anonymous, pace=self._pace)
        try:
            self._broker = guard.broker = Broker(config, loop=loop)
            loop.run_until_complete(self._broker.start())
            self._server = loop.run_until_complete(
                asyncio.start_server(guard.connected, self.host, self.port, backlog=256)
            )
            watch = loop.create_task(guard.watch())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits for it
            ready.set_exception(error)
            loop.close()
            return
        ready.set_result(None)
        try:
            loop.run_forever()
        finally:
            watch.cancel()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    def stop(self) -> None:
        """Disconnects everyone and returns when the thread has ended."""
        if self._loop is None or self._thread is None or not self._thread.is_alive():
            return
        done = asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop)
        try:
            done.result(timeout=10)
        except TimeoutError:
            log.warning("broker: clients did not let go within 10 s")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    async def _shut_down(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._broker.shutdown()
        if self._guard is not None:
            await self._guard.end()
