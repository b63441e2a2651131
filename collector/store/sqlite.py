# SPDX-License-Identifier: EUPL-1.2
"""The embedded store: one SQLite file, nothing to install.

A row for each value, clustered by series and time, so that a series is read from consecutive pages. WAL lets any number
of processes read while one writes; synchronous FULL makes a write durable when it returns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import isfinite
from operator import itemgetter
from pathlib import Path

from collector.errors import SettingError, StoreError, StoreRefused, StoreUnavailable
from collector.moments import DAY, HOUR
from collector.store import rollups
from collector.store.base import FlagRow, HourSums, RolledHours, Row, Rows, Series, Values
from collector.store.columns import read_columns
from collector.store.rollups import Ints

FILE = "values.sqlite"
SCHEMA_VERSION = 2
_TABLES = (
    "CREATE TABLE series (no INTEGER PRIMARY KEY, source TEXT NOT NULL, quantity TEXT NOT NULL,"
    " UNIQUE (source, quantity))",
    "CREATE TABLE value (series INTEGER NOT NULL, t INTEGER NOT NULL, dt INTEGER NOT NULL, value REAL NOT NULL,"
    " flag INTEGER NOT NULL, tests INTEGER NOT NULL, PRIMARY KEY (series, t)) WITHOUT ROWID",
)
_STEPS = (_TABLES, rollups.SCHEMA)  # what each version of the schema added
_JUDGE = (
    "UPDATE value SET flag = ?, tests = ? WHERE t = ? AND series ="
    " (SELECT no FROM series WHERE source = ? AND quantity = ?)"
)
UPSERT = "INSERT OR REPLACE INTO value (series, t, dt, value, flag, tests) VALUES (?, ?, ?, ?, ?, ?)"
_WAIT = 30.0  # for a lock that another process holds [s]
_REMEMBERED = 100_000  # numbers of series; a kit may name quantities as it likes
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY)


class SqliteStore:
    """Implements collector.store.base.Store on `folder/values.sqlite`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._numbers: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=_WAIT, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._use_wal()
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA cache_size = -65536")
            self._open_schema()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if error.sqlite_errorcode & 0xFF in _PASSING + _DAMAGED:
                raise self._trouble(error, "opened") from error
            raise self._unusable(error) from error
        except SettingError:
            self._db.close()
            raise

    def _unusable(self, error: Exception) -> SettingError:
        return SettingError(
            f"The store {self.path} cannot be opened: {error}.",
            "Check that the folder exists and may be written, and that the file is a store of citimeasure.",
        )

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Turns SQLite's errors into the store's: a damaged file stays damaged, everything else may pass."""
        try:
            yield
        except sqlite3.ProgrammingError:  # a store that is used after its end: a mistake of the program
            raise
        except sqlite3.DatabaseError as error:
            raise self._trouble(error, doing) from error

    def _trouble(self, error: sqlite3.DatabaseError, doing: str) -> StoreError:
        if error.sqlite_errorcode & 0xFF in _DAMAGED:
            return self._damage(str(error))
        return StoreUnavailable(
            f"The store {self.path} cannot be {doing}: {error}.", "Make room on its disk, or free its lock."
        )

    def _damage(self, words: str) -> StoreRefused:
        return StoreRefused(
            f"The store {self.path} is damaged: {words.splitlines()[0]}.",
            "Stop the collector. `citimeasure sink rebuild sqlite` sets the file aside and fills a new one from another"
            " store or from the spool's archive; or restore the file from a backup.",
            access=True,
        )

    def _use_wal(self) -> None:
        """Asks until it is so: while another process does the same with a new file, SQLite says no without waiting."""
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _open_schema(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version < SCHEMA_VERSION:
            self._db.execute("BEGIN IMMEDIATE")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]  # somebody may have been quicker
            for statement in (one for step in _STEPS[version:] for one in step):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {max(version, SCHEMA_VERSION)}")
            self._db.execute("COMMIT")
        elif version > SCHEMA_VERSION:
            raise SettingError(
                f"The store {self.path} has schema {version}; this program knows schema {SCHEMA_VERSION}.",
                "Use the version of citimeasure that made it, or a newer one.",
            )

    def write(self, rows: Sequence[Row]) -> None:
        """One durable transaction for all rows; the last of one key counts."""
        with self._transaction():
            keyed = self._sorted(rows)
            self._db.executemany(UPSERT, keyed)
            packed = rollups.newest(self._db)
            rollups.mark(self._db, [row[:2] for row in keyed if row[1] <= packed])

    def write_flags(self, rows: Sequence[FlagRow]) -> None:
        """One durable transaction for all; the columns of values are not touched."""
        with self._transaction():
            self._db.executemany(_JUDGE, ((flag, tests, t, source, name) for source, name, t, flag, tests in rows))
            packed = rollups.newest(self._db)
            late = [one for one in rows if one.t <= packed]
            rollups.mark(self._db, [(self._series(one.source, (one.quantity,))[0], one.t) for one in late])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told("written"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._numbers.clear()  # a series that was new is gone again
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _sorted(self, rows: Sequence[Row]) -> list[tuple[int, int, int, float, int, int]]:
        """Rows in the order of the table, so that neighbours fall into the same page."""
        if isinstance(rows, Rows):
            keyed = [
                (no, t, dt, value, flag, tests)
                for source, t, dt, quantities, *columns in rows.readings
                for no, value, flag, tests in zip(self._series(source, quantities), *columns, strict=True)
            ]
        else:
            keyed = [
                (self._series(source, (quantity,))[0], t, dt, value, flag, tests)
                for source, quantity, t, dt, value, flag, tests in rows
            ]
        if not all(isfinite(row[3]) for row in keyed):
            # SQLite would take NaN for NULL, and keep an infinity that InfluxDB refuses.
            bad = next(row for row in rows if not isfinite(row.value))
            raise StoreRefused(
                f"The store {self.path} refused {bad.quantity} of {bad.source} at {bad.t}: {bad.value!r} is no number."
            )
        keyed.sort(key=itemgetter(0, 1))  # stable: a later row of one key stays later
        return keyed

    def _series(self, source: str, quantities: tuple[str, ...]) -> tuple[int, ...]:
        """The numbers of the series of a source."""
        numbers = self._numbers.get((source, quantities))
        if numbers is None:
            if len(self._numbers) >= _REMEMBERED:
                self._numbers.clear()
            numbers = tuple(self._number(source, quantity) for quantity in quantities)
            self._numbers[source, quantities] = numbers
        return numbers

    def _number(self, source: str, quantity: str) -> int:
        number = self._known(source, quantity)
        if number is None:
            self._db.execute("INSERT INTO series (source, quantity) VALUES (?, ?)", (source, quantity))
            number = int(self._db.execute("SELECT last_insert_rowid()").fetchone()[0])
        return number

    def _known(self, source: str, quantity: str) -> int | None:
        """The number of a series, if there is one."""
        key = (source, quantity)
        row = self._db.execute("SELECT no FROM series WHERE source = ? AND quantity = ?", key).fetchone()
        return None if row is None else int(row[0])

    def read(self, source: str, quantity: str, after: int, until: int) -> Values:
        """The values with after < t <= until, in order of time."""
        with self._told("read"):
            series = self._known(source, quantity)
            return read_columns(self._db, series, after, until) if series is not None else Values.of(())

    def rolled(self, source: str, quantity: str, first: int, last: int) -> RolledHours | None:
        """Hours that are kept ready, at one moment; None if there are none."""
        with self._told("read"):
            self._db.execute("BEGIN")
            try:
                series = self._known(source, quantity)
                return None if series is None else rollups.read(self._db, series, first, last)
            finally:
                self._db.execute("COMMIT")

    def roll_up(
        self, until: int, make: Callable[[str, Values, Ints], HourSums | None], slack: int = DAY, most: int = 200
    ) -> int:
        """Packs hours that end not later than `until`, of some series that have any to pack; returns of how many.

        A series has if hours of it are stale, or if values of it are older than `slack` seconds before that. `make`
        gives the hours of a quantity, or None. Each block is a short transaction of its own.
        """
        until = until // HOUR * HOUR
        with self._told("read"):
            some = rollups.work(self._db, until, slack, most)
        for series, source, quantity in some:
            while self._packed(series, until, partial(make, quantity), partial(self.read, source, quantity)):
                pass
        return len(some)

    def _packed(self, series: int, until: int, make: rollups.Make, values: Callable[[int, int], Values]) -> bool:
        with self._transaction():
            return rollups.pack(self._db, series, until, make, values)

    def span(self, source: str, quantity: str) -> tuple[int, int] | None:
        """When the first and the last value of a series ended; None if there is none."""
        with self._told("read"):
            number = self._known(source, quantity)
            query = "SELECT (SELECT min(t) FROM value WHERE series = ?1), (SELECT max(t) FROM value WHERE series = ?1)"
            first, last = self._db.execute(query, (number,)).fetchone()
            return None if first is None else (int(first), int(last))

    def series(self, source: str | None = None) -> list[Series]:
        """What there is, in order of source and quantity; series without values are left out."""
        where, args = ("WHERE source = ?", (source,)) if source is not None else ("", ())
        query = (
            "SELECT source, quantity, (SELECT count(*) FROM value WHERE series = no),"
            " (SELECT min(t) FROM value WHERE series = no), (SELECT max(t) FROM value WHERE series = no)"
            f" FROM series {where} ORDER BY source, quantity"
        )
        with self._told("read"):
            return [Series(*row) for row in self._db.execute(query, args) if row[2]]

    def check(self) -> None:
        """StoreRefused if the file is damaged."""
        with self._told("read"):
            found = str(self._db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise self._damage(found)

    def beside(self) -> SqliteStore:
        """Another connection to the file; one that reads on and on needs no pages twice."""
        store = SqliteStore(self.path.parent)
        store._db.execute("PRAGMA cache_size = -2048")
        return store

    def close(self) -> None:
        """Closes the file; what was written stays."""
        self._db.close()


def set_aside(folder: Path) -> Path:
    """Gives a damaged store's file another name, with the moment in it; the next to open the store makes a new one."""
    path = folder / FILE
    aside = folder / f"{FILE}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    for end in ("-wal", "-shm", ""):
        if (beside := Path(f"{path}{end}")).exists():
            beside.rename(f"{aside}{end}")
    return aside
