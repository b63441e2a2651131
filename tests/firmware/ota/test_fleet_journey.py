# SPDX-License-Identifier: EUPL-1.2
"""The whole way of an update: a signed release on a real web server with TLS, an order over a real mosquitto, a kit on
the real MicroPython with 80 kB of heap, and the real collector, whose acknowledgement confirms the new version."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess

import pytest

from collector import certificates
from collector.registry import Registry
from collector.settings import Settings
from tests.fakes.web import web
from tests.firmware import board
from tests.firmware.ota import kits
from tests.journeys.collecting import Collector, citimeasure, wait_until

SIMULATION = 21  # kB of heap; the kit itself measures it


@contextlib.contextmanager
def on(kit, cause, ago, heap=f"{80 + SIMULATION}k", speed=10):
    """The kit as a process on real sockets, some times as fast, in 80 kB and what the simulation takes."""
    path = kit.options(36000, speed=speed, ago=ago, cause=cause)
    command = board.start_command("boot_kit", path, heap=heap)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=board.environment()
    )
    try:
        yield process
    finally:
        process.kill()
        print(process.communicate()[0])


def ended(process):
    """The kit starts itself again."""
    out, _ = process.communicate(timeout=60)
    told = json.loads(out.splitlines()[-1])
    assert told["end"] == "reset" and "Traceback" not in out, out
    assert told["simulation"] >= SIMULATION * 1000


@pytest.mark.timeout(200)
def test_an_order_reaches_a_kit_which_confirms_it(tmp_path, mosquitto):
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_device("kit-1", kits.DEVICE)
        registry.add_device("kit-1", "kit-that-is-off")
    kits.release(tmp_path, "0.2.0")
    kit = kits.Kit(tmp_path, host=mosquitto.host, port=mosquitto.port, interval=10)
    options = ("--folder", folder, "--broker", mosquitto.url)
    root = tmp_path / "certs" / certificates.ROOT
    certificates.make(root.parent, ["localhost"])
    (kit.flash / "cfg/roots").mkdir()
    (kit.flash / "cfg/roots/root.crt").write_bytes(root.read_bytes())

    def seen():
        told = json.loads(citimeasure("fleet", "status", *options, "-o", "json").stdout)
        return {row["device"]: row for row in told}

    with web(tmp_path) as server, Collector(folder, "--broker", mosquitto.url):
        server.certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.certificate.load_cert_chain(root.parent / certificates.SERVER, root.parent / certificates.SERVER_KEY)
        with on(kit, "power", 7200) as process:
            wait_until(lambda: seen()[kits.DEVICE]["online"], 30, "the kit's first word")
            assert seen()[kits.DEVICE]["version"] == "0.1.0" and seen()["kit-that-is-off"]["online"] is None
            order = ("fleet", "update", f"{server.url}release-0.2.0/", "--keys", kits.keys(), *options)
            dry = citimeasure(*order, "--percent", 100, "--dry-run", SSL_CERT_FILE=str(root))
            assert "Would order version 0.2.0 for 2 of 2 kits" in dry.stderr
            citimeasure(*order, "--yes", SSL_CERT_FILE=str(root))
            ended(process)
        # A board with so little memory downloads before it measures.
        assert seen()[kits.DEVICE]["version"] == "0.1.0" and "update.json" in os.listdir(kit.flash)
        with on(kit, "reset", 5400) as process:
            ended(process)
        assert kit.slot["phase"] == "trial"
        with on(kit, "reset", 3600) as process:

            def confirmed():
                assert process.poll() is None, process.stdout.read()
                row = seen()[kits.DEVICE]
                return row["version"] == "0.2.0" and row["update"] == "confirmed"

            wait_until(confirmed, 60, "the confirmation")
    assert kit.slot["active"] == "/a" and kit.slot["floor"] == "0.2.0"


def test_what_no_kit_would_take_is_not_ordered(tmp_path, mosquitto):
    folder = tmp_path / "data"
    folder.mkdir()
    with Registry(Settings(folder=folder).registry_url) as registry:
        registry.add_device("kit-1", kits.DEVICE)
    release = kits.small_release(tmp_path, "0.2.0")
    options = ("--keys", kits.keys(), "--folder", folder, "--broker", mosquitto.url, "--yes")

    def refusal(address, *more):
        done = citimeasure("fleet", "update", address, *options, *more, ok=False)
        assert done.returncode
        return done.returncode, done.stderr

    with web(tmp_path) as server:
        url = server.url
        assert refusal(f"{url}nothing/")[0] == 6
        assert refusal("kits.example.org")[0] == 2
        assert refusal(f"{url}{release.name}", "--device", "kit-unknown")[0] == 4
        whole = (release / "files.bin").read_bytes()
        (release / "files.bin").write_bytes(whole[:-1])
        assert "cut short" in refusal(f"{url}{release.name}")[1]
        (release / "files.bin").write_bytes(whole)
        manifest = (release / "manifest.jsonl").read_bytes()
        (release / "manifest.jsonl").write_bytes(manifest.replace(b"0.2.0", b"0.2.1"))
        assert "None of the keys" in refusal(f"{url}{release.name}")[1]
        (release / "manifest.jsonl").write_bytes(manifest)
        assert citimeasure("fleet", "update", f"{url}{release.name}", *options).returncode == 0
        assert citimeasure("fleet", "withdraw", *options[2:]).returncode == 0
