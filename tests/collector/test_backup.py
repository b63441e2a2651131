# SPDX-License-Identifier: EUPL-1.2
"""Backups: everything comes back as it was, and what is not whole is refused before anything is written."""

import json
import os
import shutil
import subprocess
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from collector.backup import bundle
from collector.backup.make import copy_database, make, target
from collector.backup.restore import restore, verify
from collector.errors import CitimeasureError, DataError, SettingError
from collector.ingest.sender import rows
from collector.ingest.spool import Spool
from collector.judge import load_limits
from collector.judge.reading import ReadingJudge
from collector.registry import Registry
from collector.registry.migrations import HEAD
from collector.registry.portable import need_empty
from collector.service import RESTORING, prepare_folder
from collector.settings import Settings
from collector.store.base import Row
from collector.store.sqlite import SqliteStore
from tests import parts
from tests.collector.backups import (
    KIT,
    database_rows,
    fill,
    fill_registry,
    plain_files,
    refused,
    registry_rows,
    retarred,
    rewritten,
    without,
)
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment

HEAD_LINE = f'"schema":"{HEAD}"'.encode()


@pytest.fixture
def database(postgres_url):
    """A PostgreSQL database of the test's own."""
    name = f"backup_{uuid.uuid4().hex}"
    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def the_same(there, here):
    """Whether a restored folder is the one that was saved, row by row and file by file."""
    for name in ("spool.sqlite", "values.sqlite"):
        found = database_rows(there.folder / name)
        assert len(found) > 200 and database_rows(here.folder / name) == found
    tables = registry_rows(there.registry_url)
    assert all(tables.values()) and registry_rows(here.registry_url) == tables
    files = plain_files(here.folder)
    assert files.pop("citimeasure.toml")[1] == 0o644
    assert files == plain_files(there.folder)
    assert files["broker-password"][1] == files["mosquitto/passwords"][1] == 0o600


def test_an_empty_folder_is_filled_with_every_row_and_file(kept, tmp_path):
    settings, made = kept
    for folder in (tmp_path / "new", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        here = Settings(folder=folder)
        restore(here, made.path)
        the_same(settings, here)
        assert sorted(one.name for one in folder.iterdir() if one.name.startswith(".")) == []
        assert not (folder / "lock").exists()


def test_a_backup_is_for_its_owner_only_and_says_what_it_holds(kept):
    settings, made = kept
    assert made.path.stat().st_mode & 0o777 == 0o600
    found = verify(made.path)
    assert found.manifest == made.manifest and found.head.folder == str(settings.folder)
    assert found.manifest.rows == {name: len(one) for name, one in registry_rows(settings.registry_url).items()}
    assert [one for one in made.path.parent.iterdir() if one.name.startswith(".")] == []


@pytest.mark.parametrize("way", ["into PostgreSQL", "out of PostgreSQL"])
def test_a_registry_goes_from_one_database_into_the_other(kept, tmp_path, database, way):
    settings, made = kept
    away, own = Settings(folder=tmp_path / "new", registry=database), Settings(folder=tmp_path / "new")
    if way == "out of PostgreSQL":
        settings = replace(settings, registry=database)
        fill_registry(database)
        made = make(settings, None, tmp_path / "backup.tar.gz")
        assert any("registry.sqlite" in one for one in made.manifest.left_out)
        away = own
    restore(away, made.path)
    assert registry_rows(away.registry_url) == registry_rows(settings.registry_url)
    assert (away.folder / "registry.sqlite").exists() == (way == "out of PostgreSQL")
    with Registry(away.registry_url) as registry:  # numbers go on behind those that came with the rows
        registry.assign(KIT, "pm25", "a" * 64, start=1)
        registry.identity.set_password(KIT)
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), registry._writing.begin() as connection:
            connection.execute(sa.text("DELETE FROM consent"))


