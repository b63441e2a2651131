# SPDX-License-Identifier: EUPL-1.2
"""Backups that are damaged, cut off, foreign or altered by somebody: refused in words, and nothing is written."""

import gzip
import shutil
import tarfile
import uuid

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from collector.backup import bundle
from collector.backup.restore import restore, verify
from collector.errors import DataError
from collector.settings import Settings
from tests.collector.backups import refused, retarred, rewritten, without

NAMES = [
    "folder/../../evil", "folder/..", "/etc/evil", "folder//etc/evil", "../evil", "folder/./evil", "folder/", "folder",
    "evil", "folder/a/../evil", "folder/\0evil", "..", "", "manifest.json/x", "folder/broker-password",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_name_that_leads_out_of_the_folder_is_refused(kept, tmp_path, name):
    path = rewritten(kept[1].path, tmp_path / "evil.tar.gz", lambda _, content: content, add=[(name, b"evil")])
    refused(path, tmp_path / "new", match="no backup of citimeasure holds|damaged")
    with pytest.raises(DataError):
        verify(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_devices_and_folders_are_refused(kept, tmp_path, kind):
    def entries(tar, out):
        for info in tar:
            if info.name == "folder/client-id":
                link = tarfile.TarInfo("folder/link")
                link.type, link.linkname = kind, "/etc/passwd"
                out.addfile(link)
            out.addfile(info, tar.extractfile(info))

    refused(retarred(kept[1].path, tmp_path / "evil.tar.gz", entries), tmp_path / "new", match="no backup of")


def test_a_file_that_is_a_folder_too_is_refused(kept, tmp_path):
    add = [("folder/client-id/x", b"evil")]
    path = rewritten(kept[1].path, tmp_path / "evil.tar.gz", lambda _, content: content, add=add)
    refused(path, tmp_path / "new", match="as a file and as a folder")


def twice(tar, out):
    for info in tar:
        for _ in range(1 + (info.name == "folder/client-id")):
            out.addfile(info, tar.extractfile(info))


OTHER_LISTS = {
    "no list": (without(bundle.MANIFEST), "its end is missing"),
    "a file is missing": (without("folder/client-id"), "folder/client-id is not what its list says"),
    "the list is no list": (without(change=lambda _: b"[]"), "its list cannot be read"),
    "another hash": (without(change=lambda c: c.replace(b'"sha256": "', b'"sha256": "0')), "is not what its list says"),
    "another mode": (without(change=lambda c: c.replace(b'"mode": 384', b'"mode": 420')), "is not what its list says"),
    "a file twice": (twice, "which no backup"),
    "other rows": (without(change=lambda c: c.replace(b'"device": 2', b'"device": 3')), "other rows"),
    "no head": (without(bundle.HEAD), "is no backup of citimeasure"),
}


@pytest.mark.parametrize(("entries", "words"), OTHER_LISTS.values(), ids=OTHER_LISTS)
def test_what_is_not_as_its_list_says_is_refused(kept, tmp_path, entries, words):
    refused(retarred(kept[1].path, tmp_path / "other.tar.gz", entries), tmp_path / "new", match=words)


def gz(content):
    return gzip.compress(content)


FOREIGN = {
    "empty": b"",
    "a text": b"name,value\n1,2\n" * 100,
    "a text in gzip": gz(b"name,value\n1,2\n" * 100),
    "nothing in gzip": gz(b""),
    "a database": b"SQLite format 3\0" + bytes(4000),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    refused(path, tmp_path / "new", match="is no backup of citimeasure")


def test_a_backup_of_a_newer_program_is_refused(kept, tmp_path):
    head = bundle.Head(bundle.FORMAT + 1, "9.1")
    path = rewritten(kept[1].path, tmp_path / "newer.tar.gz", lambda _, content: content, head=head)
    refused(path, tmp_path / "new", match="has format 2; this program knows format 1")


def test_no_backup_at_all_and_one_that_is_a_folder(tmp_path):
    refused(tmp_path / "nothing", tmp_path / "new", match="There is no backup")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", tmp_path / "new", match="cannot be read")


@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_or_truncated_backup_is_refused_or_harmless(kept, tmp_path, data):
    _, made = kept
    content = bytearray(made.path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    path, folder = tmp_path / "damaged.tar.gz", tmp_path / f"new-{uuid.uuid4().hex}"
    path.write_bytes(content)
    try:
        found = restore(Settings(folder=folder), path)
    except DataError as error:
        assert error.hint and not folder.exists()
    else:  # bits of gzip's head that mean nothing, or another way to say the same
        assert found.manifest == made.manifest
        assert gzip.decompress(content) == gzip.decompress(made.path.read_bytes())
        shutil.rmtree(folder)
