# SPDX-License-Identifier: EUPL-1.2
"""Releases from a real HTTPS server, good and bad: the kit's own TLS, orders and statuses over a real mosquitto.

Whatever the server does, the kit runs on, says what was wrong in a code, and takes the release when all is well again.
"""

from __future__ import annotations

import datetime
import ssl
import time

import pytest
import trustme

from collector import certificates
from collector.fleet import Fleet, order
from collector.registry import Registry
from collector.settings import Settings
from tests.fakes.web import web
from tests.firmware.ota import kits
from tests.firmware.ota.test_fleet_journey import ended, on
from tests.journeys.collecting import Collector, citimeasure, wait_until

ROOMY = "2m"  # it downloads while it measures
SPEED = 20


@pytest.fixture(scope="module")
def server_certificates(tmp_path_factory):
    """(contexts of servers by what is wrong with them, the roots that kits have)."""
    folder = tmp_path_factory.mktemp("certificates")
    certificates.make(folder, ["localhost"])
    city, stranger = trustme.CA(), trustme.CA()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    issued = {
        "stranger": stranger.issue_cert("localhost"),
        "expired": city.issue_cert("localhost", not_before=yesterday.replace(year=2025), not_after=yesterday),
        "other name": city.issue_cert("elsewhere.example"),
    }
    contexts = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for name in ("good", *issued)}
    contexts["good"].load_cert_chain(folder / certificates.SERVER, folder / certificates.SERVER_KEY)
    for name, one in issued.items():
        one.configure_cert(contexts[name])
    return contexts, [(folder / certificates.ROOT).read_bytes(), city.cert_pem.bytes()]


def kit_with_roots(folder, roots, broker):
    kit = kits.Kit(folder, host=broker.host, port=broker.port, interval=10)
    (kit.flash / "cfg/roots").mkdir()
    for n, root in enumerate(roots):
        (kit.flash / f"cfg/roots/root{n}.pem").write_bytes(root)
    return kit


def say(settings, version, url):
    """Orders a version."""
    with Fleet(settings) as fleet:
        fleet.publish({kits.DEVICE: order(version, url, 100, time.time_ns())})


def hears(settings, state, version, reason):
    """Waits until the kit has told that, with its old version running and its line up."""
    last = []

    def told():
        with Fleet(settings) as fleet:
            last[:] = [fleet.statuses().get(kits.DEVICE)]
        one = last[0]
        return one and (one.update, one.version) == (state, version) and one.reason.startswith(reason)

    try:
        wait_until(told, 90, f"{state} {version} {reason}")
    except AssertionError as error:
        raise AssertionError(last) from error
    assert last[0].online and last[0].fw == "0.1.0"


@pytest.mark.timeout(300)
def test_a_server_is_believed_only_with_the_right_certificate(tmp_path, mosquitto, server_certificates):
    contexts, roots = server_certificates
    folder = tmp_path / "data"
    folder.mkdir()
    settings = Settings(folder=folder, broker=mosquitto.url)
    with Registry(settings.registry_url) as registry:
        registry.add_device("kit-1", kits.DEVICE)
    kits.release(tmp_path, "0.2.0")
    kit = kit_with_roots(tmp_path, roots, mosquitto)
    with web(tmp_path) as server, Collector(folder, "--broker", mosquitto.url):
        server.certificate = contexts["good"]
        url = f"{server.url}release-0.2.0/"
        with on(kit, "power", 7200, ROOMY, SPEED) as process:
            for version, certificate, fault, reason in (
                ("0.1.1", "stranger", "", "certificate: The certificate is not correctly signed by the trusted CA"),
                ("0.1.2", "expired", "", "certificate: The certificate validity has expired"),
                ("0.1.3", "other name", "", "certificate: The certificate Common Name (CN) does not match"),
                ("0.1.4", "good", "silent", "no_answer"),
                ("0.2.0", "good", "hang", "no_answer"),
            ):
                server.certificate, server.fault = contexts[certificate], fault
                say(settings, version, url)
                hears(settings, "pending", version, reason)
                assert not server.asked, "a kit that does not trust a server has asked it for something"
            # The order waits at the kit; when the server is what it should be, all goes well.
            server.fault = ""
            ended(process)
        assert kit.slot["phase"] == "trial" and ("files.bin", 0, 200) in server.asked
        with on(kit, "reset", 3600, ROOMY, SPEED) as process:

            def confirmed():
                assert process.poll() is None, process.stdout.read()
                return (
                    '"confirmed"'
                    in citimeasure(
                        "fleet", "status", "--folder", folder, "--broker", mosquitto.url, "-o", "json"
                    ).stdout
                )

            wait_until(confirmed, 90, "the confirmation")
    assert kit.slot["floor"] == "0.2.0"


@pytest.mark.timeout(300)
def test_a_server_that_serves_badly_changes_nothing_and_the_next_try_goes_on(tmp_path, mosquitto, server_certificates):
    contexts, roots = server_certificates
    settings = Settings(folder=tmp_path, broker=mosquitto.url)
    kits.release(tmp_path, "0.2.0")
    kit = kit_with_roots(tmp_path, roots, mosquitto)
    with web(tmp_path) as server, on(kit, "power", 7200, ROOMY, SPEED) as process:
        server.certificate = contexts["good"]
        url = f"{server.url}release-0.2.0/"
        for n, (fault, state, reason) in enumerate(
            [
                ("302", "refused", "http: 302 for manifest.sig"),
                ("404", "refused", "http: 404 for manifest.sig"),
                ("500", "pending", "http: 500 for manifest.sig"),
                ("no length", "refused", "no_length: manifest.sig"),
                ("long", "refused", "too_long: manifest.sig"),
                ("cut", "pending", "cut_off"),
            ]
        ):
            server.fault = fault
            say(settings, f"0.1.{n + 1}", url)
            hears(settings, state, f"0.1.{n + 1}", reason)
        files = tmp_path / "release-0.2.0/files.bin"
        whole = files.read_bytes()
        files.write_bytes(whole[: len(whole) // 2])  # on the server already
        server.fault = ""
        say(settings, "0.2.0", url)
        hears(settings, "refused", "0.2.0", "cut_short: files.bin")
        assert "a" not in [path.name for path in kit.flash.iterdir() if (path / "manifest.jsonl").exists()]
        files.write_bytes(whole)
        say(settings, "0.2.0", url)
        ended(process)
        # It went on behind what the first try had left whole.
        assert server.asked[-1][0] == "files.bin" and server.asked[-1][1] > len(whole) // 4
    assert kit.slot["phase"] == "trial" and kit.slot["version"] == "0.2.0"
