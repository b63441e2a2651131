# SPDX-License-Identifier: EUPL-1.2
"""The bar of updates as one table: whatever a release is or does, a working version runs, and the host is told so.

Each kit meets its release in virtual time. Its last start is on a real mosquitto with the real collector, where its
order still lies; `citimeasure fleet status` must show how it went. Power cuts at every single write are in
tests/firmware/test_power_cuts.py, servers that fail in test_https.py.
"""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest

from collector.fleet import Fleet
from collector.registry import Registry
from collector.settings import Settings
from tests.firmware.ota import kits
from tests.firmware.ota.kits import Kit, command, release, small_release
from tests.firmware.ota.test_fleet_journey import on
from tests.firmware.ota.test_trial import CRASH, HANG, LATER
from tests.firmware.twins import RunningTwin
from tests.journeys.collecting import Collector, citimeasure, wait_until

LATE_CRASH = LATER.format(after=3600, what="raise RuntimeError('later')")


def damaged(folder, name, change):
    """A release of which a file is not what was signed."""
    made = small_release(folder, "0.2.0")
    file = made / name
    file.write_bytes(change(file.read_bytes()))
    return made


def flipped(content):
    return bytes([content[0] ^ 1]) + content[1:]


def move(kit, **settings):
    """The kit goes from its virtual world to a real broker."""
    config = kit.flash / "cfg/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | settings))


# The release; the ends of the kit's boots with it, of so many seconds; how fleet status tells it.
REFUSED, CRASHES = ["power"], ["reset"] * 4
CASES = {
    "bad-signature": (lambda f: damaged(f, "manifest.sig", flipped), REFUSED, 600, "refused", "bad_signature"),
    "older": (lambda f: small_release(f, "0.0.9"), REFUSED, 600, "refused", "older"),
    "wrong-board": (lambda f: small_release(f, "0.2.0", board="kit-2"), REFUSED, 600, "refused", "other_board"),
    "cut-short": (lambda f: damaged(f, "files.bin", lambda b: b[:-9]), REFUSED, 600, "refused", "cut_short"),
    "wrong-hash": (lambda f: damaged(f, "files.bin", flipped), REFUSED, 600, "refused", "wrong_hash"),
    "crash-at-import": (lambda f: release(f, "0.2.0", core_app=CRASH), CRASHES, 600, "rolled back", "crashed"),
    "crash-after-an-hour": (lambda f: release(f, "0.2.0", start=LATE_CRASH), CRASHES, 3700, "rolled back", "crashed"),
    "hang": (lambda f: release(f, "0.2.0", core_config=HANG), ["reset", "watchdog"], 600, "rolled back", "hung"),
    "good": (lambda f: release(f, "0.2.0"), ["reset"], 600, "confirmed", ""),
}


@pytest.mark.timeout(300)
def test_every_bad_release_leaves_a_working_version_and_fleet_status_tells_it(tmp_path, mosquitto):
    folder = tmp_path / "data"
    folder.mkdir()
    options = ("--folder", folder, "--broker", mosquitto.url)
    met = {}
    for name, (make, ends, seconds, *_) in CASES.items():
        place = tmp_path / name
        place.mkdir()
        kit = Kit(place, device=f"kit-{name}", interval=10)
        kit.shelf = make(place)
        order = command(kit.shelf.name.removeprefix("release-"))
        assert [kit.boot(seconds, command=order) for _ in ends] == ends, name
        move(kit, host=mosquitto.host, port=mosquitto.port)
        met[f"kit-{name}"] = kit, order
    with Registry(Settings(folder=folder).registry_url) as registry:
        for device in met:
            registry.add_device("kit-1", device)
    with Fleet(Settings(folder=folder, broker=mosquitto.url)) as fleet:
        fleet.publish({device: order.encode() for device, (_, order) in met.items()})
    with contextlib.ExitStack() as all_on, Collector(folder, "--broker", mosquitto.url):
        processes = [all_on.enter_context(on(kit, kit.end, 7200, "2m")) for kit, _ in met.values()]
        told = {}

        def everybody_reports():
            assert all(process.poll() is None for process in processes)
            rows = json.loads(citimeasure("fleet", "status", *options, "-o", "json").stdout)
            told.update({row["device"]: row for row in rows})
            # The collector writes down when devices were last seen once in a minute.
            return all(row["online"] and row["update"] != "pending" for row in rows) and any(
                row["last seen"] for row in rows
            )

        wait_until(everybody_reports, 120, "every kit's report")
        for name, (*_, state, code) in CASES.items():
            row = told[f"kit-{name}"]
            assert (row["update"], row["code"] or "") == (state, code), row
            assert row["version"] == ("0.2.0" if name == "good" else "0.1.0"), row
            assert row["fallbacks"] == (state == "rolled back"), row
        failed = citimeasure("fleet", "status", "--failed", *options).stdout
    print(failed)
    assert "kit-good" not in failed and len([line for line in failed.splitlines() if "kit-" in line]) == 8
    assert "it hung, and the watchdog started the kit again" in failed


@pytest.mark.timeout(120)
def test_a_kit_that_loses_its_power_while_it_downloads_takes_the_release_all_the_same(tmp_path):
    kit = Kit(tmp_path)
    kit.shelf = release(tmp_path, "0.2.0")
    for seconds in (40, 41, 45):  # from the first reading on, each read of the download takes a second
        assert kit.boot(seconds, dawdle=1, command=command("0.2.0")) == "power"
        assert kit.fw == "0.1.0" and kit.slot["active"] != "/a" and kit.slot["building"]
    assert kit.boot(command=command("0.2.0")) == "reset" and kit.boot(600) == "power"
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")


@pytest.mark.timeout(120)
def test_a_twin_whose_new_version_stands_still_is_bitten_and_comes_back(tmp_path, mosquitto):
    """A program that really stands still, and a watchdog that really bites it."""
    kit = Kit(tmp_path)
    kit.shelf = release(tmp_path, "0.2.0", core_config="while True: pass")
    assert kit.boot(command=command("0.2.0")) == "reset" and kit.slot["phase"] == "trial"
    move(kit, host=mosquitto.host, port=mosquitto.port, network="twin-home")
    (kit.flash / "cfg/secret.json").write_text(json.dumps({"wifi_password": "twin-password"}))
    main = (kit.flash / "main.py").read_text()
    (kit.flash / "main.py").write_text(main.replace("120_000", "2_000"))  # the time of the one who waits for the test
    shutil.rmtree(kit.flash / "data", ignore_errors=True)
    settings = Settings(folder=tmp_path, broker=mosquitto.url)
    with RunningTwin(kit.flash, "--keep") as twin:

        def told():
            with Fleet(settings) as fleet:
                one = fleet.statuses().get(kits.DEVICE)
            return one and (one.fw, one.update, one.version, one.reason) == ("0.1.0", "rolled back", "0.2.0", "hung")

        wait_until(told, 60, "the report")
        assert twin.log.count("start: watchdog") == 1, twin.log
