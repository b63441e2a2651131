# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure doctor`: a real part broken for each finding, and none of them changes anything."""

import time
from dataclasses import replace

import pytest

from collector import certificates
from collector.doctor import examine
from collector.ingest.spool import Spool
from collector.registry import Registry
from collector.settings import Settings
from tests import parts
from tests.journeys.collecting import Collector


def findings(settings):
    return {one.what: one for one in examine(settings)}


def healthy(tmp_path):
    """A folder with all its parts, and settings for it."""
    settings = Settings(folder=tmp_path / "data")
    settings.folder.mkdir(parents=True)
    with Registry(settings.registry_url) as registry:
        registry.add_device("kit-1", "kit-aaaaaa")
    Spool(settings.folder, writer=True).close()
    return settings


def wrong(settings):
    """What has to be mended, each with what to do."""
    found = {one.what: one for one in examine(settings) if one.good is False}
    assert all(one.hint for one in found.values()), found
    return {what: one.text for what, one in found.items()}


def test_a_folder_in_order_and_one_that_is_not_there(tmp_path):
    settings = healthy(tmp_path)
    before = {path.name for path in settings.folder.iterdir()}
    found = findings(settings)
    assert wrong(settings) == {}
    assert "no collector runs on it now" in found["folder"].text and found["registry"].text == "1 devices"
    assert {path.name for path in settings.folder.iterdir()} == before
    nowhere = Settings(folder=tmp_path / "none")
    assert wrong(nowhere) == {} and not nowhere.folder.exists()


def test_a_collector_that_runs_is_not_disturbed(tmp_path):
    port = parts.free_port()
    with Collector(tmp_path / "data", "--listen", f"127.0.0.1:{port}", CITIMEASURE_BROKER_ANONYMOUS="no") as collector:
        outside = Settings(folder=tmp_path / "data", broker=f"mqtt://127.0.0.1:{port}", broker_username="collector")
        right = replace(outside, broker_password_file=str(tmp_path / "data/broker-password"))
        found = findings(right)
        assert found["broker"].good and "lets the collector in" in found["broker"].text
        assert "a collector runs on it" in found["folder"].text
        told = wrong(replace(outside, broker_password="guessed"))
        assert list(told) == ["broker"] and "refuses the collector" in told["broker"]
        assert collector.process.poll() is None and "connection lost" not in collector.log.read_text()


def test_a_broker_that_is_away(tmp_path):
    nobody = parts.free_port()
    told = wrong(replace(healthy(tmp_path), broker=f"mqtt://127.0.0.1:{nobody}"))
    assert list(told) == ["broker"] and f"127.0.0.1:{nobody} does not answer" in told["broker"]


@pytest.fixture
def certs(tmp_path, monkeypatch):
    def make(days=397):
        monkeypatch.setattr(certificates, "SERVER_DAYS", days)
        folder = tmp_path / f"certs-{days}"
        certificates.make(folder, ["127.0.0.1"])
        return folder

    return make


def listening(folder):
    return [f"certfile {folder}/server.crt", f"keyfile {folder}/server.key"]


def test_a_broker_with_a_certificate_that_ends_or_is_not_ours(tmp_path, certs):
    settings = healthy(tmp_path)
    good, soon = certs(), certs(5)
    with parts.mosquitto(listening(good)) as broker:
        trusted = replace(settings, broker=f"mqtts://127.0.0.1:{broker.port}", broker_root=str(good / "root.crt"))
        assert "certificate is good for 39" in findings(trusted)["broker"].text and wrong(trusted) == {}
        told = wrong(replace(trusted, broker_root=str(soon / "root.crt")))
        assert "is not to be trusted" in told["broker"]
        assert "cannot be read" in wrong(replace(trusted, broker_root=str(tmp_path / "none.crt")))["broker"]
    with parts.mosquitto(listening(soon)) as broker:
        ending = replace(settings, broker=f"mqtts://127.0.0.1:{broker.port}", broker_root=str(soon / "root.crt"))
        assert "good for 5 days only" in wrong(ending)["broker"]


