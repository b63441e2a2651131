# SPDX-License-Identifier: EUPL-1.2
"""Fixtures of this folder."""

import uuid

import pytest
import sqlalchemy as sa

from collector.backup.make import make
from tests.collector.backups import fill


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "reference.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A filled folder, its settings file elsewhere, and a backup of it."""
    home = tmp_path_factory.mktemp("kept")
    settings = fill(home / "data")
    config = home / "city.toml"
    config.write_text('stores = ["sqlite"]\n')
    return settings, make(settings, config, home / "backup.tar.gz")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'registry.sqlite'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.rsplit("/", 1)[0] + f"/{name}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
