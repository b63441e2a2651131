# SPDX-License-Identifier: EUPL-1.2
"""Makes a database's bytes anew, so that rows which were changed are not in its files any more in their old form.

What this cannot reach: copies of the files, PostgreSQL's own log of changes (kept until it is recycled, or archived),
and the blocks of a disk that a file system has let go of.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import sqlalchemy as sa

from collector.errors import SettingError


def forget_old_rows(engine: sa.Engine, tables: Iterable[str], patience: float) -> None:
    """Rewrites the tables. `patience` [s] is how long to wait for others who are reading SQLite's log.

    Raises
    ------
    SettingError
        If they read on: the rows are changed, their old bytes may still lie in the log.
    """
    if engine.dialect.name == "postgresql":
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for table in tables:
                connection.execute(sa.text(f"VACUUM (FULL) {table}"))
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("VACUUM")
        deadline = time.monotonic() + patience
        while cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise SettingError(
                    "Somebody is reading the registry without end, so its log cannot be emptied.",
                    "The host is erased. Give the same command again when less is going on, to clear the log too.",
                )
            time.sleep(0.1)
    finally:
        raw.close()
