# SPDX-License-Identifier: EUPL-1.2
"""Exports that break off: a store that goes away, a full disk, kill -9. Nothing is half written, the rest goes on."""

import json
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import replace

import pytest

from collector.errors import SettingError, StoreUnavailable
from collector.export import make
from collector.export.make import export
from collector.export.readers import Readers
from collector.export.request import FORMATS, Request
from collector.store.influx import InfluxStore
from tests import parts
from tests.collector.export import city
from tests.fakes.proxy import proxy
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment, wait_until

REQUEST = Request(formats=tuple(FORMATS), quantities=("laeq", "pm25"))
_NO_MOUNT = 99
_MOUNT = f'mount -t tmpfs -o size=1m tmpfs "$1" || exit {_NO_MOUNT}; exec sh -c "$2" sh "$1"'


class Breaking:
    """A store whose readers answer so often together, and then are away."""

    def __init__(self, store, answers):
        self.store, self.left = store, deque(range(answers)) if isinstance(answers, int) else answers

    def __getattr__(self, name):
        return getattr(self.store, name)

    def beside(self):
        return type(self)(self.store.beside(), self.left)

    def read(self, *args):
        try:
            self.left.popleft()
        except IndexError:
            raise StoreUnavailable("InfluxDB at http://127.0.0.1:1 does not answer: refused.", "Start it.") from None
        return self.store.read(*args)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def want(embedded, tmp_path_factory):
    """The export as it is when nothing breaks."""
    from collector.registry import Registry
    from collector.store.sqlite import SqliteStore

    folder = tmp_path_factory.mktemp("want") / "export"
    store = SqliteStore(embedded)
    with Registry(f"sqlite:///{embedded}/registry.sqlite") as registry:
        export(store, registry, folder, REQUEST)
    store.close()
    return contents(folder)


@pytest.mark.parametrize("answers", [0, 3, 6, 8])
def test_after_a_store_that_went_away_the_same_command_goes_on(answers, want, store, registry, tmp_path):
    folder = tmp_path / "e"
    with pytest.raises(StoreUnavailable) as caught:
        export(Breaking(store, answers), registry, folder, REQUEST)
    assert "same command again" in caught.value.hint and caught.value.hint.startswith("Start it.")
    left = contents(folder)
    # What has its final name is whole: the same as in the export that did not break off.
    assert left.pop("unfinished.jsonl") and all(want[path] == content for path, content in left.items())
    before = {path: (folder / path).stat() for path in left}
    export(store, registry, folder, REQUEST)
    assert contents(folder) == want
    after = {path: (folder / path).stat() for path in left}
    assert all(before[path].st_ino == after[path].st_ino for path in left), "a finished part was written again"


def test_after_an_influxdb_that_went_away_the_same_command_goes_on(
    want, influx, influx_server, registry, embedded, tmp_path
):
    folder = tmp_path / "e"
    with proxy(influx_server.port) as line:
        url = f"http://127.0.0.1:{line.port}"
        store = InfluxStore(url, influx_server.org, influx.bucket, influx_server.token)

        def cut(done, of):
            if done == 5 * 12 * 24:  # January of all five series is read
                line.close()

        with pytest.raises(StoreUnavailable, match="does not answer") as caught:
            export(store, registry, folder, REQUEST, cut)
        store.close()
    assert "same command again" in caught.value.hint
    left = {path: content for path, content in contents(folder).items() if path != "unfinished.jsonl"}
    assert "data/2026-01.csv" in left and all(want[path] == content for path, content in left.items())
    away = {"CITIMEASURE_STORES": "influx", "CITIMEASURE_INFLUX_URL": url, "CITIMEASURE_INFLUX_TOKEN": "none"}
    told = citimeasure("export", folder, "--folder", embedded, ok=False, **away)
    assert told.returncode == 6 and "does not answer" in told.stderr
    export(influx, registry, folder, REQUEST)
    assert contents(folder) == want


def test_a_finished_part_that_was_changed_is_written_again(want, store, registry, tmp_path):
    folder = tmp_path / "e"
    with pytest.raises(StoreUnavailable):
        export(Breaking(store, 8), registry, folder, REQUEST)
    path = folder / "data/2026-01.csv"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    (folder / "data/2026-02.jsonl").unlink(missing_ok=True)
    export(store, registry, folder, REQUEST)
    assert contents(folder) == want


@pytest.mark.parametrize("cut", [1, 40, 300])
def test_a_torn_journal_costs_a_month_at_most(cut, want, store, registry, tmp_path):
    folder = tmp_path / "e"
    with pytest.raises(StoreUnavailable):
        export(Breaking(store, 8), registry, folder, REQUEST)
    journal = folder / "unfinished.jsonl"
    assert len(journal.read_text().splitlines()) > 1
    journal.write_bytes(journal.read_bytes()[:-cut])
    export(store, registry, folder, REQUEST)
    assert contents(folder) == want


def test_what_was_assigned_meanwhile_is_not_mixed_in(want, embedded, store, tmp_path):
    from collector.registry import Registry

    folder = tmp_path / "e"
    shutil.copy(embedded / "registry.sqlite", tmp_path / "registry.sqlite")
    with Registry(f"sqlite:///{tmp_path}/registry.sqlite") as registry:
        with pytest.raises(StoreUnavailable):
            export(Breaking(store, 8), registry, folder, REQUEST)
        moment = json.loads((folder / "unfinished.jsonl").read_text().splitlines()[0])["as_of"]
        first = registry.assignments(city.KITS[0])[0]
        registry.assign(city.KITS[0], "pm25", first.record, start=city.BEGIN, created=moment + 1)
        export(store, registry, folder, REQUEST)
        assert contents(folder) == want
        export(store, registry, tmp_path / "new", REQUEST)
        assert contents(tmp_path / "new") != want


