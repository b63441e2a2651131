# SPDX-License-Identifier: EUPL-1.2
"""Fixtures that several folders of tests share, and hypothesis' profile."""

import os

import pytest
from hypothesis import settings

from tests import parts

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def influx_server():
    """A real InfluxDB, one for all tests of a worker."""
    with parts.influxd() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url():
    """A real PostgreSQL's SQLAlchemy URL, one for all tests of a worker."""
    with parts.postgres() as url:
        yield url


@pytest.fixture
def mosquitto():
    """A real mosquitto of the test's own."""
    with parts.mosquitto() as server:
        yield server
