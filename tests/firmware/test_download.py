# SPDX-License-Identifier: EUPL-1.2
"""MicroPython's image from a real web server that fails in many ways, and the table of sums that a city keeps."""

from __future__ import annotations

import hashlib
import ssl

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware import pins
from firmware.chips import CHIPS
from firmware.download import download
from firmware.errors import ToolError
from tests import parts
from tests.fakes.web import web
from tests.firmware.runtimes import runtime
from tests.journeys.collecting import citimeasure

NAME = "ESP32_GENERIC_S3-20250415-v1.25.0.bin"
GOOD = runtime(CHIPS["ESP32-S3"])
SUM = hashlib.sha256(GOOD).hexdigest()
MOST = 1 << 24


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(GOOD)
    with web(folder) as running:
        yield running


def get(server, *faults, most=MOST):
    """Downloads while the server has one fault after the other; (bytes, requests, pauses in between)."""
    rest, waited, server.asked[:] = list(faults), [], []

    def pause(seconds):
        waited.append(seconds)
        server.fault = rest.pop(0) if rest else ""

    server.fault = rest.pop(0) if rest else ""
    data = download(server.url + NAME, most, pause=pause)
    return data, [(start, status) for _, start, status in server.asked], waited


def test_a_download_that_was_cut_goes_on_where_it_was(server):
    half, more = len(GOOD) // 2, len(GOOD) // 2 + (len(GOOD) - len(GOOD) // 2) // 2
    assert get(server, "cut", "cut", "") == (GOOD, [(0, 200), (half, 206), (more, 206)], [2, 4])


def test_a_server_without_ranges_gives_it_from_the_beginning(server):
    assert get(server, "cut", "no ranges") == (GOOD, [(0, 200), (len(GOOD) // 2, 200)], [2])


def test_a_server_that_gives_another_part_than_asked_for_is_asked_for_all(server):
    assert get(server, "cut", "other ranges") == (GOOD, [(0, 200), (len(GOOD) // 2, 206), (0, 200)], [2, 4])


def test_a_file_that_was_replaced_by_a_shorter_one_is_begun_anew(server):
    (server.folder / NAME).write_bytes(GOOD * 3)

    def pause(_seconds):
        server.fault = ""
        (server.folder / NAME).write_bytes(GOOD)

    server.fault = "cut"
    assert download(server.url + NAME, MOST, pause=pause) == GOOD
    assert [(start, status) for _, start, status in server.asked] == [(0, 200), (len(GOOD) * 3 // 2, 416), (0, 200)]


def test_trouble_that_may_pass_is_waited_for_and_what_is_not_there_is_not(server):
    assert get(server, "503", "429", "no length") == (GOOD, [(0, 503), (0, 429), (0, 200)], [2, 4])
    with pytest.raises(ToolError, match="HTTP Error 404") as told:
        get(server, "404", "")
    assert "download it by other means" in told.value.hint and len(server.asked) == 1


def test_it_gives_up_in_plain_words(server):
    with pytest.raises(ToolError, match="cannot be had: it was cut off again and again"):
        get(server, *["cut"] * 5)
    with pytest.raises(ToolError, match="cannot be had: HTTP Error 500"):
        get(server, *["500"] * 5)
    assert len(server.asked) == 5
    with pytest.raises(ToolError, match=r"cannot be had: .*refused"):
        download(f"http://127.0.0.1:{parts.free_port()}/", MOST, pause=lambda _: None)
    with pytest.raises(ToolError, match="more than any image of MicroPython"):
        get(server, "", most=len(GOOD) - 1)
    with pytest.raises(ToolError, match="has more than"):
        get(server, "no length", most=len(GOOD) - 1)


@pytest.fixture
def trusted(server, tmp_path, monkeypatch):
    """The server has a certificate that this computer trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    server.certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server.certificate)
    return server


def test_https_does_not_lead_to_where_there_is_none(trusted, tmp_path):
    with web(trusted.folder) as plain:
        trusted.location = plain.url + NAME
        with pytest.raises(ToolError, match="without TLS"):
            get(trusted, "302")


def flash(table, where, *more):
    """`citimeasure flash` with a table, up to the board that is not there; what it said."""
    done = citimeasure("flash", "--runtime", where, "--pin", table, "--yes", *more, "/dev/no-board", ok=False)
    assert done.returncode
    return " ".join(done.stderr.split())


def test_an_image_is_trusted_the_first_time_and_then_must_be_the_same(trusted, tmp_path):
    table, url = tmp_path / "runtimes.csv", trusted.url + NAME
    assert f"First use of this image: {SUM} is now in" in flash(table, url)
    assert pins.read(table) == [pins.Pin("ESP32-S3", "1.25.0", url, SUM)]
    before = table.read_bytes()
    assert "no-board" in flash(table, url) and table.read_bytes() == before
    assert "Which of the two is right?" in flash(table, url, "--sha256", "0" * 64)
    (trusted.folder / NAME).write_bytes(runtime(CHIPS["ESP32-S3"], 4 << 20))
    assert "is not what you expect" in flash(table, url) and table.read_bytes() == before
    # From a file of that name as well.
    assert "is not what you expect" in flash(table, trusted.folder / NAME)


def test_without_tls_an_image_is_pinned_only_with_its_sum(server, tmp_path):
    table, url = tmp_path / "runtimes.csv", server.url + NAME
    assert "An address needs --sha256" in flash(table, url) and not table.exists()
    assert "is not what you expect" in flash(table, url, "--sha256", "0" * 64) and not table.exists()
    flash(table, url, "--sha256", SUM)
    assert [one.sha256 for one in pins.read(table)] == [SUM]


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path):
    table = tmp_path / "runtimes.csv"
    pins.add(table, pins.pin("ESP32-S3", NAME, SUM))
    before = table.read_bytes()
    (tmp_path / "runtimes.csv.part").symlink_to("/dev/full")
    with pytest.raises(ToolError, match="cannot be written: No space left on device"):
        pins.add(table, pins.pin("ESP32-C3", "other.bin", "0" * 64))
    assert table.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["runtimes.csv"]
    pins.add(table, pins.pin("ESP32-C3", "other.bin", "0" * 64))
    assert len(pins.read(table)) == 2


text = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(["chip,version,url,sha256", f'ESP32-S3,1.25.0,"a.bin",{SUM}', '"', ",", "\r", "\0", "x"]))
    .map("\n".join)
    .map(str.encode),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text)
def test_any_bytes_are_a_table_or_refused(tmp_path, content):
    table = tmp_path / "table.csv"
    table.write_bytes(content)
    try:
        found = pins.read(table)
    except ToolError as error:
        assert "no table" in str(error) or "cannot be read" in str(error)
    else:
        assert all(len(one.sha256) == 64 and one.chip in CHIPS for one in found)
