# SPDX-License-Identifier: EUPL-1.2
"""The browsers' own Improv SDK sets up the twin, over its serial port."""

import json
import subprocess
from pathlib import Path

from tests import parts
from tests.firmware.twins import RunningTwin

SHIM = Path(__file__).parent / "improv_sdk.mjs"


def steps(twin, *wanted):
    node, folder = parts.improv_sdk()
    command = [node, str(SHIM), str(folder), twin.port, json.dumps(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_browser_finds_the_kit_tries_a_wrong_password_and_sets_it_up(tmp_path):
    flash = tmp_path / "flash"
    with RunningTwin(flash) as twin:
        found, heard, wrong, right, name, other_name, unknown, state = steps(
            twin, ["initialize", 20000], ["scan"], ["provision", "twin-home", "wrong"],
            ["provision", "Café Zoë", "déjà vu 1"], ["getHostname"], ["setHostname", "x"], ["requestNetworkState"],
            ["requestCurrentState"],
        )  # fmt: skip
        assert found["ok"]["firmware"] == "citimeasure" and found["ok"]["chipFamily"] == "ESP32S3"
        assert found["state"] == 2
        assert {one["name"]: one["secured"] for one in heard["ok"]} == {
            "twin-home": True, "twin-open": False, "Café Zoë": True,
        }  # fmt: skip
        assert (wrong["error"], wrong["state"]) == ("UNABLE_TO_CONNECT", 2)
        assert (right["ok"], right["state"]) == (None, 4)
        assert name["ok"] == "citimeasure kit"
        assert other_name["error"] == "BAD_HOSTNAME" and unknown["error"] == "UNKNOWN_RPC_COMMAND"
        assert state["state"] == 4
        # Improv has left the port as it was: mpremote can break in.
        assert twin.mpremote("eval", "1") == "1\n"
    assert json.loads((flash / "cfg" / "config.json").read_text())["network"] == "Café Zoë"
    assert json.loads((flash / "cfg" / "secret.json").read_text())["wifi_password"] == "déjà vu 1"
