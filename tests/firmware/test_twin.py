# SPDX-License-Identifier: EUPL-1.2
"""The twin as a board: the real mpremote and a bare serial port find what they find on a board."""

import json
import time

import pytest
import serial

from tests.firmware.twins import RunningTwin
from tests.journeys.collecting import citimeasure, wait_until


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A twin whose flash holds the firmware, which has been interrupted."""
    with RunningTwin(tmp_path_factory.mktemp("twin") / "flash") as running:
        running.interrupt()
        yield running


def test_mpremote_runs_code_and_tells_of_errors(twin, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\nprint(sys.platform, sys.implementation._machine)\n")
    assert twin.mpremote("exec", "print(6 * 7)") == "42\n"
    assert twin.mpremote("eval", "2**20") == "1048576\n"
    assert twin.mpremote("run", script).startswith("esp32 Twin of")
    told = twin.mpremote("exec", "1/0", ok=False)
    assert told.startswith("1 ") and "ZeroDivisionError" in told and "serial_board" not in told


def test_mpremote_copies_files_both_ways(twin, tmp_path):
    here, back = tmp_path / "here.bin", tmp_path / "back.bin"
    here.write_bytes(bytes(range(256)) * 20)
    twin.mpremote("mkdir", ":box", "+", "cp", here, ":box/there.bin")
    assert "5120 there.bin" in twin.mpremote("ls", ":box")
    twin.mpremote("cp", ":box/there.bin", back)
    assert back.read_bytes() == here.read_bytes() == (twin.flash / "box" / "there.bin").read_bytes()
    twin.mpremote("rm", "-r", ":box")
    assert not (twin.flash / "box").exists()
    assert "main.py" in twin.mpremote("ls")


def test_mpremote_mounts_a_folder_of_the_computer(twin, tmp_path):
    (tmp_path / "hello.py").write_text("print('from afar')\n")
    assert "from afar" in twin.mpremote("mount", tmp_path, "exec", "import hello")


def test_a_soft_reset_forgets_names_and_keeps_files(twin):
    twin.mpremote("exec", "kept = 1; open('/kept', 'w').close()")
    assert twin.mpremote("resume", "eval", "kept") == "1\n"
    assert "NameError" in twin.mpremote("soft-reset", "eval", "kept", ok=False)
    assert "kept" in twin.mpremote("exec", "import os; print(os.listdir('/'))")
    assert twin.mpremote("exec", "import machine; print(machine.reset_cause() == machine.SOFT_RESET)") == "True\n"


def test_what_runs_can_be_interrupted(twin):
    twin.mpremote("exec", "--no-follow", "while True: pass")
    assert twin.mpremote("eval", "1") == "1\n"


def test_time_counts_from_2000_as_on_an_esp32(twin):
    code = "all(time.mktime(time.gmtime(s)) == s for s in range(0, 2**30, 86400 * 29 + 12345))"
    told = twin.mpremote("exec", f"import time; print(time.gmtime(0), time.time(), {code})")
    zero, _, rest = told.partition(") ")
    now, back = rest.split()
    assert zero == "(2000, 1, 1, 0, 0, 0, 5, 1" and back == "True"
    assert abs(int(now) + 946_684_800 - time.time()) < 60


def test_the_sensors_are_on_the_bus(twin):
    assert twin.mpremote("exec", "from machine import I2C; print(I2C(0).scan())") == "[68, 105]\n"


def type_and_see(port, typed, expected):
    """Types, and reads until the answer comes."""
    port.write(typed)
    until, told = time.monotonic() + 20, b""
    while expected not in told:
        assert time.monotonic() < until, told
        told += port.read(port.in_waiting or 1)


def test_a_person_can_type(twin):
    with serial.Serial(twin.port, 115200, timeout=1) as port:
        type_and_see(port, b"\x03\x02", b"MicroPython 1.")
        type_and_see(port, b"'ac\x7fb' * 2\r", b"\r\n'abab'\r\n>>> ")
        type_and_see(port, b"for i in range(2):\r  print(i)\r\r", b"\r\n0\r\n1\r\n>>> ")
        type_and_see(port, b"\x05x = 5\rprint(x)\r\x04", b"=== 5\r\n")
        type_and_see(port, b"1 +\r", b"SyntaxError")


def test_the_firmware_runs_from_the_start_and_again_after_a_reset(tmp_path):
    with RunningTwin(tmp_path / "flash") as twin:
        wait_until((tmp_path / "flash" / "data").exists, 20, "the application's start")
        twin.interrupt()
        with serial.Serial(twin.port, 115200, timeout=1) as port:
            type_and_see(port, b"\x04", b"soft reboot")
        wait_until(lambda: twin.log.count("start:") == 2, 20, "the soft reset")
        twin.interrupt()
        with serial.Serial(twin.port, 115200, timeout=1) as port:
            port.write(b"import machine; machine.reset()\r")
            wait_until(lambda: "start: reset" in twin.log, 20, "the reset")


def test_a_sensor_can_be_left_away_and_a_flash_kept(tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "main.py").write_text("from machine import I2C\nfound = I2C(0).scan()\n")
    with RunningTwin(flash, "--keep", "--without", "SPS30") as twin:
        assert twin.mpremote("exec", "from machine import I2C; print(I2C(0).scan())") == "[68]\n"
    assert (flash / "main.py").read_text().startswith("from machine")


def test_a_twin_that_runs_sends_readings_of_a_simulated_kit(tmp_path, mosquitto):
    flash, folder = tmp_path / "flash", tmp_path / "city"
    with RunningTwin(flash, "--run", "--folder", folder, "--broker", mosquitto.url) as twin:
        wait_until(lambda: "start:" in twin.log)
    config = json.loads((flash / "cfg" / "config.json").read_text())
    [kit] = json.loads(citimeasure("device", "list", "--folder", folder, "-o", "json").stdout)
    assert kit["device"] == config["device"] and kit["simulated"]
    assert (config["host"], config["port"]) == ("127.0.0.1", mosquitto.port)


def test_wrong_wishes_end_in_a_sentence(tmp_path):
    flash = tmp_path / "flash"
    flash.write_text("a file, not a folder")

    def fails(code, *args, **env):
        done = citimeasure("twin", "--flash", flash, *args, ok=False, **env)
        assert done.returncode == code and done.stdout == "", done.stderr
        return done.stderr

    assert "make parts" in fails(5, CITIMEASURE_MICROPYTHON="/nowhere/micropython")
    assert "cannot be the twin's flash" in fails(3)
    flash.unlink()
    done = citimeasure("twin", "--flash", flash, "--heap", "1k", ok=False)
    assert done.returncode == 5 and "The board does not start" in done.stderr
    assert "There is no sensor 'BME'" in fails(2, "--without", "BME")
    assert "goes with --run" in fails(2, "--device", "kit-aaa")


def test_the_watchdog_bites_a_program_that_stands_still(tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    program = "import machine\nprint('cause', machine.reset_cause())\n"
    program += "if machine.reset_cause() != machine.WDT_RESET:\n  machine.WDT(timeout=1000)\n  while True: pass\n"
    (flash / "main.py").write_text(program)
    with RunningTwin(flash, "--keep") as twin:
        wait_until(lambda: "start: watchdog" in twin.log, 60, "the bite")
        assert twin.mpremote("resume", "exec", "print(machine.reset_cause())") == "3\n"
