# SPDX-License-Identifier: EUPL-1.2
"""The collector as a service: broker, intake and senders put together, started and stopped in order.

`citimeasure run` calls it. Stopping is always safe: what was acknowledged is in the spool, and the next start goes on
from there. One collector runs on a folder at a time; a lock says so.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from collector.errors import SettingError
from collector.ingest.broker import EmbeddedBroker, with_login
from collector.ingest.intake import Intake
from collector.ingest.mqtt import Link
from collector.ingest.sender import Sender
from collector.ingest.spool import Spool
from collector.registry import Registry
from collector.settings import Settings

log = logging.getLogger(__name__)


def prepare_folder(folder: Path) -> None:
    """Makes the folder if need be; SettingError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SettingError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            "Choose another one with --folder, or make it writable for the user who runs citimeasure.",
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for this process; SettingError if another collector has it."""
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            raise SettingError(
                f"Another collector (process {lock.read().strip() or '?'}) runs on the folder {folder}.",
                "Stop it first, or choose another folder with --folder.",
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def serve(settings: Settings, stop: threading.Event, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Collects until `stop` is set. `on_ready` is told the broker's address once readings are taken."""
    prepare_folder(settings.folder)
    with ExitStack() as stack:
        stack.enter_context(locked(settings.folder))
        registry = stack.enter_context(Registry(settings.registry_url))
        spool = Spool(settings.folder, writer=True)
        stack.callback(spool.close)
        spool.prune(settings.remember_days, settings.quarantine_days, int(time.time() * 1000))
        if settings.broker == "embedded":
            settings = with_login(settings)
            broker = EmbeddedBroker(settings, registry.identity.accounts)
            stack.callback(broker.stop)
            broker.start()
        intake = Intake(spool, registry.known_devices, settings, locked_out=registry.identity.revoked)
        link = Link(settings, intake, stop)
        link.on_ready = lambda: on_ready(str(link.address))
        senders_stop = threading.Event()
        senders = [Sender(name, settings, senders_stop) for name in settings.stores]
        stack.callback(_stop_senders, senders, senders_stop)
        for sender in senders:
            sender.start()
        watch = threading.Thread(target=_watch, args=(senders, stop), name="watch", daemon=True)
        watch.start()
        link.run()
        log.info("stopping: what was acknowledged is in %s", spool.path)
    for sender in senders:
        if sender.failed is not None:
            raise sender.failed


def _watch(senders: list[Sender], stop: threading.Event) -> None:
    """Stops the service if a sender ends before it should: better a restart than a spool that only grows."""
    while not stop.wait(0.5):
        if any(not sender.is_alive() for sender in senders):
            stop.set()


def _stop_senders(senders: list[Sender], stop: threading.Event) -> None:
    stop.set()
    for sender in senders:
        sender.join(timeout=60)