def test_a_certificate_of_our_own_that_ends_or_has_another_key(tmp_path, certs):
    settings = replace(healthy(tmp_path), http_listen="127.0.0.1:8443")
    good, soon = certs(), certs(5)

    def shows(certificate, key):
        return replace(settings, http_certificate=str(certificate), http_key=str(key))

    assert wrong(shows(good / "server.crt", good / "server.key")) == {}
    assert "good for 5 days only" in wrong(shows(soon / "server.crt", soon / "server.key"))["http"]
    assert "http" in wrong(shows(good / "server.crt", soon / "server.key"))
    assert "http" in wrong(shows(tmp_path / "none.crt", good / "server.key"))


def test_secrets_that_others_may_read(tmp_path):
    settings = healthy(tmp_path)
    secret = tmp_path / "token"
    secret.write_text("hush")
    secret.chmod(0o640)
    told = wrong(replace(settings, influx_token_file=str(secret)))
    assert told == {"secrets": f"others may read {secret}"} and "hush" not in str(told)
    secret.chmod(0o600)
    assert wrong(replace(settings, influx_token_file=str(secret))) == {}
    assert "No such file" in wrong(replace(settings, influx_token_file=str(tmp_path / "none")))["secrets"]


def test_a_disk_with_too_little_room(tmp_path):
    told = wrong(replace(healthy(tmp_path), free_mb=10**9))
    assert list(told) == ["disk"] and told["disk"].endswith("MB free")


def test_a_spool_that_is_damaged(tmp_path):
    settings = healthy(tmp_path)
    path = settings.folder / "spool.sqlite"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
    assert "damaged" in wrong(settings)["spool"]


def test_a_clock_that_is_behind_what_has_come(tmp_path):
    settings = healthy(tmp_path)
    spool = Spool(settings.folder, writer=True)
    ahead = int(1000 * (time.time() + 86_400))
    spool.db.execute("INSERT INTO message (device, received, payload) VALUES ('kit-aaaaaa', ?, x'00')", (ahead,))
    spool.db.commit()
    spool.close()
    assert "before the last message came" in wrong(settings)["clock"]


def test_clocks_of_other_machines_are_asked(tmp_path, influx_server, postgres_url, monkeypatch):
    settings = replace(
        healthy(tmp_path), stores=("sqlite", "influx"), influx_url=influx_server.url, influx_token=influx_server.token,
        registry=postgres_url,
    )  # fmt: skip
    assert findings(settings)["clock"].good
    monkeypatch.setattr("collector.doctor.time.time", lambda real=time.time: real() + 600)
    assert "the clock of InfluxDB says -600 s" in wrong(settings)["clock"]
    assert "the clock of the registry's database says -600 s" in wrong(replace(settings, stores=("sqlite",)))["clock"]


def test_stores_and_registries_that_are_away_or_say_no(tmp_path, influx_server):
    settings = replace(healthy(tmp_path), stores=("influx",), influx_url=influx_server.url)
    assert "store" in wrong(replace(settings, influx_token="guessed"))
    told = wrong(replace(settings, influx_url=f"http://127.0.0.1:{parts.free_port()}", influx_token="x"))
    assert "store" in told and "clock" not in told
    away = replace(healthy(tmp_path / "b"), registry=f"postgresql+psycopg://nobody@127.0.0.1:{parts.free_port()}/none")
    assert list(wrong(away)) == ["registry"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert "folder" in wrong(Settings(folder=tmp_path / "file"))


def test_the_command_ends_with_one_and_gives_json(tmp_path):
    from tests.collector.test_cli import citimeasure

    bad = citimeasure("doctor", "--folder", tmp_path, "-o", "json", ok=False, CITIMEASURE_FREE_MB="1000000000")
    assert bad.returncode == 1 and '"what": "disk"' in bad.stdout
