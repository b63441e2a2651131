# SPDX-License-Identifier: EUPL-1.2
"""`citimeasure selftest` and `monitor` on a twin."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest

from firmware import repl
from firmware.errors import BoardFault
from tests import parts
from tests.firmware.twins import RunningTwin
from tests.journeys.collecting import CITIMEASURE, citimeasure, environment, wait_until


def with_settings(tmp_path, **settings):
    """A flash whose kit has been set up."""
    folder = tmp_path / "flash" / "cfg"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "secret.json").write_text(json.dumps({"wifi_password": "twin-password", "mqtt_password": "hush-1"}))
    return tmp_path / "flash"


def found(told):
    """Verdict and text by part."""
    lines = [re.fullmatch(r"(ok|WRONG|-) +(\S+(?: \S+)*?)  +(.*)", line) for line in told.splitlines()[1:]]
    assert all(lines), told
    return {line[2]: (line[1], line[3]) for line in lines}


def test_a_kit_in_order_says_so_and_no_secret(tmp_path, mosquitto):
    flash = with_settings(tmp_path, device="kit-aaaaaa", host="127.0.0.1", port=mosquitto.port, network="twin-home")
    with RunningTwin(flash) as twin:
        done = citimeasure("selftest", "--port", twin.port)
        parts_ = found(done.stdout)
        assert {verdict for verdict, _ in parts_.values()} <= {"ok", "-"}, done.stdout
        assert "MicroPython 1." in parts_["runtime"][1] and parts_["last start"][1] == "power"
        assert parts_["bus"][1] == "0x44 0x69" and "kB written" in parts_["flash"][1]
        assert "humidity" in parts_["SHT4x"][1] and "pm25" in parts_["SPS30"][1]
        assert parts_["settings"][1].startswith("kit-aaaaaa to 127.0.0.1") and "answers" in parts_["collector"][1]
        assert "-58 dBm" in parts_["wifi"][1]
        for hidden in ("hush-1", "twin-password", "twin-home"):
            assert hidden not in done.stdout + done.stderr
        # The firmware goes on.
        wait_until(lambda: "start: soft reset" in twin.log, what="the restart")


def test_a_kit_that_lacks_things_says_which(tmp_path):
    with RunningTwin(tmp_path / "flash", "--without", "SPS30", "--without", "SHT45") as twin:
        done = citimeasure("selftest", "--port", twin.port, ok=False)
        assert done.returncode == 5 and "Wrong: settings, bus, wifi." in done.stderr
        told = found(done.stdout)
        assert "missing: device, host, network" in told["settings"][1]
        assert "check the wires" in told["bus"][1]


def test_wrong_wifi_and_a_collector_that_is_away(tmp_path):
    nobody = parts.free_port()
    flash = with_settings(tmp_path, device="kit-aaaaaa", host="127.0.0.1", port=nobody, network="twin-open")
    with RunningTwin(flash) as twin:
        told = found(citimeasure("selftest", "--port", twin.port, ok=False).stdout)
        assert told["collector"][0] == "WRONG" and "does not answer" in told["collector"][1]
        assert told["wifi"][0] == "ok"


def test_code_that_fails_ends_in_a_sentence(tmp_path):
    with RunningTwin(tmp_path / "flash") as twin:
        with repl.Repl(twin.port) as board, pytest.raises(BoardFault, match="ImportError: no module named 'nothing'"):
            board.run("import nothing", print, 5)
        with repl.Repl(twin.port) as board, pytest.raises(BoardFault, match="does not come to an end"):
            board.run("while True: pass", print, 0.5)


def test_a_port_without_a_board_says_so(monkeypatch):
    monkeypatch.setattr(repl, "_TRIES", 1)
    master, slave = pty.openpty()
    try:
        with pytest.raises(BoardFault, match="No board answers"):
            repl.Repl(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_the_monitor_shows_lines_with_the_time_and_waits_for_the_board(tmp_path):
    # A link that stays the same while the board behind it goes and comes, as with a cable.
    link, log = tmp_path / "board", tmp_path / "log"

    def plug_in():
        master, slave = pty.openpty()
        link.symlink_to(os.ttyname(slave))
        os.close(slave)
        return master

    board = plug_in()
    with log.open("wb") as out:
        command = [*CITIMEASURE, "monitor", "--port", str(link)]
        watching = subprocess.Popen(command, stdout=out, stderr=out, env=environment(PYTHONUNBUFFERED="1"))
    try:
        wait_until(lambda: "Listening" in log.read_text(), what="the monitor's start")

        def hears(raw, shown):
            def said():
                os.write(board, raw)
                return re.search(
                    rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}}  {shown}$", log.read_text(), re.MULTILINE
                )

            wait_until(said, 20, shown)

        hears(b"hello\r\n", "hello")
        hears(b"\xff\x1b[2Jodd\n", r"\\xff\\x1b\[2Jodd")
        link.unlink()
        os.close(board)
        wait_until(lambda: "has gone; waiting" in log.read_text(), 20, "that it has gone")
        board = plug_in()
        wait_until(lambda: "is back" in log.read_text(), 20, "that it is back")
        hears(b"again\r\n", "again")
    finally:
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=20) == 0
        os.close(board)