def test_a_registry_of_an_older_schema_is_brought_up_to_date(kept, tmp_path):
    _, made = kept

    def older(name, content):
        if name != bundle.REGISTRY:
            return content
        lines = [json.loads(line) for line in content.splitlines()]
        lines = [{"schema": "0001"}, *(one for one in lines[1:] if one["table"] != "credential")]
        for one in lines[1:]:
            one["row"].pop("revoked", None)
            one["row"].pop("erased", None)
        return b"".join(json.dumps(one).encode() + b"\n" for one in lines)

    here = Settings(folder=tmp_path / "new")
    restore(here, rewritten(made.path, tmp_path / "old.tar.gz", older, tables={"credential": None}))
    with Registry(here.registry_url) as registry:
        assert registry.device(KIT).revoked is None and registry.identity.set_password(KIT)
    newer = rewritten(made.path, tmp_path / "newer.tar.gz", lambda _, c: c.replace(HEAD_LINE, b'"schema":"9"'))
    with pytest.raises(SettingError, match="schema 9"):
        restore(Settings(folder=tmp_path / "newer"), newer)
    assert not (tmp_path / "newer").exists()


def test_only_an_empty_folder_and_an_empty_registry_are_filled(kept, tmp_path):
    _, made = kept
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "spool.sqlite").write_bytes(b"mine")
    refused(made.path, folder, SettingError, "is not empty: there is spool.sqlite")
    other = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    fill_registry(other)
    before = registry_rows(other)
    with pytest.raises(SettingError, match="is not empty"):
        restore(Settings(folder=tmp_path / "new", registry=other), made.path)
    assert registry_rows(other) == before and not (tmp_path / "new").exists()


def test_a_registry_elsewhere_keeps_no_rows_of_a_backup_that_fails(kept, tmp_path, database):
    _, made = kept
    change = without(change=lambda c: c.replace(b'"device": 2', b'"device": 3'))
    path = retarred(made.path, tmp_path / "other.tar.gz", change)
    with pytest.raises(DataError, match="other rows"):
        restore(Settings(folder=tmp_path / "new", registry=database), path)
    need_empty(database)
    assert not (tmp_path / "new").exists()


def test_a_restore_that_died_is_not_taken_for_a_folder(kept, tmp_path):
    settings, made = kept
    folder = tmp_path / "new"
    (folder / RESTORING / "folder").mkdir(parents=True)
    for doing in (
        lambda: prepare_folder(folder),
        lambda: make(replace(settings, folder=folder), None, tmp_path / "backup.tar.gz"),
        lambda: restore(Settings(folder=folder), made.path),
    ):
        with pytest.raises(SettingError, match=r"restored into|is not empty: there is \.restoring"):
            doing()


def test_no_backup_of_a_damaged_store_is_made(tmp_path):
    settings = fill(tmp_path / "data")
    path = settings.folder / "values.sqlite"
    whole = bytearray(path.read_bytes())
    whole[4096 : 2 * 4096] = b"\xff" * 4096
    path.write_bytes(whole)
    with pytest.raises(DataError, match=r"values.sqlite is damaged, so no backup was made") as told:
        make(settings, None, tmp_path / "backup.tar.gz")
    assert "doctor" in told.value.hint
    assert [one.name for one in tmp_path.iterdir()] == ["data"]
    (settings.folder / "spool.sqlite").write_bytes(b"nothing of a database" * 1000)
    with pytest.raises(DataError, match=r"spool.sqlite is damaged"):
        make(settings, None, tmp_path / "backup.tar.gz")


def test_where_a_backup_may_go(kept, tmp_path):
    settings, made = kept
    name = target(settings, tmp_path, now=0.0).name
    assert name == "citimeasure-data-19700101T000000Z.tar.gz"
    for out, words in (
        (made.path, "is there already"),
        (tmp_path / "none" / "x", "There is no folder"),
        (settings.folder / "x", "lies in the folder"),
        (settings.folder, "lies in the folder"),
    ):
        with pytest.raises(SettingError, match=words):
            target(settings, out)


def test_what_is_elsewhere_is_named(tmp_path):
    settings = fill(tmp_path / "data")
    (settings.folder / "link").symlink_to("/etc")
    os.mkfifo(settings.folder / "pipe")
    settings = replace(settings, stores=("influx",), influx_token_file=str(tmp_path / "token"))
    left_out = "\n".join(make(settings, None, tmp_path / "backup.tar.gz").manifest.left_out)
    for words in ("link: a link to a folder", "pipe: no plain file", "setting influx_token_file", "influx backup"):
        assert words in left_out
    assert "broker_password_file" not in left_out


def test_no_secret_is_said(kept, tmp_path):
    settings, made = kept
    told = citimeasure("backup", "--folder", settings.folder, "--out", tmp_path)
    told = told.stdout + told.stderr + citimeasure("backup", "verify", made.path).stderr
    assert "personal data" in told and "zoe" not in told
    assert (settings.folder / "broker-password").read_text().strip() not in told


