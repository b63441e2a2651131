# SPDX-License-Identifier: EUPL-1.2
"""A version that fails, in every way that we know, and a kit that comes back from it; on virtual time, boot by boot."""

import pytest

from tests.firmware.ota.kits import Kit, command, release

CRASH = "raise ValueError('broken')"
HANG = "import machine\nmachine.hang()"
# A start that hands over to the real one, after which something happens.
LATER = """
import asyncio
from kit.core import config
from kit.core.app import App
from kit.sensors import find
from kit.sensors.bus import Bus
from machine import I2C, hang
async def happen():
    await asyncio.sleep({after})
    {what}
async def both(app):
    await asyncio.gather(app.run(), happen())
def run(watchdog=None):
    app = App(config.load("/cfg"), find(Bus(I2C())), "/data")
    app.updates.begin(watchdog)
    asyncio.run(both(app))
"""
WITHOUT_LINK = "class Uplink:\n    def __init__(self, *_): self.counts = {'acked': 0, 'errors': 0, 'undated': 0}\n"
WITHOUT_LINK += "    on_command = None\n    def wake(self): pass\n    def tell(self): pass\n"
WITHOUT_LINK += "    async def run(self):\n        import asyncio\n        while True: await asyncio.sleep(60)\n"


def order(tmp_path, **changes):
    """A kit that has been told to take version 0.2.0, and has it on trial now."""
    kit = Kit(tmp_path)
    kit.shelf = release(tmp_path, "0.2.0", **changes)
    assert kit.boot(command=command("0.2.0")) == "reset"
    assert kit.fw == "0.1.0" and kit.update == ("pending", "0.2.0", "restarting")
    assert kit.slot["active"] == "/a" and kit.slot["phase"] == "trial"
    return kit


def live(kit, boots, **options):
    """Lets it start so often; gives the ends of the boots."""
    return [kit.boot(command=command("0.2.0"), **options) for _ in range(boots)]


def test_a_good_version_is_confirmed_by_the_first_acknowledgement(tmp_path):
    kit = order(tmp_path)
    assert kit.boot(600, command=command("0.2.0")) == "power"
    assert [status["update"]["state"] for status in kit.statuses] == ["pending", "confirmed"]
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")
    assert kit.slot["phase"] == "probation" and kit.slot["floor"] == "0.2.0"
    # A day without a fault ends the probation. The retained order means nothing to it any more.
    assert kit.boot(25 * 3600, command=command("0.2.0")) == "power"
    assert kit.slot["phase"] == "settled" and kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")


@pytest.mark.parametrize("heap", ["2m", "128k"])
def test_a_web_server_whose_certificate_is_wrong_is_told_and_stops_nobody(tmp_path, heap):
    kit = Kit(tmp_path)
    stranger = command("0.2.0", url="http://stranger/r/")
    if heap == "128k":  # it downloads before it measures
        assert kit.boot(heap=heap, command=stranger) == "reset"
        assert kit.boot(heap=heap) == "reset"
        stranger = None
    assert kit.boot(300, heap=heap, command=stranger) == "power"
    reason = "certificate: The certificate is not correctly signed by the trusted CA"
    assert kit.fw == "0.1.0" and kit.update == ("pending", "0.2.0", reason)


def test_a_board_with_little_memory_starts_again_to_download(tmp_path):
    kit = Kit(tmp_path)
    assert kit.boot(heap="128k", command=command("0.2.0")) == "reset"
    assert kit.update == ("pending", "0.2.0", "restarting") and (kit.flash / "update.json").exists()
    # There is no such release: that is told, kept, and not tried again.
    assert kit.boot(heap="128k") == "reset"
    assert kit.boot(600, heap="128k", command=command("0.2.0")) == "power"
    assert kit.update == ("refused", "0.2.0", "http: 404 for manifest.sig")
    kit.shelf = release(tmp_path, "0.2.0")
    assert kit.boot(600, heap="128k", command=command("0.2.0", url="http://shelf/again/")) == "reset"
    # This once it has more, as the simulated server holds all files in the kit's own heap.
    assert kit.boot() == "reset"
    assert kit.boot(600, heap="128k") == "power"
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")


