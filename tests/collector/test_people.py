# SPDX-License-Identifier: EUPL-1.2
"""Hosts, what they allow, and how they are forgotten: the same on SQLite and on a real PostgreSQL."""

import hashlib
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import erasing
from collector.errors import DataError, NothingFound
from collector.permits import ALWAYS, permits
from collector.registry import Registry
from collector.registry.entries import GRIDS, snap
from collector.registry.people import People
from collector.registry.purposes import PURPOSES, TEXT_VERSION, purpose
from collector.settings import Settings
from tests.collector.backups import registry_rows

NOON = 1767261600
END = ALWAYS[0][1]
HOME = {"latitude": 52.0907312, "longitude": 5.1214498}


@pytest.fixture
def registry(url):
    with Registry(url) as registry:
        yield registry


def hosted(registry, device, *hosts, grid="100m"):
    """A kit that moves from host to host, a day each; None is nobody."""
    registry.add_device("kit-1", device)
    for day, host in enumerate(hosts):
        registry.start_deployment(device, NOON + 86400 * day, host=host, grid=grid, **HOME)


def test_a_sentence_that_changes_gets_another_version():
    said = "\n".join(text for one in PURPOSES for text in one).encode()
    assert (TEXT_VERSION, hashlib.sha256(said).hexdigest()[:8]) == ("1", "5c3d769e")


@pytest.mark.parametrize("name", ["", "maps", "forward:", "forward:NAME", "forward:a b", "forward:x/../y", "Map"])
def test_what_is_no_purpose_is_refused(name):
    with pytest.raises(DataError, match="no purpose"):
        purpose(name)


def test_a_purpose_to_forward_names_whom_to():
    assert purpose("forward:sensor-community").nl == "Geef wat mijn kits meten door aan sensor-community."


@pytest.mark.parametrize("email", ["no", "a b@c", "@", "a@b c"])
def test_an_address_that_is_none_is_refused(registry, email):
    with pytest.raises(DataError, match="e-mail"):
        registry.people.add("Ada", email)


def test_a_kit_may_be_used_while_it_hangs_at_hosts_who_allow_it(registry):
    ada, bob = registry.people.add("Ada", ""), registry.people.add("Bob", "")
    registry.people.decide(ada.id, "research", True)
    registry.people.decide(bob.id, "map", True)
    hosted(registry, "kit-aaa", ada.id, bob.id, None, ada.id)
    hosted(registry, "kit-bbb", bob.id)
    hosted(registry, "kit-ccc", None)
    second, third = NOON + 86400, NOON + 2 * 86400
    found = permits(registry, "research")
    assert found.periods("kit-aaa") == ((0, second), (third, END))
    assert (found.periods("kit-bbb"), found.periods("kit-ccc")) == ((), ALWAYS)
    assert found.periods("station:nl10636") == ALWAYS
    assert [found.allows(one) for one in registry.deployments("kit-aaa")] == [True, False, True, True]
    assert found.withdrawn == ()
    assert permits(registry, "map").periods("kit-aaa") == ((second, NOON + 3 * 86400),)
    with pytest.raises(DataError, match="no purpose"):
        permits(registry, "everything")


def test_a_withdrawal_reaches_the_past_and_is_told(registry):
    ada = registry.people.add("Ada", "")
    hosted(registry, "kit-aaa", ada.id, None)
    for moment, answer in ((10, False), (20, True), (30, False), (40, False)):
        registry.people.decide(ada.id, "open-data", answer, moment=moment)
    found = permits(registry, "open-data")
    assert found.periods("kit-aaa") == ((NOON + 86400, END),)
    [one] = found.withdrawn
    assert (one.device, one.start, one.until, one.since) == ("kit-aaa", NOON, NOON + 86400, 30)
    registry.people.decide(ada.id, "open-data", True, moment=50)
    assert permits(registry, "open-data").withdrawn == ()


@given(st.lists(st.sampled_from(["yes", "no", "nobody"]), min_size=1, max_size=6))
def test_every_moment_is_allowed_just_when_its_host_allows_it(tmp_path_factory, answers):
    folder = tmp_path_factory.mktemp("people")
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        hosts = {"nobody": None}
        for answer in ("yes", "no"):
            hosts[answer] = registry.people.add(answer, "").id
            registry.people.decide(hosts[answer], "map", answer == "yes")
        hosted(registry, "kit-aaa", *(hosts[answer] for answer in answers))
        periods = permits(registry, "map").periods("kit-aaa")
    assert all(first[1] < second[0] for first, second in pairwise(periods))
    for day, answer in enumerate(answers):
        moment = NOON + 86400 * day + 43200
        assert any(after < moment <= until for after, until in periods) == (answer != "no")


def test_a_kit_that_hangs_already_gets_a_host_and_keeps_its_calibration(registry):
    ada, bob = registry.people.add("Ada", ""), registry.people.add("Bob", "")
    hosted(registry, "kit-aaa", None)
    registry.put_calibration("f" * 64, b"{}")
    registry.assign("kit-aaa", "pm25", "f" * 64, start=NOON)
    registry.people.attach(ada.id, "kit-aaa")
    registry.people.attach(ada.id, "kit-aaa")
    assert [one.host for one in registry.deployments("kit-aaa")] == [ada.id]
    assert registry.assignments("kit-aaa")[0].until is None
    with pytest.raises(DataError, match=f"hangs at {ada.id}"):
        registry.people.attach(bob.id, "kit-aaa")
    with pytest.raises(NothingFound):
        registry.people.attach("host-nobody", "kit-aaa")
    registry.add_device("kit-1", "kit-bbb")
    with pytest.raises(DataError, match="hangs nowhere"):
        registry.people.attach(bob.id, "kit-bbb")


