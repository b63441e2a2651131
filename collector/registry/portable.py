# SPDX-License-Identifier: EUPL-1.2
"""The registry as lines of JSON, the same from SQLite and from PostgreSQL, so that either is filled from both.

The first line names the schema; each further one is a row of a table, parents before children. Bytes are base64.
Backups (collector/backup) write and read them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from collector.errors import DataError, SettingError
from collector.registry import Registry, away, open_engine, schema
from collector.registry.migrations import HEAD, upgrade

_ROWS = 500  # fetched or inserted at once


class _First(msgspec.Struct, frozen=True):
    schema: str


class _Row(msgspec.Struct, frozen=True):
    table: str
    row: dict[str, Any]


def dump(registry: Registry) -> Iterator[tuple[str, bytes]]:
    """(table, line) for every row as of one moment; the first line's table is empty."""
    yield "", msgspec.json.encode(_First(HEAD)) + b"\n"
    with registry.moment() as connection:
        for table in schema.metadata.sorted_tables:
            query = sa.select(table).order_by(*table.primary_key)
            name, columns = str(table.name), [str(column.name) for column in table.columns]
            for row in connection.execution_options(yield_per=_ROWS).execute(query):
                line = _Row(name, dict(zip(columns, row, strict=True)))
                yield name, msgspec.json.encode(line) + b"\n"


def file_of(url: str) -> Path | None:
    """The file of a registry in SQLite, None for another database."""
    parsed = sa.make_url(url)
    return Path(parsed.database).resolve() if parsed.get_backend_name() == "sqlite" and parsed.database else None


def need_empty(url: str) -> None:
    """SettingError if a registry has rows. One that is not there is not made."""
    file = file_of(url)
    if file is not None and not file.exists():
        return
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            _need_empty(connection)
    except sa.exc.DBAPIError as error:
        raise away(engine.url, error) from error
    finally:
        engine.dispose()


def _need_empty(connection: sa.Connection) -> None:
    there = sa.inspect(connection)
    for table in schema.metadata.sorted_tables:
        if there.has_table(table.name) and connection.execute(sa.select(sa.literal(1)).select_from(table)).first():
            raise SettingError(
                f"The registry {connection.engine.url.render_as_string(hide_password=True)} is not empty.",
                "Name a new database in the setting registry, or leave that empty for a file in the folder.",
            )


@contextmanager
def filled(url: str, lines: Iterable[bytes]) -> Iterator[dict[str, int]]:
    """Fills a registry that has no rows; yields how many each table got. They stay if the block ends well."""
    source = iter(lines)
    engine = open_engine(url)
    writing = engine.execution_options(writing=True)
    try:
        with engine.connect() as connection:
            new = not sa.inspect(connection).has_table("alembic_version")
        upgrade(writing, _schema_of(next(source, b"")) if new else HEAD)
        with writing.begin() as connection:
            _need_empty(connection)
            yield _load(connection, source)
        upgrade(writing)
    except sa.exc.DBAPIError as error:
        raise away(engine.url, error) from error
    finally:
        engine.dispose()


def _schema_of(first: bytes) -> str:
    """The schema that the first line names; DataError if it is none."""
    try:
        return msgspec.json.decode(first, type=_First).schema
    except msgspec.DecodeError as error:
        raise DataError("The backup's registry cannot be read: its first line is none of citimeasure's.") from error


def _load(connection: sa.Connection, lines: Iterable[bytes]) -> dict[str, int]:
    """Inserts the lines behind the first into tables of the schema that it names; returns how many rows of each."""
    tables = sa.MetaData()
    tables.reflect(connection)
    count: dict[str, int] = {}
    waiting: list[dict[str, Any]] = []
    name = ""
    for line in lines:
        one = _decoded(line, tables)
        if one.table != name or len(waiting) >= _ROWS:
            _insert(connection, tables, name, waiting)
            name, waiting = one.table, []
        waiting.append(one.row)
        count[name] = count.get(name, 0) + 1
    _insert(connection, tables, name, waiting)
    if connection.dialect.name == "postgresql":
        _number_on(connection, tables)
    return count


def _decoded(line: bytes, tables: sa.MetaData) -> _Row:
    try:
        one = msgspec.json.decode(line, type=_Row)
        columns = tables.tables[one.table].columns
        for name, value in one.row.items():
            if isinstance(columns[name].type, sa.LargeBinary) and value is not None:
                one.row[name] = base64.b64decode(value, validate=True)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"The backup's registry has a line that is no row of a registry: {error}.") from error
    return one


def _insert(connection: sa.Connection, tables: sa.MetaData, name: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    try:
        connection.execute(tables.tables[name].insert(), rows)
    except (sa.exc.DBAPIError, sa.exc.StatementError, sa.exc.CompileError) as error:
        raise DataError(f"The backup's registry does not fit: rows of {name} were refused.") from error


def _number_on(connection: sa.Connection, tables: sa.MetaData) -> None:
    """Lets PostgreSQL number new rows behind those that came with their numbers; SQLite does by itself."""
    for table in tables.sorted_tables:
        if "no" in table.columns:
            highest = connection.execute(sa.select(sa.func.max(table.c.no))).scalar()
            if highest is not None:
                sequence = sa.func.pg_get_serial_sequence(table.name, "no")
                connection.execute(sa.select(sa.func.setval(sequence, highest)))
