# SPDX-License-Identifier: EUPL-1.2
"""The collector as a service: broker, intake and senders put together, started and stopped in order.

`citimeasure run` calls it. Stopping is always safe: what was acknowledged is in the spool, and the next start goes on
from there. One collector runs on a folder at a time; a lock says so.
"""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from collector.errors import DataError, SettingError
from collector.flagging import Flagger
from collector.ingest.archive import Keeper
from collector.ingest.broker import EmbeddedBroker, with_login
from collector.ingest.door import Door
from collector.ingest.intake import Intake
from collector.ingest.meters import Meters
from collector.ingest.mqtt import Link
from collector.ingest.repair import mend
from collector.ingest.rounds import Rounds
from collector.ingest.sender import Sender
from collector.ingest.spool import Spool
from collector.ingest.webserver import WebThread
from collector.registry import Registry
from collector.registry.roster import Roster
from collector.rolling import Roller
from collector.settings import Settings
from collector.store import open_store
from collector.supervisor import Supervisor

log = logging.getLogger(__name__)

Worker = Sender | Keeper | Flagger | Roller | Rounds | WebThread

_ROOM_TO_START = 2_000_000  # so much the files need that a start makes [bytes]
_OBJECTS = 50_000  # made before Python looks for cycles among them
_LOOK = 2.0  # how often a start looks for room [s]
RESTORING = ".restoring"  # in a folder that a backup is being put into, until all of it is there


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
    refuse_unfinished(folder)


def refuse_unfinished(folder: Path) -> None:
    """SettingError if the folder holds a part of a backup only."""
    if (folder / RESTORING).exists():
        raise SettingError(
            f"A backup is being restored into {folder}, or that was interrupted.",
            "Wait until it is done. If nobody restores any more, empty the folder and say `citimeasure restore` again.",
        )


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
        with suppress(OSError):  # on a full disk nobody learns who has it; it is held all the same
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield


def is_running(folder: Path) -> bool:
    """Whether a collector runs on the folder now."""
    try:
        with (folder / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _ready(settings: Settings, stop: threading.Event, supervisor: Supervisor) -> bool:
    """Waits for room on the disk, then checks the spool and mends it; False if the service is stopped before."""
    told = False
    while True:
        free = shutil.disk_usage(settings.folder).free
        if free >= min(_ROOM_TO_START, settings.free_mb * 1_000_000):
            try:
                mend(settings.folder, settings.stores)
                return True
            except (OSError, sqlite3.OperationalError) as error:
                log.warning("spool: it cannot be checked yet: %s", error)
        if not told:
            log.error("disk: %d kB free in %s; the collector waits for room", free // 1000, settings.folder)
            supervisor.waiting("waits for room on the disk")
            told = True
        if stop.wait(_LOOK):
            return False


def serve(settings: Settings, stop: threading.Event, on_ready: Callable[[str], None] = lambda _: None) -> None:
    """Collects until `stop` is set. `on_ready` is told the broker's address once readings are taken."""
    prepare_folder(settings.folder)
    supervisor = Supervisor()
    with ExitStack() as stack:
        stack.enter_context(locked(settings.folder))
        if not _ready(settings, stop, supervisor):
            return
        registry = stack.enter_context(Registry(settings.registry_url))
        spool = Spool(settings.folder, writer=True)
        stack.callback(spool.close)
        if settings.broker == "embedded":
            settings = with_login(settings)
            broker = EmbeddedBroker(settings, registry.identity.accounts)
            stack.callback(broker.stop)
            broker.start()
        roster = Roster(registry)
        intake = Intake(spool, roster.known, settings, locked_out=roster.locked_out)
        meters, door = Meters(), Door()
        stack.callback(door.close)
        link = Link(settings, intake, stop, door, meters)

        def ready() -> None:
            supervisor.ready(f"takes readings from {link.address}")
            on_ready(str(link.address))

        link.on_ready = ready
        workers_stop = threading.Event()
        workers: list[Worker] = [Sender(name, settings, workers_stop) for name in settings.stores]
        workers.append(Keeper(settings, workers_stop))
        if settings.judge_s:
            workers.append(Flagger(settings, workers_stop))
        if settings.rollup_s and "sqlite" in settings.stores:
            workers.append(Roller(settings, workers_stop))
        workers.append(_rounds(settings, intake, meters, link, workers_stop))
        if settings.http_listen or settings.watch_listen:
            workers.append(_web(settings, door, registry, meters))
        stack.callback(_stop_workers, workers, workers_stop)
        for worker in workers:
            worker.start()
        watch = threading.Thread(target=_watch, args=(workers, stop, link, supervisor), name="watch", daemon=True)
        watch.start()
        _collect_seldom()
        with _told_damage(spool):
            link.run()
            intake.rest()
        supervisor.stopping()
        log.info("stopping: what was acknowledged is in %s", spool.path)
    for worker in workers:
        if worker.failed is not None:
            with _told_damage(spool):
                raise worker.failed


def _collect_seldom() -> None:
    """Lets Python look for cycles less often: it looks at a group's rows each time, and they are in none.

    With the default of 700 objects a quarter of what a reading cost was this look.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS, 20, 20)


def _rounds(settings: Settings, intake: Intake, meters: Meters, link: Link, stop: threading.Event) -> Rounds:
    """The thread that tells kits how they are, not started yet."""
    rounds = Rounds(settings, intake, meters, link.notice, stop)
    rounds.connections = lambda: link.connections
    if settings.broker_group:
        rounds.elsewhere = lambda device: _newest(settings, device)
    return rounds


def _newest(settings: Settings, device: str) -> int:
    """The time of the newest value of a device in the store that collectors of a group share; 0 if there is none."""
    store = open_store(settings.stores[0], settings)
    try:
        return max((one.last for one in store.series(device)), default=0)
    finally:
        store.close()


def _web(settings: Settings, door: Door, registry: Registry, meters: Meters) -> WebThread:
    """The thread of the servers that the settings ask for, not started yet."""
    web = WebThread()
    readings = None
    if settings.http_listen:
        from collector.ingest.http import open_door

        readings = open_door(settings, door, registry.identity, web)
    if settings.watch_listen:
        from collector.watching import show

        show(settings, meters, readings, web)
    return web


@contextmanager
def _told_damage(spool: Spool) -> Iterator[None]:
    """Says in words that the spool was found damaged; the next start mends it."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"The spool {spool.path} was found damaged: {error}.",
            "Start again: the start sets the file aside and saves what is readable. Look after the disk.",
        ) from error


def _watch(workers: list[Worker], stop: threading.Event, link: Link, supervisor: Supervisor) -> None:
    """Stops the service if a worker ends before it should: better a restart than a spool that only grows.

    While the intake's loop turns, the supervisor hears that the collector lives.
    """
    while not stop.wait(0.5):
        if any(not worker.is_alive() for worker in workers):
            stop.set()
        supervisor.alive(link.turned)


def _stop_workers(workers: list[Worker], stop: threading.Event) -> None:
    stop.set()
    for worker in workers:
        if isinstance(worker, WebThread):
            worker.end()
        worker.join(timeout=60)
