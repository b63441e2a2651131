# SPDX-License-Identifier: EUPL-1.2
"""Exports hold what hosts allow on the day they are made, purpose by purpose, and say what was withdrawn."""

import csv
import io
import json
from pathlib import Path

import pytest

from collector.errors import DataError, Refused, SettingError
from collector.export import make
from collector.export.make import export
from collector.export.request import Request
from collector.export.verify import verify
from collector.moments import HOUR
from collector.registry import Registry
from collector.store.sqlite import SqliteStore
from tests.collector.export import city

FIRST, SECOND = city.KITS


@pytest.fixture
def lived_in(tmp_path):
    """The city, with Ada as the host of the first kit and of the second until it moved, half past an hour, to Bob."""
    store = SqliteStore(tmp_path / "data")
    with Registry(f"sqlite:///{tmp_path}/data/registry.sqlite") as registry:
        store.write(city.rows())
        ada, bob = (registry.people.add(name, "").id for name in ("Ada", "Bob"))
        for kit in city.KITS:
            registry.add_device("kit-1", kit)
            registry.start_deployment(kit, city.BEGIN, latitude=52.0907, longitude=5.1214, host=ada)
        registry.start_deployment(SECOND, city.MOVED + HOUR // 2, latitude=52.1, longitude=5.11, host=bob)
        yield store, registry, ada, bob
    store.close()


def rows(folder: Path) -> list[dict[str, str]]:
    return [
        row for path in sorted((folder / "data").glob("*.csv")) for row in csv.DictReader(io.StringIO(path.read_text()))
    ]


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / f"{name}.csv").read_text())))


@pytest.mark.parametrize("every", ["hour", "minute"])
def test_only_what_the_host_of_the_time_allows_is_exported(lived_in, tmp_path, every):
    store, registry, ada, bob = lived_in
    registry.people.decide(ada, "research", True)
    registry.people.decide(bob, "open-data", True)
    asked = {"every": every, "quantities": ("temperature",)}
    with pytest.raises(Refused, match="allows the purpose map"):
        export(store, registry, tmp_path / "map", Request(purpose="map", **asked))
    assert not (tmp_path / "map").exists()

    made = export(store, registry, tmp_path / "research", Request(purpose="research", **asked))
    assert made["left_out"] == (SECOND,)
    found = rows(tmp_path / "research")
    assert {row["source"] for row in found} == {FIRST, SECOND}
    assert max(row["end"] for row in found if row["source"] == SECOND) == "2026-02-04T00:00:00Z"
    assert [(row["device"], row["to"]) for row in table(tmp_path / "research", "devices")] == [
        (FIRST, ""),
        (SECOND, "2026-02-04T00:30:00Z"),
    ]

    export(store, registry, tmp_path / "open", Request(**asked))
    found = rows(tmp_path / "open")
    first = min(row["end"] for row in found)
    assert {row["source"] for row in found} == {SECOND}
    assert "2026-02-04T01:00:00Z" < first <= "2026-02-04T02:00:00Z"  # the hour of the move is nobody's
    for name in ("research", "open"):
        package = json.loads((tmp_path / name / "datapackage.json").read_text())
        assert package["purpose"] == {"research": "research", "open": "open-data"}[name]
        assert not (tmp_path / name / "withdrawn.csv").exists()
        assert not [one for one in verify(tmp_path / name) if one.problem]


def test_both_hosts_allow_it_and_the_hour_of_the_move_is_there(lived_in, tmp_path):
    store, registry, ada, bob = lived_in
    for host in (ada, bob):
        registry.people.decide(host, "research", True)
    made = export(store, registry, tmp_path / "all", Request(purpose="research", quantities=("laeq",), level="raw"))
    assert made["left_out"] == ()
    ends = [row["end"] for row in rows(tmp_path / "all") if row["source"] == SECOND]
    assert "2026-02-04T01:00:00Z" in ends


def test_what_was_withdrawn_is_in_no_later_export_and_is_named(lived_in, tmp_path):
    store, registry, ada, bob = lived_in
    for host in (ada, bob):
        registry.people.decide(host, "open-data", True, moment=city.BEGIN)
    asked = Request(quantities=("temperature",), level="raw", formats=("csv", "jsonl", "parquet", "netcdf"))
    export(store, registry, tmp_path / "before", asked)
    registry.people.decide(ada, "open-data", False, moment=city.MOVED)
    export(store, registry, tmp_path / "after", asked)
    assert {row["source"] for row in rows(tmp_path / "after")} == {SECOND}
    assert table(tmp_path / "after", "withdrawn") == [
        {"device": FIRST, "from": "2026-01-20T00:00:00Z", "to": "", "since": "2026-02-04T00:00:00Z"},
        {
            "device": SECOND,
            "from": "2026-01-20T00:00:00Z",
            "to": "2026-02-04T00:30:00Z",
            "since": "2026-02-04T00:00:00Z",
        },
    ]
    assert "withdrew their consent" in (tmp_path / "after/README.md").read_text()
    assert not [one for one in verify(tmp_path / "after") if one.problem]
    # No file tells what the kit measured, in whatever format, beside the table that says it is gone.
    for path in (tmp_path / "after").rglob("*"):
        if path.is_file() and path.name != "withdrawn.csv":
            assert FIRST.encode() not in path.read_bytes(), path

    registry.people.erase(bob)
    with pytest.raises(Refused):
        export(store, registry, tmp_path / "never", asked)


def test_an_export_that_broke_off_does_not_go_on_over_a_withdrawal(lived_in, tmp_path, monkeypatch):
    store, registry, ada, bob = lived_in
    for host in (ada, bob):
        registry.people.decide(host, "open-data", True)
    asked = Request(quantities=("temperature",), level="raw")
    with monkeypatch.context() as broken:

        def describe(*_):
            raise KeyboardInterrupt

        broken.setattr(make, "describe", describe)
        with pytest.raises(KeyboardInterrupt):
            export(store, registry, tmp_path / "out", asked)
    registry.people.decide(ada, "open-data", False)
    with pytest.raises(SettingError, match=f"{FIRST}, {SECOND}, which may not be exported any more"):
        export(store, registry, tmp_path / "out", asked)


def test_a_purpose_that_is_none_is_refused_before_anything_is_read():
    with pytest.raises(DataError, match="no purpose"):
        Request(purpose="science")
