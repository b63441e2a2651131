# SPDX-License-Identifier: EUPL-1.2
"""The registry, the same on SQLite and on a real PostgreSQL."""

import multiprocessing
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import DataError, NetworkError, NothingFound, SettingError
from collector.registry import Registry, schema
from collector.registry.entries import GRIDS, snap
from tests import parts

NOON = 1767261600


@pytest.fixture
def registry(url):
    with Registry(url) as registry:
        yield registry


def test_migrations_make_the_tables_that_the_code_knows(registry):
    with registry._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def _open(url):
    Registry(url).close()


def test_several_programs_may_open_a_new_registry_at_once(url):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_open, args=(url,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_a_registry_that_is_up_to_date_opens_without_alembic(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    Registry(url).close()
    code = f"import sys, collector.registry as r; r.Registry({url!r}).close(); print('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_registry_of_a_newer_program_is_left_alone(registry, url):
    with registry._engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingError, match="9999"):
        Registry(url)


def test_devices(registry):
    made = registry.add_device("kit-1")
    assert registry.device(made.id) == made
    assert made.id.startswith("kit-") and len(made.id) == 12 and not made.simulated
    named = registry.add_device("kit-1", "kit-in-oslo", simulated=True)
    assert set(registry.devices()) == {made, named}
    assert registry.known_devices() == {made.id, "kit-in-oslo"}
    with pytest.raises(DataError, match="there already"):
        registry.add_device("kit-1", "kit-in-oslo")
    with pytest.raises(DataError, match="cannot be an id"):
        registry.add_device("kit-1", "AA:BB:CC:DD:EE:FF")
    with pytest.raises(NothingFound, match="kit-none"):
        registry.device("kit-none")


def test_a_deployment_ends_the_one_before(registry):
    registry.add_device("kit-1", "kit-aaa")
    registry.start_deployment("kit-aaa", NOON, latitude=52.09, longitude=5.12, height=2.5, environment="traffic")
    registry.start_deployment("kit-aaa", NOON + 100, exposure="indoor", grid="1km")
    first, second = registry.deployments("kit-aaa")
    assert (first.start, first.until, first.height, first.environment) == (NOON, NOON + 100, 2.5, "traffic")
    assert (second.start, second.until, second.exposure, second.public_place) == (NOON + 100, None, "indoor", None)
    with pytest.raises(DataError, match="begins at"):
        registry.start_deployment("kit-aaa", NOON + 50)


@pytest.mark.parametrize(
    "wrong",
    [{"latitude": 1.0}, {"latitude": 99.0, "longitude": 5.0}, {"grid": "1m"}, {"exposure": "x"}, {"environment": "x"}],
)
def test_a_deployment_that_cannot_be_is_refused(registry, wrong):
    registry.add_device("kit-1", "kit-aaa")
    with pytest.raises(DataError):
        registry.start_deployment("kit-aaa", NOON, **wrong)
    assert registry.deployments() == []


def test_consents_are_only_added_and_the_latest_holds(registry):
    host = registry.people.add("Ada", "ada@example.org")
    registry.people.decide(host.id, "map", True, text_version="1")
    registry.people.decide(host.id, "research", True, text_version="1")
    registry.people.decide(host.id, "map", False, text_version="2", moment=NOON)
    assert {purpose: one.given for purpose, one in registry.people.consents(host.id).items()} == {
        "map": False,
        "research": True,
    }
    assert registry.people.consents(host.id)["map"].moment == NOON
    with pytest.raises(NothingFound, match="host-nobody"):
        registry.people.decide("host-nobody", "map", True, text_version="1")
    with pytest.raises(DataError, match="no purpose"):
        registry.people.decide(host.id, "opendata", True)


def fill(registry):
    registry.add_device("kit-1", "kit-aaa")
    host = registry.people.add("Ada", "ada@example.org")
    registry.people.decide(host.id, "map", True, text_version="1")
    registry.put_calibration("f" * 64, b"{}")
    registry.assign("kit-aaa", "pm25", "f" * 64, start=NOON)


@pytest.mark.parametrize("table", schema.APPEND_ONLY)
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {}"])
def test_the_database_itself_refuses_changes(registry, table, change):
    fill(registry)
    column = "created = 0" if table != "consent" else "given = given"
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), registry._engine.begin() as connection:
        connection.execute(sa.text(change.format(table, column)))


