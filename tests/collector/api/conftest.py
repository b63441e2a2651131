# SPDX-License-Identifier: EUPL-1.2
"""The small city behind `citimeasure serve`, once on each store, asked over real sockets."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from collector.registry import Registry
from collector.store.influx import InfluxStore
from collector.store.sqlite import SqliteStore
from tests import parts
from tests.collector.export import city
from tests.journeys.collecting import CITIMEASURE, environment

EXACT = ("52.0907", "5.1214")  # the kits' place, which nobody may see


def served(folder: Path, *args: str, **env: str) -> parts.Server:
    """`citimeasure serve` on a folder, as a process; kill it in the end."""
    port = parts.free_port()
    command = [*CITIMEASURE, "serve", "--folder", str(folder), "--listen", f"127.0.0.1:{port}", *args]
    return parts.Server(command, port, folder.parent / f"serve-{port}.log", env=environment(**env))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder as `citimeasure run` leaves it."""
    folder = tmp_path_factory.mktemp("served") / "city"
    store = SqliteStore(folder)
    with Registry(f"sqlite:///{folder}/registry.sqlite") as registry:
        city.fill(store, registry)
        registry.add_project("lombok", "Air in Lombok")
        latitude, longitude = map(float, EXACT)
        registry.start_deployment(
            city.KITS[0], city.MOVED, latitude=latitude, longitude=longitude, project="lombok", grid="1km"
        )
    store.close()
    return folder


@pytest.fixture(scope="session", params=["sqlite", "influx"])
def api(request, folder):
    """A client of the running server."""
    env = {}
    if request.param == "influx":
        server = request.getfixturevalue("influx_server")
        bucket = server.new_bucket("api")
        store = InfluxStore(server.url, server.org, bucket, server.token)
        store.write(city.rows())
        store.close()
        env = {
            "CITIMEASURE_INFLUX_URL": server.url,
            "CITIMEASURE_INFLUX_ORG": server.org,
            "CITIMEASURE_INFLUX_BUCKET": bucket,
            "CITIMEASURE_INFLUX_TOKEN": server.token,
        }
    process = served(folder, "--stores", request.param, **env)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}/v1/", timeout=30) as client:
            yield client
    finally:
        process.kill()


@pytest.fixture(scope="session")
def embedded_api(folder):
    """A client of a server on the embedded store."""
    process = served(folder)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}/v1/", timeout=30) as client:
            yield client
    finally:
        process.kill()
