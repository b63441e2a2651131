# SPDX-License-Identifier: EUPL-1.2
"""What a host can do: allow, take back, be forgotten; and afterwards nothing anywhere tells who or where it was."""

import struct
import subprocess

import paho.mqtt.client as paho

from collector.message import readings_topic
from tests import parts
from tests.collector.httpcity import message
from tests.journeys.collecting import CITIMEASURE, Collector, citimeasure, environment, wait_until

KIT = "kit-of-ada"
NAME, EMAIL, HOME = "Ada Lovelace-Byron", "ada.lovelace@example.org", (52.0907318, 5.1214493)


def send(port):
    """Three minutes of a kit, acknowledged by the broker."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=KIT)
    client.connect("127.0.0.1", port)
    client.loop_start()
    wait_until(client.is_connected)
    client.publish(readings_topic(KIT), message(1, 2, 3), qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def host_of(folder):
    """`citimeasure host add` as somebody types it."""
    done = subprocess.run(
        [*CITIMEASURE, "host", "add", "--folder", str(folder)],
        input=f"{NAME}\n{EMAIL}\n", capture_output=True, text=True, env=environment(), timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_host_allows_takes_back_and_is_forgotten(tmp_path):
    folder = tmp_path / "data"
    host = host_of(folder)
    where = ("--place", *HOME, "--grid", "1km", "--host", host, "--from", "2026-01-01")
    citimeasure("device", "add", "--folder", folder, "--id", KIT, *where)
    port = parts.free_port()
    with Collector(folder, "--listen", f"127.0.0.1:{port}") as collector:
        send(port)
        collector.wait_until_stored()

        assert "open-data" in citimeasure("consent", "texts").stdout
        refused = citimeasure("export", tmp_path / "no", "--folder", folder, "--level", "raw", ok=False)
        assert refused.returncode == 7 and "allows the purpose open-data" in refused.stderr
        citimeasure("consent", "grant", host, "open-data", "research", "--folder", folder)
        citimeasure("export", tmp_path / "open", "--folder", folder, "--level", "raw")
        citimeasure("consent", "withdraw", host, "open-data", "--folder", folder)
        assert citimeasure("export", tmp_path / "no", "--folder", folder, "--level", "raw", ok=False).returncode == 7
        told = citimeasure("host", "list", "--folder", folder).stdout
        assert "research" in told and "open-data" not in told and NAME not in told

        # The collector runs on while its host is forgotten.
        mine = citimeasure("host", "show", host, "--folder", folder, "-o", "json").stdout
        assert EMAIL in mine and str(HOME[0]) in mine
        done = citimeasure("host", "erase", host, "--yes", "--folder", folder)
        assert f"{KIT} is locked out" in done.stderr
    for path in [*folder.rglob("*"), collector.log, *(tmp_path / "open").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            for trace in (NAME, EMAIL, *map(str, HOME)):
                assert trace.encode() not in content, (path, trace)
            for degrees in HOME:
                assert struct.pack(">d", degrees) not in content, path
    refused = citimeasure("export", tmp_path / "no", "--folder", folder, "--for", "research", ok=False)
    assert refused.returncode == 7
    shown = citimeasure("host", "show", host, "--folder", folder).stdout
    assert host in shown and EMAIL not in shown