def test_calibrations_are_found_by_the_beginning_of_their_id(registry):
    registry.put_calibration("abcd" + "0" * 60, b"first")
    registry.put_calibration("abce" + "0" * 60, b"second")
    registry.put_calibration("abcd" + "0" * 60, b"first")
    assert registry.calibration("abcd") == b"first"
    for wrong in ("abc", "ffff", "ab%d"):
        with pytest.raises(NothingFound):
            registry.calibration(wrong)


def test_assignments_as_of_a_moment_are_those_made_by_then(registry):
    registry.add_device("kit-1", "kit-aaa")
    for n, record in enumerate("ab"):
        registry.put_calibration(record * 64, b"{}")
        registry.assign("kit-aaa", "pm25", record * 64, start=NOON, created=NOON + 1000 * (n + 1))
    assert [one.record[0] for one in registry.assignments("kit-aaa", "pm25")] == ["a", "b"]
    assert [one.record[0] for one in registry.assignments("kit-aaa", "pm25", as_of=NOON + 1999)] == ["a"]
    assert registry.assignments("kit-aaa", "pm25", as_of=NOON) == []
    assert registry.assignments("kit-aaa", "no2") == []


def test_moving_a_kit_ends_its_calibration(registry):
    fill(registry)
    registry.start_deployment("kit-aaa", NOON - 500)
    assert [one.until for one in registry.assignments("kit-aaa")] == [None]
    registry.start_deployment("kit-aaa", NOON + 500)
    assert [one.until for one in registry.assignments("kit-aaa")] == [NOON + 500]
    assert [one.until for one in registry.assignments("kit-aaa", as_of=2**40)] == [NOON + 500]


def test_stations(registry):
    made = registry.add_station("nl10636", "Utrecht", network="lml", type="traffic", latitude=52.1, longitude=5.1)
    assert registry.stations() == [made] and registry.station("nl10636") == made
    assert made.source == "station:nl10636"
    with pytest.raises(NothingFound):
        registry.station("nl99999")


def test_a_project_can_hold_deployments(registry):
    registry.add_project("hollandse-luchten", "Hollandse Luchten")
    registry.add_device("kit-1", "kit-aaa")
    registry.start_deployment("kit-aaa", NOON, project="hollandse-luchten")
    assert registry.deployments()[0].project == "hollandse-luchten"


def test_what_is_wrong_with_the_database_is_said_in_a_sentence(tmp_path):
    with pytest.raises(SettingError, match="no database URL"):
        Registry("mongo://here")
    with pytest.raises(SettingError, match=r"none/r\.sqlite cannot be used"):
        Registry(f"sqlite:///{tmp_path}/none/r.sqlite")
    (tmp_path / "letter").write_text("Dear aunt, this is no database. " * 100)
    with pytest.raises(SettingError, match="letter cannot be used"):
        Registry(f"sqlite:///{tmp_path}/letter")
    with pytest.raises(NetworkError, match="does not answer") as away:
        Registry(f"postgresql+psycopg://me:secret@127.0.0.1:{parts.free_port()}/x")
    assert "secret" not in str(away.value)


@given(st.floats(-89, 89), st.floats(-179, 179), st.sampled_from(["100m", "1km"]))
def test_a_snapped_place_is_near_and_stays_where_it_is(latitude, longitude, grid):
    lat, lon = snap(latitude, longitude, grid)
    assert abs(lat - latitude) <= GRIDS[grid] * 0.51
    again = snap(lat, lon, grid)
    assert again == pytest.approx((lat, lon), abs=2e-5)


def test_reading_waits_for_no_writer(tmp_path):
    url = f"sqlite:///{tmp_path / 'registry.sqlite'}"
    with Registry(url) as writer, Registry(url) as reader:
        with writer.writing("a test") as connection:
            connection.execute(schema.device.insert().values(id="kit-aaa", model="m", simulated=False, created=0))
            assert reader.known_devices() == frozenset()
        assert reader.known_devices() == {"kit-aaa"}


def test_what_does_not_fit_is_said(registry):
    registry.add_device("kit-1", "kit-aaa")
    with pytest.raises(DataError, match="names what is not"):
        registry.start_deployment("kit-aaa", NOON, host="host-nobody")
    with pytest.raises(DataError, match="no time zone"):
        registry.start_deployment("kit-aaa", NOON, zone="Mars/Olympus")
    registry.put_calibration("a" * 64, b"one")
    with pytest.raises(DataError, match="another calibration"):
        registry.put_calibration("a" * 64, b"two")