@pytest.mark.parametrize("grid", GRIDS)
def test_who_is_erased_is_in_no_row_and_the_public_place_stays(registry, url, tmp_path, grid):
    ada = registry.people.add("Zoë Ångström", "zoe@example.org")
    registry.people.decide(ada.id, "map", True)
    hosted(registry, "kit-aaa", ada.id, grid=grid)
    registry.identity.set_password("kit-aaa")
    [before] = registry.deployments()
    known = erasing.traces(registry, ada.id)
    assert "zoe" not in repr(known)
    assert erasing.search(Settings(folder=tmp_path, registry=url), registry, known) != []
    assert erasing.erase(registry, ada.id) == ["kit-aaa"]
    assert erasing.search(Settings(folder=tmp_path, registry=url), registry, known) == []
    [after] = registry.deployments()
    assert after.public_place == before.public_place and after.until is not None
    assert (after.latitude is None) == (grid == "none")
    assert registry.device("kit-aaa").revoked and not registry.identity.has_password("kit-aaa")
    assert not registry.people.consents(ada.id)["map"].given
    assert permits(registry, "map").withdrawn[0].device == "kit-aaa"
    who = registry.people.one(ada.id)
    assert (who.name, who.email, who.erased is None) == ("", "", False)
    rows = str(registry_rows(url))
    assert "Ångström" not in rows and "zoe@" not in rows and "52.0907312" not in rows

    assert erasing.erase(registry, ada.id) == []
    assert registry.people.one(ada.id) == who
    with pytest.raises(DataError, match="erased"):
        registry.people.decide(ada.id, "map", True)
    with pytest.raises(DataError, match="erased"):
        registry.people.attach(ada.id, "kit-aaa")


def test_no_byte_of_a_registrys_file_tells_who_was_erased(tmp_path):
    url = f"sqlite:///{tmp_path}/registry.sqlite"
    settings = Settings(folder=tmp_path)
    with Registry(url) as registry:
        ada = registry.people.add("Ada Lovelace", "Ada@Example.org")
        hosted(registry, "kit-aaa", ada.id, ada.id)
        known = erasing.traces(registry, ada.id)
        assert registry.people.erase(ada.id)  # the rows alone
        left = erasing.search(settings, registry, known)
        assert left and all("registry.sqlite" in one for one in left)
        erasing.erase(registry, ada.id)
        assert erasing.search(settings, registry, known) == []
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"Lovelace" not in content and struct.pack(">d", HOME["latitude"]) not in content


@pytest.mark.parametrize("where", ["text", "big", "little", "edge"])
def test_a_trace_is_found_in_whatever_file_and_at_whatever_place(tmp_path, where):
    with Registry(f"sqlite:///{tmp_path}/registry.sqlite") as registry:
        ada = registry.people.add("Ada Lovelace", "ada@example.org")
        hosted(registry, "kit-aaa", ada.id)
        known = erasing.traces(registry, ada.id)
        erasing.erase(registry, ada.id)
        hidden = {
            "text": b"to: ADA@EXAMPLE.ORG",
            "big": struct.pack(">d", HOME["longitude"]),
            "little": struct.pack("<d", HOME["latitude"]),
            "edge": bytes((1 << 20) - 5) + b"ada@example.org",
        }[where]
        (tmp_path / "archive").mkdir()
        (tmp_path / "archive" / "old.bin").write_bytes(b"\xff\x00" + hidden + b"\x00")
        told = []
        found = erasing.search(Settings(folder=tmp_path), registry, known, lambda done, of: told.append((done, of)))
        assert found == [str(tmp_path / "archive" / "old.bin")]
        assert told[-1][0] == told[-1][1]


def test_a_trace_in_a_table_that_nothing_may_change_is_named(registry, url, tmp_path):
    ada = registry.people.add("Ada Lovelace", "")
    hosted(registry, "kit-aaa", ada.id)
    registry.put_calibration("f" * 64, b"{}")
    registry.assign("kit-aaa", "pm25", "f" * 64, start=NOON, note="asked ada lovelace first")
    known = erasing.traces(registry, ada.id)
    erasing.erase(registry, ada.id)
    assert "the registry's table assignment" in erasing.search(Settings(folder=tmp_path, registry=url), registry, known)


@given(
    st.floats(-89.9, 89.9),
    st.floats(-180, 180, exclude_max=True),
    st.sampled_from([one for one in GRIDS if GRIDS[one]]),
)
def test_what_is_public_of_a_public_place_is_that_place(latitude, longitude, grid):
    shown = snap(latitude, longitude, grid)
    assert snap(*shown, grid) == shown


def test_decisions_are_dated_by_the_clock(registry):
    people = People(registry, clock=lambda: 1234.9)
    ada = people.add("", "")
    people.decide(ada.id, "map", True)
    assert (ada.created, people.consents(ada.id)["map"].moment) == (1234, 1234)
