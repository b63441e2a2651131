# SPDX-License-Identifier: EUPL-1.2
"""A collector's folder with something of everything in it, what two such are compared by, and backups gone wrong."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.backup import bundle
from collector.backup.restore import restore
from collector.errors import DataError
from collector.ingest.broker import with_login
from collector.ingest.intake import Intake
from collector.ingest.spool import Spool
from collector.message import Message, Reading, encode, readings_topic
from collector.registry import Registry, schema
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore

NOON = 1767261600
KIT, STRANGER = "kit-a1b2c3", "kit-stranger"


def fill_registry(url: str) -> None:
    """Rows in every table: numbers with gaps, a place of many digits, bytes that are no text, another alphabet."""
    with Registry(url) as registry:
        registry.add_device("kit-1", KIT)
        registry.add_device("kit-1", "sim-000001", simulated=True)
        registry.add_project("oost", "Meten in Oost, voor 't park")
        host = registry.people.add("Zoë Ångström-Łukasz 测量", "zoe@example.org")
        registry.people.decide(host.id, "map", True, text_version="2", moment=NOON)
        registry.people.decide(host.id, "map", False, text_version="2", moment=NOON + 1)
        registry.add_station("nl49012", "Amsterdam", network="GGD", latitude=52.1 + 1e-13, longitude=-4.9)
        registry.start_deployment(
            KIT, NOON, latitude=52.37403, longitude=4.88969, host=host.id, project="oost", height=2.5
        )
        registry.start_deployment(KIT, NOON + 999)
        registry.put_calibration("a" * 64, bytes(range(256)))
        registry.assign(KIT, "pm25", "a" * 64, start=NOON, note="first")
        registry.identity.set_password(KIT, "a password that nobody may read")
        registry.identity.set_password(KIT)


def fill(folder: Path) -> Settings:
    """Everything that lies in a folder after a while."""
    folder.mkdir(parents=True)
    settings = Settings(folder=folder, free_mb=0, limit_messages=0)
    fill_registry(settings.registry_url)
    spool = Spool(folder, writer=True)
    intake = Intake(spool, lambda: frozenset([KIT]), settings)
    for seq in range(500):
        reading = Reading(seq=seq, dt=60, q={"pm25": float(seq), "laeq": 50.0}, t=NOON + 60 * seq)
        intake.take(readings_topic(KIT), encode(Message(v=1, boot=1, readings=[reading])))
    intake.take(readings_topic(STRANGER), b"{}")
    intake.take(readings_topic(KIT), b"no JSON")
    assert intake.commit()
    spool.move("sqlite", 200)
    spool.close()
    store = SqliteStore(folder)
    store.write([Row(KIT, "pm25", NOON + 60 * n, 60, n / 7, 1, 0) for n in range(200)])
    store.close()
    with_login(settings)
    (folder / "client-id").write_text("citimeasure-0123456789ab\n")
    (folder / "spool.sqlite.damaged-20260101T000000Z").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    (folder / "spool.sqlite.damaged-20260101T000000Z-wal").write_bytes(b"what was in its log")
    (folder / "spool.sqlite.damaged-20260101T000000Z.txt").write_text("12 messages are missing.\n")
    (folder / "mosquitto").mkdir()
    (folder / "mosquitto" / "mosquitto.conf").write_text("listener 8883\n")
    (folder / "mosquitto" / "passwords").write_text("kit-a1b2c3:$7$1000$salt$hash\n")
    (folder / "mosquitto" / "passwords").chmod(0o600)
    (folder / "mosquitto" / ("ñ" * 120)).write_text("a long name that is not ASCII")
    (folder / "lock").write_text("1")
    return settings


def registry_rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as the database itself has them."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in schema.metadata.sorted_tables
        }
    engine.dispose()
    return found


def database_rows(path: Path) -> list[str]:
    """A SQLite file as SQL: its schema and every row."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [f"PRAGMA user_version = {db.execute('PRAGMA user_version').fetchone()[0]}", *db.iterdump()]


def plain_files(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and mode of each file that is no database in use, by its name in the folder."""
    databases = ("spool.sqlite", "values.sqlite", "registry.sqlite")
    passing = {"lock", *(f"{one}{end}" for one in databases for end in ("", "-wal", "-shm"))}
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode & 0o777)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in passing
    }


def rewritten(path, out, change, add=(), tables=None, head=None):
    """A backup whose files were changed, with a list and hashes that fit: somebody took care."""
    with (
        bundle.read(path) as backup,
        out.open("wb") as file,
        bundle.Writer(file, head or backup.head) as writer,
    ):
        for member in backup.members():
            content = change(member.name, b"".join(member.blocks))
            writer.add(member.name, io.BytesIO(content), len(content), member.mode, 0)
        for name, content in add:
            writer.add(name, io.BytesIO(content), len(content), 0o644, 0)
        counted = {**backup.manifest.rows, **(tables or {})}
        writer.finish({name: n for name, n in counted.items() if n is not None}, [])
    return out


def refused(path, folder, error=DataError, match=""):
    """A restore that fails, and leaves nothing: no folder, no file beside it or above it."""
    around = sorted(folder.parent.rglob("*"))
    with pytest.raises(error, match=match) as told:
        restore(Settings(folder=folder), path)
    assert told.value.hint
    assert sorted(folder.parent.rglob("*")) == around


def retarred(path, out, entries):
    """A backup taken apart and put together otherwise by a tar of somebody's own."""
    with tarfile.open(path) as tar, tarfile.open(out, "w:gz") as made:
        entries(tar, made)
    return out


def without(*names, change=lambda content: content):
    """Leaves files out of a backup, or changes its list."""

    def entries(tar, out):
        for info in tar:
            content = tar.extractfile(info).read()
            if info.name == bundle.MANIFEST:
                content = change(content)
                info.size = len(content)
            if info.name not in names:
                out.addfile(info, io.BytesIO(content))

    return entries