def test_versions_take_turns_in_the_slots(tmp_path):
    kit = Kit(tmp_path)
    for version, slot in (("0.2.0", "/a"), ("0.2.1", "/b"), ("0.3.0", "/a")):
        kit.shelf = release(tmp_path, version)
        assert kit.boot(command=command(version)) == "reset"
        assert kit.boot(600) == "power"
        assert kit.fw == version and kit.update == ("confirmed", version, "") and kit.slot["active"] == slot


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"core_app": CRASH}, "crashed: ValueError: broken"),
        ({"start": "def run(watchdog):\n    1 / 0"}, "crashed: ZeroDivisionError"),
        ({"sensors_bus": "from kit import nothing"}, "crashed: ImportError"),
        ({"start": "import machine\nmachine.reset()"}, "no_ack: three starts"),
        ({"start": LATER.format(after=3600, what="raise RuntimeError('later')")}, "crashed: RuntimeError: later"),
    ],
)
def test_a_version_that_crashes_is_tried_three_times(tmp_path, changes, reason):
    kit = order(tmp_path, **changes)
    assert live(kit, 3, seconds=7200, collector=False) == ["reset"] * 3
    assert live(kit, 1) == ["power"]
    assert kit.fw == "0.1.0"
    state, version, why = kit.update
    assert (state, version) == ("rolled back", "0.2.0") and why.startswith(reason)
    assert kit.boot(3600, command=command("0.2.0")) == "power"
    assert kit.fw == "0.1.0" and kit.update[0] == "rolled back", "it was taken again, or told as something else"


def test_a_version_that_hangs_is_tried_once(tmp_path):
    kit = order(tmp_path, core_config=HANG)
    assert live(kit, 2) == ["watchdog", "power"]
    assert kit.fw == "0.1.0" and kit.update == ("rolled back", "0.2.0", "hung")


def test_a_version_that_crashes_after_it_was_confirmed_goes_too(tmp_path):
    kit = order(tmp_path, start=LATER.format(after=3600, what="raise RuntimeError('later')"))
    assert live(kit, 1, seconds=7200) == ["reset"]
    assert kit.fw == "0.2.0" and kit.update[0] == "confirmed"
    assert live(kit, 3, seconds=7200) == ["reset", "reset", "power"]
    assert kit.fw == "0.1.0" and kit.update == ("rolled back", "0.2.0", "crashed: RuntimeError: later")


def test_a_version_that_hangs_after_it_was_confirmed_goes_too(tmp_path):
    kit = order(tmp_path, start=LATER.format(after=3600, what="hang()"))
    assert live(kit, 4, seconds=7200) == ["watchdog", "watchdog", "watchdog", "power"]
    assert kit.fw == "0.1.0" and kit.update == ("rolled back", "0.2.0", "hung")


def test_a_version_that_measures_but_never_reaches_the_collector_goes_within_a_day(tmp_path):
    kit = order(tmp_path, net_uplink=WITHOUT_LINK)
    assert live(kit, 3, seconds=10 * 3600) == ["reset"] * 3
    assert live(kit, 1) == ["power"]
    assert kit.fw == "0.1.0" and kit.update == ("rolled back", "0.2.0", "no_ack: in 8 hours")


def test_a_better_version_is_taken_after_one_that_failed(tmp_path):
    kit = order(tmp_path, core_app=CRASH)
    live(kit, 4)
    (tmp_path / "second").mkdir()
    kit.shelf = release(tmp_path / "second", "0.2.1")
    assert kit.boot(command=command("0.2.1")) == "reset"
    assert kit.boot(600) == "power"
    assert kit.fw == "0.2.1" and kit.update == ("confirmed", "0.2.1", "")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"active": "/b"}', '{"active": 5}', '{"active": "/a", "phase": "trial"}']
)
def test_a_damaged_state_still_starts_something(tmp_path, content):
    kit = Kit(tmp_path)
    (kit.flash / "slot.json").write_text(content)
    assert kit.boot(300) == "power" and kit.fw == "0.1.0"


def test_a_settled_version_is_left_alone_whatever_happens(tmp_path):
    kit = order(tmp_path)
    kit.boot(25 * 3600)
    kit.end = "watchdog"
    for _ in range(5):
        assert kit.boot(120) == "power" and kit.fw == "0.2.0"
        kit.end = "watchdog"