_MOUNT = 'mount -t tmpfs -o size=%s tmpfs "$1" || exit 99; shift; "$@"; code=$?; ls -A "$0"; exit $code'


def on_a_small_disk(disk: Path, size: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours while a folder is a disk of its own; at the end stdout names what is on it."""
    unshare = shutil.which("unshare") or parts.missing("unshare", "install the package util-linux.")
    disk.mkdir()
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", _MOUNT % size, disk, disk, *CITIMEASURE, *map(str, args)],
        env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    if done.returncode == 99 or "unshare failed" in done.stderr:
        parts.missing("a mount of one's own", f"let users have namespaces; {done.stderr.strip()}")
    return done


def test_a_full_disk_leaves_nothing_of_a_backup_and_nothing_of_a_restore(kept, tmp_path):
    settings, made = kept
    done = on_a_small_disk(tmp_path / "a", "100k", "backup", "--folder", settings.folder, "--out", tmp_path / "a/b")
    assert done.returncode == 3 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    pages = sum(-(-one.size // 4096) for one in made.manifest.files)
    for share, words in ((0.3, "cannot be filled"), (0.9, "cannot be filled"), (1.1, "cannot be used")):  # the registry
        folder = tmp_path / str(share)
        size = f"{int(pages * share) * 4}k"
        done = on_a_small_disk(folder, size, "restore", "--folder", folder / "new", made.path)
        assert done.returncode == 3 and words in done.stderr and "Traceback" not in done.stderr
        assert done.stdout == ""


def test_a_backup_beside_the_spool_stops_before_the_collector_must(tmp_path):
    settings = replace(fill(tmp_path / "data"), free_mb=shutil.disk_usage(tmp_path).free // 1_000_000)
    with pytest.raises(SettingError, match="stops acknowledging below"):
        make(settings, None, tmp_path / "backup.tar.gz")
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


def test_a_start_that_was_mending_comes_first(tmp_path):
    settings = fill(tmp_path / "data")
    (settings.folder / "spool.sqlite.salvaged").write_bytes(b"sound, and the only one")
    with pytest.raises(CitimeasureError, match="did not come to its end"):
        make(settings, None, tmp_path / "backup.tar.gz")


def test_what_goes_from_the_spool_into_the_store_meanwhile_is_in_one_of_them(tmp_path, monkeypatch):
    settings = fill(tmp_path / "data")

    def send_and_let_go():
        """What a sender and the keeper do, in the moment between two copies."""
        spool, store = Spool(settings.folder), SqliteStore(settings.folder)
        if batch := spool.after(spool.position("sqlite"), 1000):
            store.write(rows(batch, ReadingJudge(load_limits(settings.limits))))
            spool.move("sqlite", batch[-1].id)
            spool.db.execute("DELETE FROM message")
        spool.close()
        store.close()

    def copy_then_meddle(*args):
        copy_database(*args)
        send_and_let_go()

    monkeypatch.setattr("collector.backup.make.copy_database", copy_then_meddle)
    made = make(settings, None, tmp_path / "backup.tar.gz")
    here = Settings(folder=tmp_path / "new")
    restore(here, made.path)
    settings = here
    send_and_let_go()
    store = SqliteStore(here.folder)
    assert [(one.quantity, one.n) for one in store.series()] == [("laeq", 300), ("pm25", 500)]
    store.close()


def test_a_store_that_is_written_meanwhile_is_copied_as_of_one_moment(tmp_path, monkeypatch):
    settings = fill(tmp_path / "data")
    store = SqliteStore(settings.folder)
    path = settings.folder / "values.sqlite"
    before = database_rows(path)
    writes = []

    def meddle(n):
        store.write([Row(KIT, "pm10", len(writes), 60, 1.0, 1, 0)])
        writes.append(n)

    monkeypatch.setattr("collector.backup.make._PAGES", 1)
    copy_database(path, tmp_path / "copy", meddle)
    store.close()
    assert len(writes) > 5, "it began anew, or was too small to be disturbed"
    assert sum(writes) == (tmp_path / "copy").stat().st_size
    assert database_rows(tmp_path / "copy") == before != database_rows(path)
