# SPDX-License-Identifier: EUPL-1.2
"""Brings a registry's database to the schema of this program, with alembic, one migration after another."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from collector.errors import SettingError

HEAD = "0003"
_LOCK = 0x6369746D  # any number: "citm"


def upgrade(engine: Engine, target: str = HEAD) -> None:
    """Runs what is missing; nothing, and without importing alembic, if the database is up to date.

    An earlier `target` is for a new database that is filled with rows of that schema.
    """
    with engine.connect() as connection:
        if _version(connection) == target:
            return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        _lock(connection)  # two programs that open a new registry at once take turns
        current = _version(connection)
        try:
            for version in filter(None, (current, target)):
                ScriptDirectory.from_config(config).get_revision(version)
        except CommandError as error:
            raise SettingError(
                f"The registry has schema {version}, which this program does not know.",
                "Use the version of citimeasure that made it, or a newer one.",
            ) from error
        if current != target:
            config.attributes["connection"] = connection
            command.upgrade(config, target)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
