# SPDX-License-Identifier: EUPL-1.2
"""A damaged spool is set aside by name, what is readable is saved, and a start never loops on it."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from collector.ingest import repair
from collector.ingest.intake import Intake
from collector.ingest.repair import check, mend, set_aside
from collector.ingest.spool import FILE, Spool
from collector.message import Message, Reading, encode, readings_topic
from collector.settings import Settings

NOON = 1767261600
PAGE = 4096


def fill(folder, n=3000):
    """A spool with n messages, of which a store has the first thousand; returns their seq."""
    spool = Spool(folder, writer=True)
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), Settings(folder=folder, free_mb=0, limit_messages=0))
    for seq in range(n):
        reading = Reading(seq=seq, dt=60, q={"pm25": float(seq), "laeq": 50.0}, t=NOON + 60 * seq)
        intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=1, readings=[reading])))
    assert intake.commit()
    spool.move("sqlite", 1000)
    spool.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool.close()


def seqs(folder):
    spool = Spool(folder)
    try:
        return [reading.seq for one in spool.after(0, 10_000) for reading, _ in one.readings]
    finally:
        spool.close()


def test_a_sound_spool_is_left_alone(tmp_path):
    assert mend(tmp_path, ("sqlite",)) is None
    fill(tmp_path, 10)
    before = (tmp_path / FILE).read_bytes()
    assert check(tmp_path / FILE) is None and mend(tmp_path, ("sqlite",)) is None
    assert (tmp_path / FILE).read_bytes() == before and set_aside(tmp_path) == []


@pytest.mark.parametrize("seed", range(6))
def test_what_is_readable_in_a_damaged_spool_is_saved(tmp_path, seed, caplog):
    fill(tmp_path)
    path = tmp_path / FILE
    whole = bytearray(path.read_bytes())
    pages = random.Random(seed).sample(range(1, len(whole) // PAGE), 4)
    for page in pages:
        whole[page * PAGE : page * PAGE + PAGE] = random.Random(page).randbytes(PAGE)
    path.write_bytes(whole)
    if check(path) is None:
        pytest.skip("the pages that were hit are not in use")
    aside = mend(tmp_path, ("sqlite",), now=0.0)
    assert aside is not None and aside.name == "spool.sqlite.damaged-19700101T000000Z"
    assert set_aside(tmp_path) == [aside] and aside.read_bytes()[PAGE:] != b""
    assert check(path) is None
    kept = seqs(tmp_path)
    # Four pages of some hundred: most is there, in order, and nothing was invented.
    assert len(kept) > 2000 and kept == sorted(set(kept)) and set(kept) <= set(range(3000))
    told = "\n".join(record.message for record in caplog.records) + aside.with_name(aside.name + ".txt").read_text()
    waiting = 2000 - sum(seq >= 1000 for seq in kept)
    assert f"{waiting} messages are missing" in told if waiting > 0 else "no acknowledged reading is missing" in told
    # It goes on from there: what comes now is numbered behind everything that was.
    spool = Spool(tmp_path, writer=True)
    intake = Intake(spool, lambda: frozenset(["kit-a1b2c3"]), Settings(folder=tmp_path, free_mb=0))
    reading = Reading(seq=9999, dt=60, q={"pm25": 1.0}, t=NOON + 60 * 9999)
    intake.take(readings_topic("kit-a1b2c3"), encode(Message(v=1, boot=1, readings=[reading])))
    assert intake.commit()
    assert spool.after(3000, 10)[0].readings[0][0].seq == 9999
    spool.close()


def test_what_is_no_database_at_all_is_set_aside(tmp_path, caplog):
    (tmp_path / FILE).write_text("Dear aunt, this is no database at all. " * 200)
    aside = mend(tmp_path, ("sqlite",))
    assert aside is not None and aside.read_text().startswith("Dear aunt")
    assert "how many acknowledged messages are missing is not known" in caplog.text
    assert check(tmp_path / FILE) is None and seqs(tmp_path) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"\xff" * len(whole),
        lambda whole: whole[:100] + bytes(PAGE - 100) + whole[PAGE:],
        lambda whole: whole[:PAGE],
        lambda whole: whole[:16] + b"\xff" * 84 + whole[100:],
        lambda whole: whole[:50],
    ],
    ids=["noise", "no schema", "one page", "no header", "half a header"],
)
def test_no_damage_keeps_the_collector_from_starting(tmp_path, damage):
    fill(tmp_path, 500)
    path = tmp_path / FILE
    path.write_bytes(damage(path.read_bytes()))
    aside = mend(tmp_path, ("sqlite",))
    assert aside is not None and "missing is not known" in aside.with_name(f"{aside.name}.txt").read_text()
    Spool(tmp_path, writer=True).close()
    assert mend(tmp_path, ("sqlite",)) is None


def test_a_file_whose_end_was_cut_off_gives_back_what_is_left(tmp_path):
    fill(tmp_path)
    path = tmp_path / FILE
    whole = path.read_bytes()
    cut = whole[: len(whole) * 3 // 4]
    path.write_bytes(cut)
    aside = mend(tmp_path, ("sqlite",))
    assert aside is not None and aside.read_bytes() == cut
    kept = seqs(tmp_path)
    assert len(kept) > 1000 and set(kept) <= set(range(3000))
    missing = 2000 - sum(seq >= 1000 for seq in kept)
    assert f"{missing} messages are missing" in aside.with_name(f"{aside.name}.txt").read_text()


def test_a_damaged_spool_of_which_nobody_knows_the_end_promises_nothing(tmp_path):
    fill(tmp_path)
    path = tmp_path / FILE
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        roots = dict(
            db.execute("SELECT name, rootpage FROM sqlite_schema WHERE name IN ('message', 'sqlite_sequence')")
        )
    whole = bytearray(path.read_bytes())
    for root in roots.values():
        whole[(root - 1) * PAGE : root * PAGE] = bytes(PAGE)
    path.write_bytes(whole)
    aside = mend(tmp_path, ("sqlite",))
    assert aside is not None and "missing is not known" in aside.with_name(f"{aside.name}.txt").read_text()


def test_the_log_beside_a_damaged_file_is_saved_with_it_and_not_taken_for_the_new_ones(tmp_path):
    fill(tmp_path)
    path = tmp_path / FILE
    whole = bytearray(path.read_bytes())
    leaf = [n for n in range(4, len(whole) // PAGE) if whole[n * PAGE] == 13][3]
    whole[leaf * PAGE : leaf * PAGE + PAGE] = bytes(PAGE)
    path.write_bytes(whole)
    spool = Spool(tmp_path, writer=True)
    payload = encode(Message(v=1, boot=2, readings=[Reading(seq=7777, dt=60, q={"pm25": 1.0}, t=NOON)]))
    spool.add_messages([(1, 5, payload, None)])
    left = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}  # as a kill leaves them
    spool.close()
    for end, content in left.items():
        Path(f"{path}{end}").write_bytes(content)
    aside = mend(tmp_path, ("sqlite",))
    assert aside is not None
    assert check(path) is None and seqs(tmp_path)[-1] == 7777


@pytest.mark.parametrize("step", ["_salvage", "_copy", "_put_in_place"])
def test_a_kill_while_mending_loses_nothing(tmp_path, monkeypatch, step):
    fill(tmp_path)
    path = tmp_path / FILE
    whole = bytearray(path.read_bytes())
    leaf = [n for n in range(4, len(whole) // PAGE) if whole[n * PAGE] == 13][3]
    whole[leaf * PAGE : leaf * PAGE + PAGE] = bytes(PAGE)
    path.write_bytes(whole)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(repair, step, killed)
        mend(tmp_path, ("sqlite",))
    mend(tmp_path, ("sqlite",))
    assert check(path) is None and len(seqs(tmp_path)) > 2900


def test_a_start_that_was_killed_while_it_mended_is_finished_by_the_next(tmp_path):
    fill(tmp_path, 50)
    ready = tmp_path / f"{FILE}.salvaged"
    (tmp_path / FILE).rename(ready)
    (tmp_path / FILE).write_text("the damaged one")
    assert mend(tmp_path, ("sqlite",)) is None
    assert not ready.exists() and seqs(tmp_path) == list(range(50))
