# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure export verify`: an untouched export is right; whatever is changed in it is named."""

import json
import shutil

import pytest

from collector.errors import DataError, SettingError
from collector.export.make import export
from collector.export.request import FORMATS, Request
from collector.export.verify import verify
from tests.collector.export import city
from tests.journeys.collecting import citimeasure

REQUEST = Request(formats=tuple(FORMATS), quantities=("laeq", "pm25"), sources=city.KITS, until=city.BEGIN + 13 * 86400)


@pytest.fixture(scope="module")
def made(embedded, tmp_path_factory):
    from collector.registry import Registry
    from collector.store.sqlite import SqliteStore

    folder = tmp_path_factory.mktemp("made") / "export"
    store = SqliteStore(embedded)
    with Registry(f"sqlite:///{embedded}/registry.sqlite") as registry:
        export(store, registry, folder, REQUEST)
    store.close()
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "export")


def problems(folder):
    return {one.path: one.problem for one in verify(folder) if one.problem}


def files(made):
    return sorted(str(path.relative_to(made)) for path in made.rglob("*") if path.is_file())


def change_package(folder, file, **values):
    """Lets the package say something else of a file."""
    package = json.loads((folder / "datapackage.json").read_text())
    resource = next(one for one in package["resources"] if one["path"] == file)
    resource.update(values)
    (folder / "datapackage.json").write_text(json.dumps(package))


def admit(folder, path):
    """Lets the package have the hash and the length of a file as it is now."""
    from collector.export.files import digest

    size, sha256 = digest(folder / path)
    names = ("fileBytes", "fileHash") if path.endswith("parquet") else ("bytes", "hash")
    change_package(folder, path, **dict(zip(names, (size, f"sha256:{sha256}"), strict=True)))


def test_an_untouched_export_is_right(made):
    found = verify(made)
    assert not [one for one in found if one.problem]
    assert sorted(one.path for one in found) == sorted(set(files(made)) - {"datapackage.json"})
    rows = {
        one.rows for one in found if one.format in ("csv", "jsonl", "parquet") and one.path.startswith("data/2026-01")
    }
    assert len(rows) == 1 and rows.pop() > 400


def test_a_changed_bit_in_any_file_is_found(folder, made):
    for path in files(made):
        if path == "datapackage.json":
            continue
        content = bytearray((folder / path).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / path).write_bytes(content)
        assert problems(folder) == {path: "its sha256 is another: the content was changed"}
        shutil.copy(made / path, folder / path)
    assert problems(folder) == {}


def test_files_that_are_cut_missing_or_more_are_found(folder):
    csv = folder / "data/2026-01.csv"
    csv.write_bytes(csv.read_bytes()[:-10])
    (folder / "devices.csv").unlink()
    (folder / "data/2026-01.csv.part").write_text("")
    found = problems(folder)
    assert found.pop("data/2026-01.csv").startswith("it has ")
    assert found == {"devices.csv": "it is missing", "data/2026-01.csv.part": "the package does not name it"}


@pytest.mark.parametrize(
    "path", ["data/2026-01.csv", "data/2026-01.jsonl", "data/2026-01.parquet", "data/2026-01-pm25.nc"]
)
def test_a_number_of_rows_that_is_not_so_is_found(path, folder):
    change_package(folder, path, rowCount=7)
    assert problems(folder)[path].endswith(" rows, not 7")


@pytest.mark.parametrize(
    ("path", "change", "problem"),
    [
        ("data/2026-01.csv", lambda text: text.replace(b",value,", b",worth,", 1), "its columns are source, quantity"),
        ("data/2026-01.csv", lambda text: text + b"a,b\n", "has 2 cells, not 15"),
        ("data/2026-01.csv", lambda text: text.replace(b"T01:00:00Z", b"T25:00:00Z", 1), "cannot be in the column"),
        ("data/2026-01.csv", lambda text: text + b"\xff\n", "cannot be read"),
        ("data/2026-01.jsonl", lambda text: text.replace(b'"value"', b'"worth"', 1), "line 1 has other columns"),
        (
            "data/2026-01.jsonl",
            lambda text: text.replace(b'"tests":0', b'"tests":true', 1),
            "cannot be in the column tests",
        ),
        ("data/2026-01.jsonl", lambda text: text[:-5], "cannot be read"),
        ("data/2026-01.parquet", lambda text: text[:-8] + b"NOPE" + text[-4:], "cannot be read"),
        ("data/2026-01.parquet", lambda text: text[:200] + bytes(200) + text[400:], "cannot be read"),
        ("data/2026-01-pm25.nc", lambda text: b"CDF" + text, "cannot be read"),
        ("coverage.csv", lambda text: text.replace(b",pm25,", b",pm25,,", 1), "has 12 cells, not 11"),
    ],
)
def test_columns_are_looked_at_even_if_the_hash_fits(path, change, problem, folder):
    (folder / path).write_bytes(change((folder / path).read_bytes()))
    admit(folder, path)
    assert problem in problems(folder)[path]


def test_a_parquet_file_of_other_columns_is_found(folder):
    import pyarrow.parquet as pq

    path = folder / "data/2026-01.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["u"]), path)
    admit(folder, "data/2026-01.parquet")
    assert problems(folder)["data/2026-01.parquet"].startswith("its columns are source, quantity")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "data/../../secret"])
def test_a_path_does_not_leave_the_folder(path, folder):
    (folder.parent / "secret").write_text("x")
    change_package(folder, "README.md", path=path)
    found = problems(folder)
    assert found == {path: "its path leaves the folder", "README.md": "the package does not name it"}


def test_a_link_out_of_the_folder_is_not_followed(folder):
    secret = folder.parent / "secret"
    secret.write_bytes((folder / "README.md").read_bytes())
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(secret)
    assert problems(folder) == {"README.md": "it is a link"}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "is no JSON"), (b"[]", "names no files"), (b'{"resources": [1]}', "names no files"),
     (b'{"resources": [], "every": "day"}', "does not know its columns"), (b"\xff", "is no JSON")],
)  # fmt: skip
def test_a_package_that_is_none_is_told(content, words, folder):
    (folder / "datapackage.json").write_bytes(content)
    with pytest.raises(DataError, match=words):
        verify(folder)


@pytest.mark.parametrize(
    "values", [{"path": None}, {"path": 7}, {"hash": None}, {"bytes": "x"}, {"schema": 5}, {"format": []}]
)
def test_nonsense_about_a_file_is_a_problem_of_that_file(values, folder):
    change_package(folder, "devices.csv", **values)
    found = problems(folder)
    assert str(values.get("path", "devices.csv")) in found and len(found) <= 2


def test_the_command_says_which_files_are_wrong(folder, made, tmp_path):
    done = citimeasure("export", "verify", made)
    assert "all 18 files are as they were made" in done.stderr and "data/2026-01.csv" in done.stdout
    (folder / "README.md").write_text("Complies with all limits.")
    done = citimeasure("export", "verify", folder, "-o", "jsonl", ok=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and [row["path"] for row in rows if row["problem"]] == ["README.md"]
    assert "1 of 18 files" in done.stderr and "README.md" in done.stderr
    done = citimeasure("export", "verify", tmp_path, ok=False)
    assert done.returncode == 3 and "There is no datapackage.json" in done.stderr
    (folder / "unfinished.jsonl").write_text("")
    done = citimeasure("export", "verify", folder, ok=False)
    assert done.returncode == 1 and "is not finished" in done.stderr


def test_a_folder_that_is_none_is_told(tmp_path):
    with pytest.raises(SettingError):
        verify(tmp_path / "nowhere")
