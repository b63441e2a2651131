# SPDX-License-Identifier: EUPL-1.2
"""A kit from the box: registered, set up over its cable, measuring, and its first readings on the screen."""

from __future__ import annotations

import json
from pathlib import Path

from tests import parts
from tests.firmware.twins import RunningTwin
from tests.journeys.collecting import Collector, citimeasure, wait_until


def test_a_kit_is_set_up_over_its_cable_and_its_readings_can_be_seen(
    tmp_path: Path, mosquitto: parts.Mosquitto
) -> None:
    folder = tmp_path / "city"
    device = citimeasure("device", "add", "--folder", folder, "--place", 52.0907, 5.1214).stdout.strip()
    with Collector(folder, "--broker", mosquitto.url) as collector, RunningTwin(tmp_path / "flash") as twin:
        label = citimeasure(
            "provision", device, "--folder", folder, "--port", twin.port, "--collector", f"127.0.0.1:{mosquitto.port}",
            "--network", "twin-home", "--set", "interval=1", CITIMEASURE_WIFI_PASSWORD="twin-password",
        ).stdout  # fmt: skip
        assert device in label

        def seen() -> list[dict[str, object]]:
            words = ("query", device, "temperature", "--folder", folder, "--every", "minute", "-o", "json")
            done = citimeasure(*words, ok=False)
            assert done.returncode in (0, 4), done.stderr
            return json.loads(done.stdout) if done.returncode == 0 else []

        wait_until(seen, 60, "the first reading")
        assert all(10 < float(str(row["value"])) < 30 for row in seen())
        report = citimeasure("selftest", "--port", twin.port).stdout
        assert f"{device} to 127.0.0.1:{mosquitto.port}" in report and "WRONG" not in report
        assert collector.process is not None and collector.process.poll() is None
