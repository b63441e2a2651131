# SPDX-License-Identifier: EUPL-1.2
"""Makes a backup of a collector's folder and registry while the collector runs.

In come the settings, out comes one file (bundle.py). The order is what makes it whole: first the spool, then the store,
then the registry, then the rest.

- What was acknowledged before the backup began is committed in the spool. If it is not in the copy of the spool, every
  store had it, and the keeper let it go, before that copy was made. The store is copied later, so it is there.
- The copy of the store may be ahead of the cursor in the copy of the spool, never behind. The restored collector writes
  some values once more, which changes nothing.
- The copy of the registry is the latest, so it knows every device and record that the others speak of.

Each SQLite file is copied as of one moment: a transaction that reads is held open, and writers do not wait for it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from collector import __version__
from collector.backup.bundle import FOLDER, FORMAT, REGISTRY, SETTINGS, Head, Manifest, Report, Writer
from collector.errors import DataError, SettingError
from collector.ingest.spool import FILE as SPOOL
from collector.moments import iso
from collector.registry import Registry
from collector.registry.portable import dump, file_of
from collector.service import RESTORING, refuse_unfinished
from collector.settings import Settings
from collector.store.sqlite import FILE as STORE

_PAGES = 2000  # of SQLite that are copied before somebody is told
_MAGIC = b"SQLite format 3\0"
# What belongs to a process that runs or ran, or is taken by other means.
_PASSING = ("lock", ".writable", f"{SPOOL}.salvage", f"{SPOOL}.salvage.d", RESTORING)
_LOGS = ("-wal", "-shm", "-journal")
_SALVAGED = f"{SPOOL}.salvaged"


class Made(NamedTuple):
    """A backup that was made."""

    path: Path
    size: int
    manifest: Manifest


def target(settings: Settings, out: Path, now: float | None = None) -> Path:
    """The file that `out` means: itself, or a new one in the folder that it is. SettingError if it cannot be."""
    if out.is_dir():
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        out = out / f"citimeasure-{settings.folder.resolve().name}-{stamp}.tar.gz"
    if out.exists():
        raise SettingError(f"{out} is there already.", "Name another file: a backup never takes an older one's place.")
    if not out.parent.is_dir():
        raise SettingError(f"There is no folder {out.parent}.", "Make it, or name another place with --out.")
    if out.resolve().is_relative_to(settings.folder.resolve()):
        raise SettingError(f"{out} lies in the folder that it would hold.", "Name a place elsewhere, on another disk.")
    return out


def size_of(settings: Settings) -> int:
    """About how many bytes will be read, for a progress bar: SQLite files are read twice."""
    return sum(one.stat().st_size * (2 if _is_sqlite(one) else 1) for one in _files(settings, []))


def make(settings: Settings, config: Path | None, out: Path, report: Report = lambda _: None) -> Made:
    """Writes a backup to `out`, which only its owner may read; nothing is left behind if that fails."""
    if (settings.folder / _SALVAGED).exists():
        raise SettingError(
            f"A start of the collector that was mending {settings.folder / SPOOL} did not come to its end.",
            "Start the collector once: it goes on. Then make the backup.",
        )
    refuse_unfinished(settings.folder)
    room = _Room(settings, out.parent)

    def told(n: int) -> None:
        room.look(n)
        report(n)

    try:
        room.look(0)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".citimeasure-backup-") as temporary:
            part = Path(temporary) / "part"
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - mode
                head = Head(FORMAT, __version__, iso(int(time.time())), str(settings.folder.resolve()))
                with Writer(file, head, told) as writer:
                    manifest = _fill(writer, settings, config, Path(temporary), told)
                file.flush()
                os.fsync(file.fileno())
            size = part.stat().st_size
            _name(part, out)
    except OSError as error:
        raise SettingError(
            f"The backup {out} cannot be written: {error.strerror or error}.",
            "Make room, or name another place with --out. Nothing was left behind.",
        ) from error
    return Made(out, size, manifest)


def _name(part: Path, out: Path) -> None:
    """Gives a file that is whole its name, but never that of another one."""
    try:
        os.link(part, out)
    except FileExistsError:
        raise
    except OSError:  # not every file system has a second name for a file
        part.rename(out)
    sync(out.parent)


def _fill(writer: Writer, settings: Settings, config: Path | None, temporary: Path, told: Report) -> Manifest:
    left_out: list[str] = []
    files = sorted(_files(settings, left_out), key=_rank)
    staged = temporary / "staged"
    plain = []
    for path in files:
        if _is_sqlite(path):
            copy_database(path, staged, told)
            _add(writer, f"{FOLDER}{path.relative_to(settings.folder).as_posix()}", staged, like=path)
            staged.unlink()
        else:
            plain.append(path)
    rows: dict[str, int] = {}
    with Registry(settings.registry_url) as registry, staged.open("xb") as lines:
        for table, line in dump(registry):
            lines.write(line)
            if table:
                rows[table] = rows.get(table, 0) + 1
    _add(writer, REGISTRY, staged)
    for path in plain:
        try:
            _add(writer, f"{FOLDER}{path.relative_to(settings.folder).as_posix()}", path)
        except FileNotFoundError:  # it was there for a moment only
            continue
        except PermissionError:
            left_out.append(f"{path}: not readable for the user who made the backup")
    if config is not None and config.exists() and not _is_within(config, settings.folder):
        _add(writer, SETTINGS, config)
    left_out += _elsewhere(settings)
    return writer.finish(rows, left_out)


def _rank(path: Path) -> tuple[int, str]:
    """The spool before the store; see above."""
    return {SPOOL: 0, STORE: 1}.get(path.name, 2), str(path)


def _add(writer: Writer, name: str, path: Path, like: Path | None = None) -> None:
    with path.open("rb") as file:
        stat, size = (like or path).stat(), os.fstat(file.fileno()).st_size
        writer.add(name, file, size, stat.st_mode, stat.st_mtime)


def copy_database(path: Path, copy: Path, told: Callable[[int], object] = lambda _: None) -> None:
    """Copies a SQLite file as of one moment, and checks the copy; DataError if it is damaged."""
    done = 0

    def progress(_: int, remaining: int, total: int) -> None:
        nonlocal done
        pages = total - remaining
        told((pages - done) * page)
        done = pages

    try:
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)) as source,
            closing(sqlite3.connect(copy, isolation_level=None)) as to,
        ):
            copy.chmod(0o600)
            source.execute("PRAGMA busy_timeout = 30000")
            to.execute("PRAGMA synchronous = OFF")
            to.execute("PRAGMA journal_mode = OFF")
            page = source.execute("PRAGMA page_size").fetchone()[0]
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it is one moment
            source.backup(to, pages=_PAGES, progress=progress, sleep=0)
        with closing(sqlite3.connect(f"{copy.resolve().as_uri()}?immutable=1", uri=True)) as made:
            found = str(made.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise OSError(f"{path}: {error}") from error
        found = str(error)
    if found != "ok":
        raise DataError(
            f"{path} is damaged, so no backup was made: {found.splitlines()[0]}.",
            "`citimeasure doctor` says what to do. Keep older backups.",
        )


def _files(settings: Settings, left_out: list[str]) -> Iterator[Path]:
    """Every file of the folder that belongs into a backup. The registry does not: its rows come by themselves."""
    folder, own = settings.folder, file_of(settings.registry_url)

    def unreadable(error: OSError) -> None:
        left_out.append(f"{error.filename}: not readable for the user who made the backup")

    for home, folders, names in os.walk(folder, onerror=unreadable):
        for name in sorted(folders):
            path = Path(home, name)
            if name in _PASSING or name.startswith(".archive-"):
                folders.remove(name)
            elif path.is_symlink():
                left_out.append(f"{path}: a link to a folder elsewhere")
        for name in names:
            path = Path(home, name)
            if name in _PASSING or any(name.endswith(end) and _is_sqlite(_without(path, end)) for end in _LOGS):
                continue
            if path.resolve() == own:
                continue
            if path == folder / "registry.sqlite":
                left_out.append(f"{path}: the setting registry names another registry, which is in the backup")
            elif path.is_file():
                yield path
            elif path.is_symlink() or path.exists():
                left_out.append(f"{path}: no plain file")


def _without(path: Path, end: str) -> Path:
    return path.with_name(path.name.removesuffix(end))


def _is_sqlite(path: Path) -> bool:
    """Whether it is a SQLite file in use; one that was set aside is damaged, and is kept as it is, its log too."""
    if path.name in (SPOOL, STORE):
        return path.exists()
    if ".damaged-" in path.name:
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _elsewhere(settings: Settings) -> list[str]:
    """Files that settings name outside of the folder, and stores that have a backup of their own: all in words."""
    found = []
    for name in ("broker_password_file", "influx_token_file", "broker_root", "http_certificate", "http_key"):
        path = getattr(settings, name)
        if path and not _is_within(Path(path), settings.folder):
            found.append(f"{path}: the file of the setting {name} lies outside of the folder")
    if "influx" in settings.stores:
        found.append(
            f"{settings.influx_url}: InfluxDB's values; make a backup with `influx backup`, or fill the embedded store"
            " with `citimeasure sink rebuild sqlite --source influx` first"
        )
    return found


class _Room:
    """Looks after the disk while a backup grows beside the spool: it must not make the collector stop."""

    def __init__(self, settings: Settings, place: Path) -> None:
        self._folder, self._least = settings.folder, settings.free_mb * 1_000_000
        self._same = settings.folder.stat().st_dev == place.stat().st_dev
        self._since = 0

    def look(self, n: int) -> None:
        """OSError if there is too little room left; it looks every few megabytes."""
        self._since -= n
        if not self._same or self._since > 0:
            return
        self._since = 4_000_000
        free = shutil.disk_usage(self._folder).free
        if free < self._least + self._least // 2:
            raise OSError(
                f"only {free // 1_000_000} MB are free on the collector's own disk, which stops acknowledging below"
                f" {self._least // 1_000_000} MB"
            )


def sync(folder: Path) -> None:
    """Makes the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
