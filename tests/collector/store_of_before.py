# SPDX-License-Identifier: EUPL-1.2
"""Files of the embedded store as earlier versions of the program made them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from collector.store.base import Row
from collector.store.sqlite import FILE


def version_1(folder: Path, rows: Sequence[Row]) -> None:
    """A store without packed hours, that holds these rows."""
    db = sqlite3.connect(folder / FILE)
    db.executescript("""
        PRAGMA journal_mode = WAL;
        CREATE TABLE series (no INTEGER PRIMARY KEY, source TEXT NOT NULL, quantity TEXT NOT NULL,
            UNIQUE (source, quantity));
        CREATE TABLE value (series INTEGER NOT NULL, t INTEGER NOT NULL, dt INTEGER NOT NULL, value REAL NOT NULL,
            flag INTEGER NOT NULL, tests INTEGER NOT NULL, PRIMARY KEY (series, t)) WITHOUT ROWID;
        PRAGMA user_version = 1;
    """)
    for row in rows:
        db.execute("INSERT OR IGNORE INTO series (source, quantity) VALUES (?, ?)", row[:2])
        no = db.execute("SELECT no FROM series WHERE source = ? AND quantity = ?", row[:2]).fetchone()[0]
        db.execute("INSERT INTO value VALUES (?, ?, ?, ?, ?, ?)", (no, *row[2:]))
    db.commit()
    db.close()
