# SPDX-License-Identifier: EUPL-1.2
"""The spool's check at start, and what happens to a damaged file: it is set aside by name, its readable part is saved.

The service calls `mend` before it opens the spool; `citimeasure doctor` names the files that were set aside. A kill at
any moment leaves either the damaged file in its place, to be mended at the next start, or the new one.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from collector.ingest.spool import FILE, Spool

log = logging.getLogger(__name__)

DAMAGED = f"{FILE}.damaged-"  # ... and the moment
_BESIDE = ("-wal", "-shm")
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_HEAD = b"SQLite format 3\0"
_LONGEST = 2**40  # a header that tells of more is itself damaged [bytes]
_BLOCK = 64  # row numbers that are read together
_MONTH, _LAST_TIME = 30 * 86_400, 2**32  # readings that are read together, and where single months end [s since 1970]
# What identifies a row, and so can be asked for beyond a damaged page. `device` and `cursor` come first: the others
# mean little without them.
_KEYS = {
    "device": ("no",),
    "cursor": ("sink",),
    "counter": ("device", "name"),
    "message": ("id",),
    "quarantine": ("id",),
    "seen": ("t", "device"),
    "dated": ("device", "boot", "seq"),
    "due": ("sink", "day", "source"),
    "look": ("sink",),
    "refusal": ("hour", "device", "reason"),
}


def set_aside(folder: Path) -> list[Path]:
    """The damaged spool files that were set aside in a folder, oldest first."""
    return sorted(one for one in folder.glob(f"{DAMAGED}*") if not one.name.endswith((*_BESIDE, ".txt")))


def mend(folder: Path, stores: Sequence[str], now: float | None = None) -> Path | None:
    """Checks the spool of a folder, and replaces it if it is damaged; returns where the damaged file lies now.

    `stores` are those that must have a message before it may be missed.
    """
    path = folder / FILE
    ready = folder / f"{FILE}.salvaged"
    if ready.exists():  # a start that was killed had come that far
        _put_in_place(ready, path)
    if not path.exists():
        return None
    damage = check(path)
    if damage is None:
        return None
    log.error("spool: %s is damaged: %s. What is readable in it is saved now.", path, damage)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    aside = folder / f"{DAMAGED}{stamp}"
    fresh = folder / f"{FILE}.salvage"
    for left in (fresh, *(Path(f"{fresh}{end}") for end in _BESIDE)):
        left.unlink(missing_ok=True)
    report = _salvage(path, fresh, stores)
    for end in ("", "-wal"):
        if Path(f"{path}{end}").exists():
            _copy(Path(f"{path}{end}"), Path(f"{aside}{end}"))
    text = f"{path} was damaged: {damage}.\n" + "".join(f"{line}\n" for line in report)
    Path(f"{aside}.txt").write_text(text)
    fresh.rename(ready)
    _put_in_place(ready, path)
    for line in report:
        log.error("spool: %s", line)
    log.error("spool: the damaged file is kept as %s; the collector goes on with what could be saved", aside)
    return aside


def check(path: Path) -> str | None:
    """What is wrong with a spool's file, or None. Opening it brings in what a crash left in its log."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in _DAMAGE:
            raise
        return str(error)
    return None if found == "ok" else found.replace("\n", " ")


def _put_in_place(ready: Path, path: Path) -> None:
    """Lets the new file take the place of the old one, whose log must not be taken for the new one's."""
    for end in _BESIDE:
        Path(f"{path}{end}").unlink(missing_ok=True)
    ready.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has a second name for a file
        shutil.copy2(source, target)


def _salvage(damaged: Path, fresh: Path, stores: Sequence[str]) -> list[str]:
    """Copies every row that can be read into a new file; says in sentences what there is and what is missing."""
    folder = fresh.parent / f"{fresh.name}.d"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    spool = Spool(folder, writer=True)
    report = []
    damaged = _whole(damaged, folder)
    try:
        with closing(sqlite3.connect(damaged, isolation_level=None, timeout=30)) as old:
            for table in _KEYS:
                report.append(f"{_copy_table(old, spool.db, table)} rows of the table {table} were saved.")
            report.append(_missing(old, spool, stores))
        spool.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spool.db.execute("PRAGMA journal_mode = DELETE")
    finally:
        spool.close()
    (folder / FILE).rename(fresh)
    shutil.rmtree(folder)
    descriptor = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return report


