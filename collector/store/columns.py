# SPDX-License-Identifier: EUPL-1.2
"""A series out of SQLite as arrays, without a Python object for each number; the embedded store reads through here.

SQLite joins the numbers of a page to one text, which numpy takes apart: half the time of a tuple for each value, and
other threads go on meanwhile. A value travels as whole thousandths where that is exact, which SQLite itself checks.
Where it is not, as with a gas that was converted from ppb, the page is fetched row by row.
"""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from collector.store.base import Values

# Long readers keep the log from being folded into the file, so a long series is read in short transactions.
_PAGE = 200_000
_DTYPE = np.dtype([("t", "i8"), ("dt", "i4"), ("value", "f8"), ("flag", "u1"), ("tests", "i4")])
_ROWS = "SELECT t, dt, value, flag, tests FROM value WHERE series = ? AND t > ? AND t <= ? ORDER BY t LIMIT ?"
_TEXTS = (
    "SELECT group_concat(t), group_concat(mille), total(value <> mille / 1000.0),"
    " total(dt <> ? OR flag <> ? OR tests <> ?) FROM (SELECT CAST(round(value * 1000) AS INTEGER) AS mille, "
    + _ROWS.removeprefix("SELECT ")
    + ")"
)


def read_columns(db: sqlite3.Connection, series: int, after: int, until: int) -> Values:
    """The values of a series with after < t <= until, in order of time."""
    pages: list[Values] = []
    while True:
        page = _page(db, (series, after, until, _PAGE))
        pages.append(page)
        if len(page) < _PAGE:
            break
        after = int(page.t[-1])
    if len(pages) == 1:
        return pages[0]
    names = ("t", "dt", "value", "flag", "tests")
    return Values(*(np.concatenate([getattr(page, name) for page in pages]) for name in names))


def _page(db: sqlite3.Connection, which: tuple[int, int, int, int]) -> Values:
    alone = not db.in_transaction
    if alone:
        db.execute("BEGIN")  # the statements below must see the same rows
    try:
        first = db.execute(_ROWS, (*which[:3], 1)).fetchone()
        if first is None:
            return Values.of(())
        same = {"dt": first[1], "flag": first[3], "tests": first[4]}
        times, milles, inexact, others = db.execute(_TEXTS, (*same.values(), *which)).fetchone()
        t = _numbers(times)
        if inexact or (np.diff(t) <= 0).any():  # SQLite promises no order to group_concat, and keeps it
            return _by_row(db, which)
        columns = [
            (_column(db, name, which) if others else np.full(len(t), value)).astype(_DTYPE[name])
            for name, value in same.items()
        ]
        return Values(t, columns[0], _numbers(milles) / 1000.0, *columns[1:])
    finally:
        if alone:
            db.execute("COMMIT")


def _column(db: sqlite3.Connection, name: str, which: tuple[int, int, int, int]) -> NDArray[np.int64]:
    return _numbers(db.execute(f"SELECT group_concat({name}) FROM ({_ROWS})", which).fetchone()[0])


def _numbers(text: str) -> NDArray[np.int64]:
    return np.fromstring(text, np.int64, sep=",")


def _by_row(db: sqlite3.Connection, which: tuple[int, int, int, int]) -> Values:
    table = np.array(db.execute(_ROWS, which).fetchall(), _DTYPE)
    return Values(*(np.ascontiguousarray(table[name]) for name in ("t", "dt", "value", "flag", "tests")))
