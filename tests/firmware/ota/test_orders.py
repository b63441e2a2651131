# SPDX-License-Identifier: EUPL-1.2
"""Orders that come too often, at the wrong time of the chip's clock, or from a server that dawdles; on virtual time."""

import pytest
import trustme

from tests.firmware.ota.kits import Kit, command, release

SMALL = "128k"  # of heap: it downloads before it measures


def begun(kit, version):
    """How often a kit said that it downloads a version."""
    told = [status["update"] for status in kit.statuses if status["update"]]
    return sum(one["version"] == version and one["reason"] == "downloading" for one in told)


def test_so_many_orders_a_day_are_too_many_and_wear_nothing(tmp_path):
    kit = Kit(tmp_path)  # its web server has no release: each order that is begun ends in a refusal, which is kept
    flood = [command("0.2.0", at=n) for n in range(6)] + [command(f"0.3.{n}") for n in range(6)]
    assert kit.boot(16 * 120, orders=flood) == "power"
    assert begun(kit, "0.2.0") == 4 and sum(begun(kit, f"0.3.{n}") for n in range(6)) == 4
    assert kit.update == ("refused", "0.3.5", "limit")
    before = (kit.flash / "slot.json").stat().st_mtime_ns
    assert kit.slot["orders"][1:] == ["0.2.0"] * 4 + ["0.3.0", "0.3.1", "0.3.2", "0.3.3"]
    # A start does not make it forget, and who orders in turns has no more.
    turns = [command(f"0.{2 + n % 2}.0", at=100 + n) for n in range(30)]
    assert kit.boot(34 * 120, orders=turns) == "power"
    assert kit.update[2] == "limit" and not begun(kit, "0.2.0") + begun(kit, "0.3.0")
    assert (kit.flash / "slot.json").stat().st_mtime_ns == before


def test_an_order_that_came_too_often_is_looked_at_on_the_next_day(tmp_path):
    kit = Kit(tmp_path)
    kit.boot(900, orders=[command("0.2.0", at=n) for n in range(4)])
    kit.shelf = release(tmp_path, "0.2.0")
    late = 22 * 3600
    assert kit.boot(5000, later=late, command=command("0.2.0")) == "power"
    assert kit.update == ("refused", "0.2.0", "limit")
    assert kit.boot(4 * 3600, later=late, command=command("0.2.0")) == "reset"
    assert kit.boot(600, later=late + 4 * 3600) == "power"
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")


@pytest.mark.parametrize("known", ["by a time server", "by the last start", "by the order"])
def test_after_a_power_cut_the_chips_clock_is_set_before_a_certificate_is_judged(tmp_path, known):
    kit = Kit(tmp_path)
    (kit.flash / "cfg/roots").mkdir()
    trustme.CA().cert_pem.write_to_path(kit.flash / "cfg/roots/root.pem")
    order, later = command("0.2.0", url="https://dated/r/"), 400 * 86400
    assert kit.boot(heap=SMALL, command=order, later=later) == "reset"
    kit.shelf, kit.end = release(tmp_path, "0.2.0"), "power"
    assert (kit.flash / "update.json").exists()
    if known != "by the last start":
        (kit.flash / "data/zeros").unlink()
    if known != "by the order":
        (kit.flash / "slot.json").unlink()
    assert kit.boot(timeless=known != "by a time server", later=later) == "reset"
    assert kit.boot(600, later=later) == "power"
    assert kit.fw == "0.2.0" and kit.update == ("confirmed", "0.2.0", "")


def test_a_server_that_dawdles_does_not_keep_a_kit_from_measuring(tmp_path):
    kit = Kit(tmp_path)
    kit.shelf = release(tmp_path, "0.2.0")
    assert kit.boot(heap=SMALL, command=command("0.2.0")) == "reset"
    assert kit.boot(1000, dawdle=25) == "reset", "it still waits for the server"
    assert kit.boot(40, command=command("0.2.0")) == "power"
    assert kit.fw == "0.1.0" and kit.update == ("pending", "0.2.0", "no_answer")
    # Later it tries again, and all is well.
    assert kit.boot(command=command("0.2.0")) == "reset"
    assert kit.boot(600) == "power" and kit.fw == "0.2.0"


def test_a_download_that_hangs_the_whole_kit_ends_in_a_new_start_without_it(tmp_path):
    kit = Kit(tmp_path)
    assert kit.boot(heap=SMALL, command=command("0.2.0", url="http://tarpit/")) == "reset"
    assert kit.boot() == "watchdog"
    assert kit.boot(300, heap=SMALL) == "power" and kit.fw == "0.1.0"


def test_a_flash_that_takes_nothing_is_told_and_the_kit_measures_on(tmp_path):
    kit = Kit(tmp_path)
    (kit.flash / "slot.new").mkdir()  # nothing can be written there
    assert kit.boot(600, command=command("0.2.0")) == "power"
    assert kit.update[:2] == ("pending", "0.2.0") and str(kit.update[2]).startswith("flash: ")
    (kit.flash / "update.json").mkdir()  # nobody can remove it
    assert kit.boot(600) == "power" and kit.fw == "0.1.0"
