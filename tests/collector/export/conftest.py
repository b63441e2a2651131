# SPDX-License-Identifier: EUPL-1.2
"""The small city in both stores, made once."""

import pytest

from collector.registry import Registry
from collector.store.influx import InfluxStore
from collector.store.sqlite import SqliteStore
from tests.collector.export import city


@pytest.fixture(scope="session")
def embedded(tmp_path_factory):
    """A folder as `citimeasure run` leaves it."""
    folder = tmp_path_factory.mktemp("city")
    store = SqliteStore(folder)
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        city.fill(store, registry)
    store.close()
    return folder


@pytest.fixture
def registry(embedded):
    with Registry(f"sqlite:///{embedded}/registry.sqlite") as registry:
        yield registry


@pytest.fixture
def store(embedded):
    store = SqliteStore(embedded)
    yield store
    store.close()


@pytest.fixture(scope="session")
def influx(influx_server):
    """The same values in a real InfluxDB."""
    bucket = influx_server.new_bucket("export")
    store = InfluxStore(influx_server.url, influx_server.org, bucket, influx_server.token)
    store.write(city.rows())
    store.bucket = bucket
    yield store
    store.close()