def _whole(damaged: Path, folder: Path) -> Path:
    """The damaged file; if its end was cut off, a copy with an empty one, as SQLite opens no file that is too short."""
    with damaged.open("rb") as file:
        head = file.read(32)
    size = int.from_bytes(head[16:18], "big") * int.from_bytes(head[28:32], "big")
    if not head.startswith(_HEAD) or not damaged.stat().st_size < size <= _LONGEST:
        return damaged
    copy = folder / "whole"
    for end in ("", "-wal"):
        if Path(f"{damaged}{end}").exists():
            shutil.copy2(f"{damaged}{end}", f"{copy}{end}")
    os.truncate(copy, size)
    return copy


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """Copies what can be read of a table; returns how many rows."""
    try:
        there = {name for _, name, *_ in old.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        return 0
    columns = [name for _, name, *_ in new.execute(f"PRAGMA table_info({table})") if name in there]
    if not columns:
        return 0
    insert = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
    n = 0
    new.execute("BEGIN")
    for where, args in _blocks(old, new, table):
        rows = _readable(old, f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", args, _KEYS[table])
        n += new.executemany(insert, rows).rowcount
    new.execute("COMMIT")
    return n


def _blocks(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Parts of a table that are read by themselves, so that a damaged page costs the rows near it only."""
    first, *more = _KEYS[table]
    if first == "t":
        yield "t < 0", ()
        for low in range(0, _LAST_TIME, _MONTH):
            yield "t >= ? AND t < ?", (low, low + _MONTH)
        yield "t >= ?", (_LAST_TIME,)
    elif more and first == "device" and table != "counter":
        for (no,) in new.execute("SELECT no FROM device").fetchall():
            yield "device = ?", (no,)
    elif first == "id":
        for low in range(0, _last(old, new, table) + 1, _BLOCK):
            yield "id >= ? AND id < ?", (low, low + _BLOCK)
    else:
        yield "1", ()


def _last(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> int:
    """The highest row number that a table has or had, as far as anything still tells."""
    known, _ = _known_ends(old, new, table)
    return max(known, default=0)


def _known_ends(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> tuple[list[int], bool]:
    """Row numbers that a table's last is not below, and whether it is among them for certain."""
    certain = False
    known = [new.execute("SELECT coalesce(max(position), 0) FROM cursor").fetchone()[0]] if table == "message" else []
    for query in (f"SELECT max(id) FROM {table}", f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'"):
        try:
            known += (found := [number for (number,) in old.execute(query) if isinstance(number, int)])
        except sqlite3.DatabaseError:
            continue
        certain = certain or bool(found) or "sqlite_sequence" in query  # without a row there: none ever came
    return known, certain


def _readable(
    old: sqlite3.Connection, query: str, args: tuple[int, ...], keys: tuple[str, ...]
) -> list[tuple[object, ...]]:
    """Rows from the begin of a block up to what cannot be read, and from its end back to that."""
    found: dict[tuple[object, ...], None] = {}
    for way in ("", " DESC"):
        try:
            for row in old.execute(f"{query} ORDER BY {', '.join(key + way for key in keys)}", args):
                found[row] = None
        except sqlite3.DatabaseError:
            continue
        break
    return list(found)


def _missing(old: sqlite3.Connection, spool: Spool, stores: Sequence[str]) -> str:
    """Says how many messages are gone that were acknowledged, and lets new ones be numbered behind them."""
    new = spool.db
    known, certain = _known_ends(old, new, "message")
    last = max(known, default=0)
    new.execute("DELETE FROM message WHERE device NOT IN (SELECT no FROM device)")
    new.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
    new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('message', ?)", (last,))
    if not certain:
        return "Where the messages ended cannot be read; how many acknowledged messages are missing is not known."
    positions = dict(new.execute("SELECT sink, position FROM cursor"))
    passed = min(positions.get(name, 0) for name in stores)
    gone, position = last - passed, passed
    while some := spool.after(position, 1000):
        gone -= sum(bool(one.readings) for one in some)  # one that was saved may be damaged all the same
        position = some[-1].id
    if gone > 0:
        return f"{gone} messages are missing that kits were told are safe, and that not every store has."
    return "Every message that was not in every store yet was saved: no acknowledged reading is missing."