def test_another_question_is_refused_and_harms_nothing(want, store, registry, tmp_path):
    folder = tmp_path / "e"
    with pytest.raises(StoreUnavailable):
        export(Breaking(store, 8), registry, folder, REQUEST)
    for other in (replace(REQUEST, level="raw"), replace(REQUEST, licence="CC0-1.0"), replace(REQUEST, as_of=1)):
        with pytest.raises(SettingError, match="another question"):
            export(store, registry, folder, other)
    export(store, registry, folder, REQUEST)
    assert contents(folder) == want
    with pytest.raises(SettingError, match="not empty"):
        export(store, registry, folder, REQUEST)
    assert contents(folder) == want


@pytest.mark.parametrize("part", [True, False])
def test_what_may_not_leave_any_more_is_refused_halfway(part, store, registry, tmp_path, monkeypatch):
    folder = tmp_path / "e"
    with pytest.raises(StoreUnavailable):
        export(Breaking(store, 8), registry, folder, REQUEST)
    choose = make.choose

    def without(*args):
        scope = choose(*args)
        until = {city.KITS[1]: city.MOVED}
        spans = [replace(span, until=until.get(span.source, span.until)) for span in scope.spans]
        return replace(scope, spans=tuple(spans if part else [one for one in spans if one.source not in until]))

    monkeypatch.setattr(make, "choose", without)
    with pytest.raises(SettingError, match="kit-two, which may not be exported any more"):
        export(store, registry, folder, REQUEST)


def test_two_exports_do_not_share_a_folder(store, registry, tmp_path):
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Breaking):
        def read(self, *args):
            inside.set()
            assert go_on.wait(60)
            return self.store.read(*args)

    first = threading.Thread(target=export, args=(Slow(store, 0), registry, tmp_path / "e", REQUEST))
    first.start()
    try:
        assert inside.wait(60)
        with pytest.raises(SettingError, match="Another export is writing"):
            export(store, registry, tmp_path / "e", REQUEST)
    finally:
        go_on.set()
        first.join()
    assert (tmp_path / "e/datapackage.json").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_whole_files_and_the_same_command_goes_on(how, embedded, want, tmp_path):
    folder = tmp_path / "e"
    words = ["export", str(folder), "--folder", str(embedded), "--quantity", "laeq", "--quantity", "pm25"]
    words += [word for format in FORMATS for word in ("--format", format)]
    with subprocess.Popen([*CITIMEASURE, *words], env=environment(), stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: (folder / "data/2026-01.csv").exists() or process.poll() is not None)
        process.send_signal(how)
    if how == signal.SIGINT and process.returncode:
        assert process.returncode == 130 and not list(folder.rglob("*.part"))
    left = {
        path: content for path, content in contents(folder).items() if not path.endswith((".part", "unfinished.jsonl"))
    }
    assert left and all(want[path] == content for path, content in left.items())
    if "datapackage.json" not in left:  # else it was quicker than the signal
        citimeasure(*words, PYTHONHASHSEED="1")
    assert contents(folder) == want


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_is_told_and_nothing_half_written_is_left(format, embedded, tmp_path):
    unshare = shutil.which("unshare")
    if unshare is None:
        parts.missing("unshare", "install the package util-linux.")
    mount = tmp_path / "disk"
    mount.mkdir()
    # The folder lies on a disk of 1 MiB, of which all but 100 KiB are taken.
    command = " ".join([*CITIMEASURE, "export", '"$1/e"', "--folder", str(embedded), "--format", format])
    script = f'head -c 920000 /dev/zero > "$1/ballast"; {command}; echo "ended with $?"; cd "$1/e" && find . -type f'
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", _MOUNT, "sh", str(mount), script],
        env=environment(), capture_output=True, text=True, cwd=parts.ROOT,
    )  # fmt: skip
    if done.returncode == _NO_MOUNT or "unshare failed" in done.stderr:
        parts.missing("a mount of one's own", f"let users have namespaces; {done.stderr.strip()}")
    assert "Traceback" not in done.stderr and f"The disk of {mount}/e is full" in done.stderr, done.stderr
    assert "give the same command again" in done.stderr
    ended, *left = done.stdout.splitlines()
    assert ended == "ended with 3" and "./unfinished.jsonl" in left and "./datapackage.json" not in left
    assert not [path for path in left if path.endswith(".part")]


def test_a_folder_that_cannot_be_made_is_told(store, registry, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "e"):
        with pytest.raises(SettingError, match="cannot be written"):
            export(store, registry, folder, REQUEST)


def test_readers_keep_the_order_give_errors_and_end(store):
    before = threading.active_count()
    started = []

    def task(n):
        def run(reader):
            started.append(n)
            assert reader is not store and len(reader.series()) == 17
            return 1 // (100 - n)

        return run

    with Readers(store) as readers:
        assert list(readers.map(task(n) for n in range(100))) == [1 // (100 - n) for n in range(100)]
        with pytest.raises(ZeroDivisionError):
            list(readers.map(task(n) for n in range(90, 1000)))
        assert max(started) < 110
    assert threading.active_count() == before


def test_an_export_of_half_a_million_readings_fits_into_300_mib(tmp_path):
    from tests.bench.export import fill

    fill(tmp_path, 500_000)
    for format in ("csv", "parquet"):
        command = [sys.executable, "-m", "tests.bench.export", "run", tmp_path, tmp_path / format, format]
        _, resident, rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert float(resident) < 300 and int(rows) == 500_000
